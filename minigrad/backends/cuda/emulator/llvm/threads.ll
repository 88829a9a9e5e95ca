; A kernel without a barrier: the threads of a block are a plain loop, which LLVM may inline and vectorise.
; Its arguments lie one after another, eight bytes each; they are read once for all threads of the block.

define internal void @run_block(ptr %args, i32 %threads, i1 %backwards) {
entry:
  %ret = alloca ptr
$fill_shared_memory
$load_arguments
  br label %thread
thread:
  %i = phi i32 [0, %entry], [%i1, %thread]
  call void @set_thread(i32 %i, i32 %threads, i1 %backwards)
  call i32 @kernel(ptr %ret$arguments)
  %i1 = add i32 %i, 1
  %more = icmp ult i32 %i1, %threads
  br i1 %more, label %thread, label %out
out:
  ret void
}
