; A kernel with barriers: start every thread of the block, each up to its first barrier; then resume those that wait, in
; rounds, until all have ended. A thread's frame is allocated once and serves all later blocks.

declare token @llvm.coro.id(i32, ptr, ptr, ptr)
declare i64 @llvm.coro.size.i64()
declare ptr @llvm.coro.begin(token, ptr)
declare i8 @llvm.coro.suspend(token, i1)
declare $coro_end @llvm.coro.end(ptr, i1, token)
declare ptr @llvm.coro.free(token, ptr)
declare i1 @llvm.coro.done(ptr)
declare void @llvm.coro.resume(ptr)
declare void @llvm.coro.destroy(ptr)
declare ptr @malloc(i64)

; of each thread of a block: its frame; its coroutine, null once it has ended; and the number of the one that starts
@frames = global [1024 x ptr] zeroinitializer
@handles = global [1024 x ptr] zeroinitializer
@current = global i32 0

; for each thread i of the block (begin):
;   start it; it comes back from its first barrier, or from its end
; again and again, until all have ended (round):
;   for each thread j that has not (step):
;     destroy it if it is at its end (finish), else let it run to its next barrier or its end (resume)
define internal void @run_block(ptr %args, i32 %threads, i1 %backwards) {
entry:
  %ret = alloca ptr
$fill_shared_memory
$load_arguments
  br label %begin
begin:
  %i = phi i32 [0, %entry], [%i1, %begin]
  call void @set_thread(i32 %i, i32 %threads, i1 %backwards)
  store i32 %i, ptr @current
  %h0 = call ptr @kernel(ptr %ret$arguments)
  %slot = getelementptr ptr, ptr @handles, i32 %i
  store ptr %h0, ptr %slot
  %i1 = add i32 %i, 1
  %more = icmp ult i32 %i1, %threads
  br i1 %more, label %begin, label %round
round:
  br label %step
step:
  %j = phi i32 [0, %round], [%j1, %next]
  %live = phi i32 [0, %round], [%live1, %next]
  %gone = phi i32 [0, %round], [%gone1, %next]
  %at = getelementptr ptr, ptr @handles, i32 %j
  %h = load ptr, ptr %at
  %null = icmp eq ptr %h, null
  br i1 %null, label %next, label %check
check:
  %done = call i1 @llvm.coro.done(ptr %h)
  br i1 %done, label %finish, label %resume
finish:
  call void @llvm.coro.destroy(ptr %h)
  store ptr null, ptr %at
  br label %next
resume:
  call void @set_thread(i32 %j, i32 %threads, i1 %backwards)
  call void @llvm.coro.resume(ptr %h)
  br label %next
next:
  %add = phi i32 [0, %step], [0, %finish], [1, %resume]
  %lost = phi i32 [0, %step], [1, %finish], [0, %resume]
  %live1 = add i32 %live, %add
  %gone1 = add i32 %gone, %lost
  %j1 = add i32 %j, 1
  %rest = icmp ult i32 %j1, %threads
  br i1 %rest, label %step, label %ended
ended:
$diverged
  %any = icmp ne i32 %live1, 0
  br i1 %any, label %round, label %out
out:
  ret void
}
