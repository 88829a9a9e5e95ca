"""Work done ahead by threads or processes, with the results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["cores", "in_order", "made_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def made_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """`map(function, items)` by `workers` threads, at most workers + 2 results ahead of whoever takes them.

    Threads suffice because Pillow's decoding and NumPy's loops let other threads run meanwhile. Closing the iterator
    waits for the calls under way and starts no other; an exception in a call is raised when its turn comes.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="data")
    try:
        yield from in_order(pool, function, items, workers + 2)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_order(pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int) -> Iterator[Result]:
    """`map(function, items)` by a pool, at most `ahead` results ahead of whoever takes them."""
    waiting = iter(items)
    flying: deque[Future[Result]] = deque()
    while True:
        for item in islice(waiting, ahead - len(flying)):
            flying.append(pool.submit(function, item))
        if not flying:
            return
        yield flying.popleft().result()
