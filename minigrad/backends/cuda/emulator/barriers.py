"""Barriers as coroutines: what lets one thread of the host run the many threads of a block.

A kernel with barriers becomes an LLVM coroutine, and each barrier a point where it is suspended: a block starts all its
threads, each up to the first barrier, then resumes them in rounds (`llvm/coroutines.ll`). What is alive over a barrier,
LLVM keeps in the coroutine's frame.
"""

from __future__ import annotations

import re

import llvmlite.binding as llvm

from minigrad.backends.cuda.emulator.llvm import text

__all__ = ["CORO_END", "coroutine"]

CORO_END = "void" if llvm.llvm_version_info[0] >= 22 else "i1"  # what llvm.coro.end returns

_LABEL = re.compile(r'("?)([^\s";]+)\1:')


def coroutine(body: str) -> str:
    """A function's body with each barrier as a point where it is suspended.

    A barrier before:

        again:
          store float %x, ptr %mine
          call void @mg_barrier()
          %y = load float, ptr %another

    and after:

        again:
          store float %x, ptr %mine
          %co.s1 = call i8 @llvm.coro.suspend(token none, i1 false)
          switch i8 %co.s1, label %co.out [i8 0, label %co.r1 i8 1, label %co.free]
        co.r1:
          %y = load float, ptr %another

    `suspend` gives -1 when the thread comes to wait: it goes to `co.out`, which returns to who runs the block. It gives
    0 when the thread is resumed, and 1 when its frame is to be freed. The frame is made at the beginning, after the
    local arrays, which must be in it (`llvm/frame.ll`), and left at the end (`llvm/frame_end.ll`).

    The barrier cuts a basic block in two, so what was said to come from `again` in a phi now comes from `co.r1`.
    """
    lines, allocations = [], []
    block, ends = "entry", {"entry": "co.begin"}  # where a block that is cut ends, for the phis after it
    count = 0
    for line in body.split("\n"):
        label = _LABEL.match(line)
        if label:
            block = label[2]
        if "call void @mg_barrier()" in line:
            count += 1
            ends[block] = f"co.r{count}"
            lines += _suspended(count)
        elif " = alloca " in line:
            allocations.append(line)
        else:
            lines.append(re.sub(r"\bret i32 .*", "br label %co.end", line))
    whole = "\n".join(lines)
    for before, after in ends.items():
        whole = re.sub(rf'%"?{re.escape(before)}"? \]', f"%{after} ]", whole)
    start = "\n".join(["entry:", *allocations, text("frame")])
    whole = re.sub(r"^entry:[^\n]*", lambda _: start, whole, count=1)
    return f"{whole}\n{text('frame_end', coro_end=CORO_END)}"


def _suspended(number: int) -> list[str]:
    """The lines that stand for a barrier."""
    return [
        f"  %co.s{number} = call i8 @llvm.coro.suspend(token none, i1 false)",
        f"  switch i8 %co.s{number}, label %co.out [i8 0, label %co.r{number} i8 1, label %co.free]",
        f"co.r{number}:",
    ]
