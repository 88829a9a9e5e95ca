; A coroutine ends: it stays suspended, so that who runs it sees that it is done, until it is destroyed.
co.end:
  %co.last = call i8 @llvm.coro.suspend(token none, i1 true)
  switch i8 %co.last, label %co.out [i8 0, label %co.trap i8 1, label %co.free]
co.trap:
  unreachable
co.free:
  %co.mem2 = call ptr @llvm.coro.free(token %co.id, ptr %co.h)
  br label %co.out
co.out:
  call $coro_end @llvm.coro.end(ptr %co.h, i1 false, token none)
  ret ptr %co.h
