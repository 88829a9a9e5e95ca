"""Files changed at random, and a watch over those who read them: time of the processor, and memory."""

from __future__ import annotations

import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import numpy as np

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

EXTREMES = (0, -1, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1)
SECONDS = 1.0  # of the processor, for one file
ROOM = 2 * 2**30  # bytes of addresses that a reader may take beyond what the process has


def mutated(data: bytes, random: np.random.Generator, other: bytes = b"") -> bytes:
    """Bytes changed at random: bits, numbers, cuts, repetitions, and pieces of `other`."""
    result = bytearray(data)
    for _ in range(random.integers(1, 6)):
        place = _place(len(result), random)
        end = place + int(random.integers(1, 40))
        match random.integers(8):
            case 0 if result:
                result[place % len(result)] ^= 1 << int(random.integers(8))
            case 1:
                result[place:end] = random.bytes(end - place)
            case 2 | 3:
                number = _number(random)
                result[place : place + len(number)] = number
            case 4:
                del result[place:end]
            case 5:
                result[place:place] = result[place:end]
            case 6 if other:
                start = int(random.integers(len(other)))
                result[place:end] = other[start : start + int(random.integers(1, 400))]
            case 7 if random.integers(3) == 0:
                del result[place:]
    return bytes(result)


def _place(length: int, random: np.random.Generator) -> int:
    """Anywhere, or near the beginning or the end, where headers and directories are."""
    place = int(random.integers(length + 1))
    match random.integers(3):
        case 0:
            return place % 128
        case 1:
            return max(0, length - place % 256)
        case _:
            return place


def _number(random: np.random.Generator) -> bytes:
    """A number that a header may not be ready for, in one of the ways in which headers have numbers."""
    value = EXTREMES[random.integers(len(EXTREMES))]
    size = (1, 2, 4, 8)[random.integers(4)]
    match random.integers(4):
        case 0:
            return (value % 2 ** (8 * size)).to_bytes(size, "little")
        case 1:
            return (value % 2 ** (8 * size)).to_bytes(size, "big")
        case 2:
            return str(value).encode()
        case _:
            return f"{value % 8**11:011o}\0".encode()  # as tar has them


class TooLong(BaseException):
    """A reader was at work for more than a second; no reader can take this for an error of a file."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise TooLong


@contextmanager
def watched() -> Iterator[None]:
    """Limit, where the system can, the addresses of this process; and trace memory and listen to its clock."""
    limits = resource.getrlimit(resource.RLIMIT_AS) if resource else None
    pages = None
    with suppress(OSError), open("/proc/self/statm") as file:  # noqa: PTH123
        pages = int(file.read().split()[0])
    if limits and pages is not None:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, limits[1]))
    before = signal.signal(signal.SIGPROF, _stop) if hasattr(signal, "SIGPROF") else None
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        if before is not None:
            signal.signal(signal.SIGPROF, before)
        if limits:
            resource.setrlimit(resource.RLIMIT_AS, limits)


@contextmanager
def timed() -> Iterator[None]:
    """TooLong after a second of the processor's time, however long it takes by the clock on the wall."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
