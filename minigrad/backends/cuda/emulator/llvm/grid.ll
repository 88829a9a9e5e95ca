; What runs a part of a grid in one compiled instance of a kernel.
;
; The special registers are a table: 0 to 2 threadIdx, 3 to 5 blockIdx, 6 to 8 blockDim, 9 to 11 gridDim, each x y z.

@sreg = global [12 x i32] zeroinitializer

; the thread with a number in its block becomes the current one; backwards: numbers count from the last thread
; in a block that is a line (line) the number is threadIdx.x, in others (box) it is taken apart
define internal void @set_thread(i32 %number, i32 %threads, i1 %backwards) alwaysinline {
entry:
  %last = sub i32 %threads, 1
  %mirrored = sub i32 %last, %number
  %i = select i1 %backwards, i32 %mirrored, i32 %number
  %bx = load i32, ptr getelementptr (i32, ptr @sreg, i64 6)
  %by = load i32, ptr getelementptr (i32, ptr @sreg, i64 7)
  %flat = icmp eq i32 %bx, %threads
  br i1 %flat, label %line, label %box
line:
  store i32 %i, ptr @sreg
  store i32 0, ptr getelementptr (i32, ptr @sreg, i64 1)
  store i32 0, ptr getelementptr (i32, ptr @sreg, i64 2)
  br label %out
box:
  %x = urem i32 %i, %bx
  %q = udiv i32 %i, %bx
  %y = urem i32 %q, %by
  %z = udiv i32 %q, %by
  store i32 %x, ptr @sreg
  store i32 %y, ptr getelementptr (i32, ptr @sreg, i64 1)
  store i32 %z, ptr getelementptr (i32, ptr @sreg, i64 2)
  br label %out
out:
  ret void
}

; run blocks start to stop - 1 of the grid; dims: block x y z, grid x y z, whether backwards
; copy the sizes of block and grid into the table (copy)
; for each block b, or its mirror image (block):
;   blockIdx is its number taken apart; run its threads
define void @run_blocks(ptr %args, ptr %dims, i64 %start, i64 %stop) {
entry:
  br label %copy
copy:
  %k = phi i64 [0, %entry], [%k1, %copy]
  %src = getelementptr i32, ptr %dims, i64 %k
  %v = load i32, ptr %src
  %k6 = add i64 %k, 6
  %dst = getelementptr i32, ptr @sreg, i64 %k6
  store i32 %v, ptr %dst
  %k1 = add i64 %k, 1
  %more = icmp ult i64 %k1, 6
  br i1 %more, label %copy, label %begin
begin:
  %nx = load i32, ptr getelementptr (i32, ptr @sreg, i64 6)
  %ny = load i32, ptr getelementptr (i32, ptr @sreg, i64 7)
  %nz = load i32, ptr getelementptr (i32, ptr @sreg, i64 8)
  %nxy = mul i32 %nx, %ny
  %threads = mul i32 %nxy, %nz
  %gx32 = load i32, ptr getelementptr (i32, ptr @sreg, i64 9)
  %gy32 = load i32, ptr getelementptr (i32, ptr @sreg, i64 10)
  %gx = zext i32 %gx32 to i64
  %gy = zext i32 %gy32 to i64
  %order_at = getelementptr i32, ptr %dims, i64 6
  %order = load i32, ptr %order_at
  %backwards = icmp ne i32 %order, 0
  %sum = add i64 %start, %stop
  %end = sub i64 %sum, 1
  br label %block
block:
  %b = phi i64 [%start, %begin], [%b1, %block]
  %mirrored = sub i64 %end, %b
  %at = select i1 %backwards, i64 %mirrored, i64 %b
  %x = urem i64 %at, %gx
  %q = udiv i64 %at, %gx
  %y = urem i64 %q, %gy
  %z = udiv i64 %q, %gy
  %x32 = trunc i64 %x to i32
  %y32 = trunc i64 %y to i32
  %z32 = trunc i64 %z to i32
  store i32 %x32, ptr getelementptr (i32, ptr @sreg, i64 3)
  store i32 %y32, ptr getelementptr (i32, ptr @sreg, i64 4)
  store i32 %z32, ptr getelementptr (i32, ptr @sreg, i64 5)
  call void @run_block(ptr %args, i32 %threads, i1 %backwards)
  %b1 = add i64 %b, 1
  %again = icmp ult i64 %b1, %stop
  br i1 %again, label %block, label %out
out:
  ret void
}
