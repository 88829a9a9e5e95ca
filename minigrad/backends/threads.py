"""The engine's own threads: work is cut into parts that depend on its size alone, and handed out as threads get free.

Every part writes results of its own, so neither the number of threads nor who does what changes a bit of them. Jitted
loops, NumPy's and BLAS release the GIL.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import inf, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.arguments import check_count
from minigrad.arrays import quiet
from minigrad.backends.pages import reserve
from minigrad.compilation import rehearsing


def _thread_count() -> int:
    """MINIGRAD_THREADS, or the number of cores that this process may use."""
    setting = os.environ.get("MINIGRAD_THREADS", "")
    if setting:
        if not setting.isdecimal() or int(setting) < 1:
            raise ValueError(f"MINIGRAD_THREADS is a number of threads, 1 or more; got {setting!r}")
        return int(setting)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_threads: int | None = None  # how many, once somebody asked
_executor: ThreadPoolExecutor | None = None  # the others, once there was work for them
_scratch = threading.local()
WORTH_WAKING = 150_000  # nanoseconds
MOST_SHAPES = 256  # that are kept for a name


def _start_again() -> None:
    """Let go of the other threads, which end by themselves: new ones come when there is work.

    A forked process has none of its parent's, though the executor believes that it has.
    """
    global _executor
    _executor = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_again)


def get_num_threads() -> int:
    """How many threads a primitive may use on the CPU.

    Raises:
        ValueError: MINIGRAD_THREADS is no number of threads.
    """
    global _threads
    if _threads is None:
        _threads = _thread_count()
    return _threads


def set_num_threads(num_threads: int) -> None:
    """Set how many threads a primitive may use on the CPU, 1 or more, in place of MINIGRAD_THREADS.

    It changes the time, never a bit of a result. It holds for what is begun afterwards, in the whole process.
    """
    global _threads
    _threads = check_count("set_num_threads", "num_threads", num_threads, 1)
    _start_again()


def _others() -> ThreadPoolExecutor:
    global _executor
    executor = _executor
    if executor is None:
        executor = _executor = ThreadPoolExecutor(max(get_num_threads() - 1, 1), thread_name_prefix="minigrad")
    return executor


def parallel(task: Callable[[int], Any], count: int, duration: float = inf) -> None:
    """Run task(0), ..., task(count - 1) on all threads, this one among them; the first error is raised here.

    In a rehearsal (minigrad.compilation) one is run, here: all tasks call the same loops.

    Args:
        task: what is to be done, by its number.
        count: how many tasks there are.
        duration: about how many nanoseconds one thread takes for all. What is short it does alone: waking another and
            passing the GIL back and forth would take longer.
    """
    if rehearsing():
        count = min(count, 1)
    ticket = itertools.count()  # its next() is one step under the GIL
    if count <= 1 or duration < WORTH_WAKING or get_num_threads() == 1:
        _work(task, ticket, count)
        return
    others = _others()
    helpers = [others.submit(_work, task, ticket, count) for _ in range(min(get_num_threads(), count) - 1)]
    try:
        _work(task, ticket, count)
    finally:  # who has not begun need not: there is nothing left to do
        errors = [None if helper.cancel() else helper.exception() for helper in helpers]
    for error in errors:
        if error is not None:
            raise error


@quiet
def _work(task: Callable[[int], Any], ticket: Iterator[int], count: int) -> None:
    while (part := next(ticket)) < count:
        task(part)


def spans(length: int, parts: int) -> list[tuple[int, int]]:
    """Cut range(length) into at most `parts` ranges (start, stop), as even as can be, none empty."""
    parts = max(1, min(parts, length))
    edges = [length * part // parts for part in range(parts + 1)]
    return list(itertools.pairwise(edges))


def turns(length: int) -> list[tuple[int, int]]:
    """Cut range(length) into ranges (start, stop) that get shorter: each is a part of what is left, the last ones 1.

    Handed out in this order, no thread waits long for the others at the end, however much slower one is, and the first
    ranges are long enough that handing out costs nothing. They depend on the number of threads: so this is for work
    whose results are the same however it is cut.
    """
    ranges, start = [], 0
    while start < length:
        stop = start + max(1, (length - start) // (2 * get_num_threads()))
        ranges.append((start, stop))
        start = stop
    return ranges


def scratch(name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.ndarray:
    """Working memory of the calling thread, uninitialised: the same bytes for the same name every time.

    So what is in it lasts until the next call with that name.
    """
    arrays: dict[Any, np.ndarray] | None = getattr(_scratch, name, None)
    if arrays is None:
        arrays = {"memory": np.empty(0, np.uint8)}
        setattr(_scratch, name, arrays)
    array = arrays.get((shape, dtype))
    if array is None:
        size = prod(shape) * np.dtype(dtype).itemsize
        memory = arrays["memory"]
        if memory.size < size or len(arrays) > MOST_SHAPES:
            memory = reserve(max(size, memory.size))
            arrays.clear()
            arrays["memory"] = memory
        array = arrays[shape, dtype] = memory[:size].view(dtype).reshape(shape)
    return array
