"""Work done ahead by threads, with the results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["made_ahead"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def made_ahead(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`map(function, items)` by `workers` threads, at most workers + 2 results ahead of whoever takes them.

    Threads suffice because Pillow's decoding and NumPy's loops let other threads run meanwhile. Closing the iterator
    waits for the calls under way and starts no other; an exception in a call is raised when its turn comes.
    """
    waiting = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="data")
    flying: deque[Future[Result]] = deque()
    try:
        while True:
            for item in islice(waiting, workers + 2 - len(flying)):
                flying.append(pool.submit(function, item))
            if not flying:
                return
            yield flying.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
