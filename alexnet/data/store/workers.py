"""The workers that make a store: each has the source from its start, decodes and rescales pictures, seals shards."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alexnet.data.rescaling import rescale
from alexnet.data.splits import DataError, Split
from alexnet.data.statistics import Sums
from alexnet.data.store.layout import digest

__all__ = ["Made", "make", "open_pool", "seal"]

_source: tuple[Split, int] | None = None  # of this process


class Made(NamedTuple):
    """What a worker made of a picture: pixels, uint8 (C, size, size), or the reason why not."""

    number: int
    label: int
    name: str
    pixels: np.ndarray | None
    reason: str


class _Here(Executor):
    """A pool of one worker: this thread."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Carry it out at once."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


def open_pool(split: Split, size: int, workers: int) -> Executor:
    """Workers for a source, whose pictures become (C, size, size): processes, or this thread where it is one."""
    if workers > 1:
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (split, size))
        with _without_interrupts():
            for _ in range(workers):  # a worker starts with the task that finds none idle
                pool.submit(int)
        return pool
    _take(split, size)
    return _Here()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Control-C is for this process alone: those that start meanwhile never hear it, from their first moment on."""
    if threading.current_thread() is not threading.main_thread():  # Python lets no other thread set it
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start(split: Split, size: int) -> None:
    """The beginning of a worker's life: Control-C is the parent's business, and odd EXIF data nobody's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    _take(split, size)


def _take(split: Split, size: int) -> None:
    global _source
    _source = split, size


def make(indices: range) -> list[Made]:
    """Decode and rescale some pictures."""
    assert _source is not None
    split, size = _source
    result = []
    for index in indices:
        pixels, reason = None, ""
        try:
            pixels = rescale(split.image(index, size), size)
        except DataError as error:
            reason = str(error)
        result.append(Made(index, int(split.labels[index]), split.name(index), pixels, reason))
    return result


def seal(path: Path, shape: tuple[int, int, int]) -> tuple[str, Sums]:
    """Read a shard of pictures of a shape again, while it is still in memory: its checksum and its sums."""
    sums = Sums(*shape[:2])
    rows = path.stat().st_size // sums.total.size
    pictures = np.memmap(path, np.uint8, "r", shape=(rows, *shape)) if rows else np.zeros(0, np.uint8)
    for start in range(0, rows, sums.step):
        sums.take(pictures[start : start + sums.step])
    return digest(path), sums
