"""The parts of the emulator that are written in LLVM's language: what the compiled kernels call and what runs them."""

from __future__ import annotations

import re

import llvmlite.binding as llvm

__all__ = [
    "CHECKS",
    "CHECK_RUNTIME",
    "CORO_END",
    "COROUTINE",
    "DEFINED",
    "DEFINED_NAMES",
    "DIVERGED",
    "FRAME",
    "FRAME_END",
    "PLAIN",
    "RUNTIME",
]

# Functions of libdevice that neither LLVM nor libm has.
DEFINED = """
define linkonce_odr i32 @__nv_isnand(double %x) { %c = fcmp uno double %x, 0.0 %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isnanf(float %x) { %c = fcmp uno float %x, 0.0 %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isinfd(double %x) {
  %a = call double @llvm.fabs.f64(double %x) %c = fcmp oeq double %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isinff(float %x) {
  %a = call float @llvm.fabs.f32(float %x) %c = fcmp oeq float %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_isfinited(double %x) {
  %a = call double @llvm.fabs.f64(double %x) %c = fcmp one double %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr i32 @__nv_finitef(float %x) {
  %a = call float @llvm.fabs.f32(float %x) %c = fcmp one float %a, 0x7FF0000000000000
  %r = zext i1 %c to i32 ret i32 %r }
define linkonce_odr double @__nv_rsqrt(double %x) {
  %s = call double @llvm.sqrt.f64(double %x) %r = fdiv double 1.0, %s ret double %r }
define linkonce_odr float @__nv_rsqrtf(float %x) {
  %s = call float @llvm.sqrt.f32(float %x) %r = fdiv float 1.0, %s ret float %r }
define linkonce_odr i64 @__nv_llrint(double %x) {
  %a = call double @llvm.rint.f64(double %x) %r = fptosi double %a to i64 ret i64 %r }
define linkonce_odr i64 @__nv_llrintf(float %x) {
  %a = call float @llvm.rint.f32(float %x) %r = fptosi float %a to i64 ret i64 %r }
define linkonce_odr i32 @__nv_abs(i32 %x) { %r = call i32 @llvm.abs.i32(i32 %x, i1 false) ret i32 %r }
define linkonce_odr i64 @__nv_llabs(i64 %x) { %r = call i64 @llvm.abs.i64(i64 %x, i1 false) ret i64 %r }
define linkonce_odr i32 @__nv_umulhi(i32 %x, i32 %y) {
  %a = zext i32 %x to i64 %b = zext i32 %y to i64 %p = mul i64 %a, %b
  %h = lshr i64 %p, 32 %r = trunc i64 %h to i32 ret i32 %r }
define linkonce_odr i64 @__nv_umul64hi(i64 %x, i64 %y) {
  %a = zext i64 %x to i128 %b = zext i64 %y to i128 %p = mul i128 %a, %b
  %h = lshr i128 %p, 64 %r = trunc i128 %h to i64 ret i64 %r }
declare double @llvm.rint.f64(double)
declare float @llvm.rint.f32(float)
declare double @llvm.fabs.f64(double)
declare float @llvm.fabs.f32(float)
declare double @llvm.sqrt.f64(double)
declare float @llvm.sqrt.f32(float)
declare i32 @llvm.abs.i32(i32, i1)
declare i64 @llvm.abs.i64(i64, i1)
"""
DEFINED_NAMES = frozenset(re.findall(r"define \w+ \w+ @(__nv_\w+)", DEFINED))

# What a kernel of the checked mode calls.
CHECKS = ("mg_bounds", "mg_read", "mg_write")

# The table of arguments that a launch leaves for the checks, and the record of the first thing that they found:
# kind, address, index, length, axis, thread x y z, block x y z. Kinds: 1 bounds, 2 read before written, 3 barrier.
CHECK_RUNTIME = """
@mg_arrays = global [64 x [3 x i64]] zeroinitializer
@mg_count = global i64 0
@mg_span = global [2 x i64] zeroinitializer ; from the first of the arguments' addresses to behind the last
@mg_record = global [11 x i64] zeroinitializer

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

define void @mg_bounds(ptr %base, i64 %index, i64 %length, i64 %axis) noinline {
  %address = ptrtoint ptr %base to i64
  call void @mg_report(i64 1, i64 %address, i64 %index, i64 %length, i64 %axis)
  ret void
}

; where the bytes that say whether an address was written are, or null for memory that is no argument's
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
"""

RUNTIME = """
@sreg = global [12 x i32] zeroinitializer

; the thread with a number in its block becomes the current one; backwards: numbers count from the last thread
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

; run blocks first to last - 1 of the grid; dims: block x y z, grid x y z, whether backwards
define void @run_blocks(ptr %args, ptr %dims, i64 %first, i64 %last) {
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
  br i1 %more, label %copy, label %start
start:
  %nx = load i32, ptr getelementptr (i32, ptr @sreg, i64 6)
  %ny = load i32, ptr getelementptr (i32, ptr @sreg, i64 7)
  %nz = load i32, ptr getelementptr (i32, ptr @sreg, i64 8)
  %nxy = mul i32 %nx, %ny
  %threads = mul i32 %nxy, %nz
  %gx32 = load i32, ptr getelementptr (i32, ptr @sreg, i64 9)
  %gy32 = load i32, ptr getelementptr (i32, ptr @sreg, i64 10)
  %gx = zext i32 %gx32 to i64
  %gy = zext i32 %gy32 to i64
  %way = getelementptr i32, ptr %dims, i64 6
  %way_value = load i32, ptr %way
  %backwards = icmp ne i32 %way_value, 0
  %sum = add i64 %first, %last
  %end = sub i64 %sum, 1
  br label %block
block:
  %b = phi i64 [%first, %start], [%b1, %block]
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
  %again = icmp ult i64 %b1, %last
  br i1 %again, label %block, label %out
out:
  ret void
}
"""

# A kernel without a barrier: its threads are a plain loop, which LLVM may inline and vectorise.
PLAIN = """
define internal void @run_block(ptr %args, i32 %threads, i1 %backwards) {{
entry:
  %ret = alloca ptr
{poison}
{unpack}
  br label %thread
thread:
  %i = phi i32 [0, %entry], [%i1, %thread]
  call void @set_thread(i32 %i, i32 %threads, i1 %backwards)
  call i32 @kernel(ptr %ret{values})
  %i1 = add i32 %i, 1
  %more = icmp ult i32 %i1, %threads
  br i1 %more, label %thread, label %out
out:
  ret void
}}
"""

# What llvm.coro.end returns: nothing since LLVM 22.
CORO_END = "void" if llvm.llvm_version_info[0] >= 22 else "i1"

# A kernel with barriers: start every thread of the block, then resume those that wait, in rounds. A thread's frame is
# allocated once and serves all later blocks.
COROUTINE = """
declare token @llvm.coro.id(i32, ptr, ptr, ptr)
declare i64 @llvm.coro.size.i64()
declare ptr @llvm.coro.begin(token, ptr)
declare i8 @llvm.coro.suspend(token, i1)
declare {coro_end} @llvm.coro.end(ptr, i1, token)
declare ptr @llvm.coro.free(token, ptr)
declare i1 @llvm.coro.done(ptr)
declare void @llvm.coro.resume(ptr)
declare void @llvm.coro.destroy(ptr)
declare ptr @malloc(i64)

@frames = global [1024 x ptr] zeroinitializer
@handles = global [1024 x ptr] zeroinitializer
@current = global i32 0

define internal void @run_block(ptr %args, i32 %threads, i1 %backwards) {{
entry:
  %ret = alloca ptr
{poison}
{unpack}
  br label %begin
begin:
  %i = phi i32 [0, %entry], [%i1, %begin]
  call void @set_thread(i32 %i, i32 %threads, i1 %backwards)
  store i32 %i, ptr @current
  %h0 = call ptr @kernel(ptr %ret{values})
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
{diverged}
  %any = icmp ne i32 %live1, 0
  br i1 %any, label %round, label %out
out:
  ret void
}}
"""

# In checked mode: some threads of the block ended while others wait at a barrier.
DIVERGED = """
  %some = icmp ne i32 %gone1, 0
  %others = icmp ne i32 %live1, 0
  %uneven = and i1 %some, %others
  br i1 %uneven, label %report, label %even
report:
  call void @mg_report(i64 3, i64 0, i64 0, i64 0, i64 0)
  br label %even
even:
"""

FRAME = """
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
  %co.h = call ptr @llvm.coro.begin(token %co.id, ptr %co.mem)"""

FRAME_END = f"""
co.end:
  %co.last = call i8 @llvm.coro.suspend(token none, i1 true)
  switch i8 %co.last, label %co.out [i8 0, label %co.trap i8 1, label %co.free]
co.trap:
  unreachable
co.free:
  %co.mem2 = call ptr @llvm.coro.free(token %co.id, ptr %co.h)
  br label %co.out
co.out:
  call {CORO_END} @llvm.coro.end(ptr %co.h, i1 false, token none)
  ret ptr %co.h"""
