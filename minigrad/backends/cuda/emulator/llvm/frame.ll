; A coroutine begins: its frame is that of the thread with this number in the block before, or it is allocated, in whole
; cache lines.
  %co.id = call token @llvm.coro.id(i32 64, ptr null, ptr null, ptr null)
  %co.number = load i32, ptr @current
  %co.slot = getelementptr ptr, ptr @frames, i32 %co.number
  %co.old = load ptr, ptr %co.slot
  %co.fresh = icmp eq ptr %co.old, null
  br i1 %co.fresh, label %co.new, label %co.begin
co.new:
  %co.size = call i64 @llvm.coro.size.i64()
  %co.room = add i64 %co.size, 64
  %co.raw = call ptr @malloc(i64 %co.room)
  %co.at = ptrtoint ptr %co.raw to i64
  %co.above = add i64 %co.at, 63
  %co.line = and i64 %co.above, -64
  %co.made = inttoptr i64 %co.line to ptr
  store ptr %co.made, ptr %co.slot
  br label %co.begin
co.begin:
  %co.mem = phi ptr [%co.old, %entry], [%co.made, %co.new]
  %co.h = call ptr @llvm.coro.begin(token %co.id, ptr %co.mem)
