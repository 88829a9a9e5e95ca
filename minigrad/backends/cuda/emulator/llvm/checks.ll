; What a kernel of the checked mode calls: mg_bounds, mg_read, mg_write.
;
; A launch leaves a table of its arrays: where each begins and stops, and where the bytes are that say of each of its
; bytes whether it was written. The record holds the first thing found: kind, address, index, length, axis, thread x y z,
; block x y z. Kinds: 1 an index out of bounds, 2 read before written, 3 a barrier that some threads never reach.

@mg_arrays = global [64 x [3 x i64]] zeroinitializer
@mg_count = global i64 0
@mg_span = global [2 x i64] zeroinitializer ; from the first of the arguments' addresses to behind the last
@mg_record = global [11 x i64] zeroinitializer

; keep what was found, with thread and block (place), if it is the first
define void @mg_report(i64 %kind, i64 %address, i64 %index, i64 %length, i64 %axis) noinline {
  %before = load i64, ptr @mg_record
  %first = icmp eq i64 %before, 0
  br i1 %first, label %write, label %out
write:
  store i64 %kind, ptr @mg_record
  store i64 %address, ptr getelementptr (i64, ptr @mg_record, i64 1)
  store i64 %index, ptr getelementptr (i64, ptr @mg_record, i64 2)
  store i64 %length, ptr getelementptr (i64, ptr @mg_record, i64 3)
  store i64 %axis, ptr getelementptr (i64, ptr @mg_record, i64 4)
  br label %place
place:
  %i = phi i64 [0, %write], [%i1, %place]
  %from = getelementptr i32, ptr @sreg, i64 %i
  %value = load i32, ptr %from
  %wide = zext i32 %value to i64
  %slot = add i64 %i, 5
  %to = getelementptr i64, ptr @mg_record, i64 %slot
  store i64 %wide, ptr %to
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, 6
  br i1 %more, label %place, label %out
out:
  ret void
}

; an index is out of bounds; the kernel's thread leaves
define void @mg_bounds(ptr %base, i64 %index, i64 %length, i64 %axis) noinline {
  %address = ptrtoint ptr %base to i64
  call void @mg_report(i64 1, i64 %address, i64 %index, i64 %length, i64 %axis)
  ret void
}

; where the bytes are that say whether an address was written, or null for memory that is no argument's
define ptr @mg_shadow(i64 %address) noinline {
entry:
  %count = load i64, ptr @mg_count
  br label %next
next:
  %i = phi i64 [0, %entry], [%i1, %other]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %look, label %none
look:
  %row = getelementptr [3 x i64], ptr @mg_arrays, i64 %i
  %start = load i64, ptr %row
  %stop_at = getelementptr i64, ptr %row, i64 1
  %stop = load i64, ptr %stop_at
  %above = icmp uge i64 %address, %start
  %below = icmp ult i64 %address, %stop
  %inside = and i1 %above, %below
  br i1 %inside, label %found, label %other
other:
  %i1 = add i64 %i, 1
  br label %next
found:
  %shadow_at = getelementptr i64, ptr %row, i64 2
  %shadow = load i64, ptr %shadow_at
  %offset = sub i64 %address, %start
  %place = add i64 %shadow, %offset
  %pointer = inttoptr i64 %place to ptr
  ret ptr %pointer
none:
  ret ptr null
}

; a thread reads: report it if its first byte was never written
define void @mg_read(ptr %pointer, i64 %bytes) {
entry:
  %address = ptrtoint ptr %pointer to i64
  %low = load i64, ptr @mg_span
  %high = load i64, ptr getelementptr (i64, ptr @mg_span, i64 1)
  %above = icmp uge i64 %address, %low
  %below = icmp ult i64 %address, %high
  %near = and i1 %above, %below
  br i1 %near, label %find, label %out
find:
  %shadow = call ptr @mg_shadow(i64 %address)
  %foreign = icmp eq ptr %shadow, null
  br i1 %foreign, label %out, label %look
look:
  %written = load i8, ptr %shadow
  %fine = icmp ne i8 %written, 0
  br i1 %fine, label %out, label %report
report:
  call void @mg_report(i64 2, i64 %address, i64 0, i64 0, i64 0)
  br label %out
out:
  ret void
}

; a thread writes: mark the bytes as written
define void @mg_write(ptr %pointer, i64 %bytes) {
entry:
  %address = ptrtoint ptr %pointer to i64
  %low = load i64, ptr @mg_span
  %high = load i64, ptr getelementptr (i64, ptr @mg_span, i64 1)
  %above = icmp uge i64 %address, %low
  %below = icmp ult i64 %address, %high
  %near = and i1 %above, %below
  br i1 %near, label %find, label %out
find:
  %shadow = call ptr @mg_shadow(i64 %address)
  %foreign = icmp eq ptr %shadow, null
  br i1 %foreign, label %out, label %mark
mark:
  call void @llvm.memset.p0.i64(ptr %shadow, i8 1, i64 %bytes, i1 false)
  br label %out
out:
  ret void
}
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
