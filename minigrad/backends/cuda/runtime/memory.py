"""Device memory as both drivers see it: blocks, the pool that keeps them, and typed views of them.

Nothing here knows CUDA. A driver supplies the raw memory; everything above it handles `ArrayView`s.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from minigrad.device import Device

__all__ = [
    "Argument",
    "ArrayView",
    "Memory",
    "OutOfMemoryError",
    "Pool",
    "device_count",
    "free_host_memory",
    "host_memory",
]

GRAIN = 512  # bytes: what the CUDA driver aligns its allocations to


class OutOfMemoryError(RuntimeError, MemoryError):
    """A device has too little memory left: says what was asked for and what is free; a module adds its name."""


def device_count(default: int) -> int:
    """How many logical devices there are: `MINIGRAD_CUDA_DEVICES`, or the driver's default."""
    count = os.environ.get("MINIGRAD_CUDA_DEVICES") or str(default)
    if not count.isdecimal() or int(count) < 1:
        raise ValueError(f"MINIGRAD_CUDA_DEVICES is a number of devices, 1 or more; got {count!r}")
    return int(count)


def host_memory() -> int:
    """The host's memory in bytes; 0 where the system does not tell."""
    return _host_bytes("SC_PHYS_PAGES")


def free_host_memory() -> int:
    """What of the host's memory nothing uses, in bytes; 0 where the system does not tell."""
    return _host_bytes("SC_AVPHYS_PAGES")


def _host_bytes(pages: str) -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf(pages)
    except (AttributeError, ValueError, OSError):
        return 0


class Memory:
    """A block of one device's memory. It goes back to the pool when the last view of it dies.

    Args:
        pool: the pool of its device.
        capacity: its size in bytes.
        block: the driver's own handle of the memory.
        address: where the block begins, as a kernel would see it.
    """

    __slots__ = ("__weakref__", "address", "block", "capacity", "pool")

    def __init__(self, pool: Pool, capacity: int, block: Any, address: int) -> None:
        self.pool = pool
        self.capacity = capacity
        self.block = block
        self.address = address

    @property
    def device(self) -> Device:
        """The device that the memory belongs to."""
        return self.pool.device

    def __del__(self) -> None:
        self.pool.give_back(self.capacity, self.block, self.address)


class Pool:
    """The memory of one device: keeps the blocks of arrays that died for the next arrays of about the same size.

    Asking a CUDA driver for memory may wait for the whole device, and a training step asks for the same sizes again and
    again. Work on a device runs in the order in which it was asked for, so a block may be used again at once.

    Args:
        device: whose memory it is.
        reserve: the driver's allocation: (bytes) -> (its handle, the address); raises MemoryError where there is none.
        memory: what the driver says of the memory behind it: () -> (free bytes, all bytes); zeros if it cannot tell.
    """

    def __init__(
        self,
        device: Device,
        reserve: Callable[[int], tuple[Any, int]],
        memory: Callable[[], tuple[int, int]],
    ) -> None:
        self.device = device
        self.reserve = reserve
        self.memory = memory
        self.used_bytes = 0
        self.idle_bytes = 0
        self._idle: defaultdict[int, list[tuple[Any, int]]] = defaultdict(list)
        self._lock = threading.RLock()  # a garbage collection inside `take` may give blocks back

    def take(self, size: int) -> Memory:
        """A block of at least `size` bytes, an idle one if one fits.

        Else idle blocks are released if they are more than those in use, or if memory runs out without them.
        """
        capacity = self._capacity(size)
        with self._lock:
            shelf = self._idle[capacity]
            if shelf:
                block, address = shelf.pop()
                self.idle_bytes -= capacity
            else:
                if self.idle_bytes > self.used_bytes:
                    self.release()
                block, address = self._reserve(capacity)
            self.used_bytes += capacity
        return Memory(self, capacity, block, address)

    def _reserve(self, capacity: int) -> tuple[Any, int]:
        try:
            return self.reserve(capacity)
        except MemoryError:
            self.release()
        try:
            return self.reserve(capacity)
        except MemoryError:
            asked, used, free, total = (each / 2**20 for each in (capacity, self.used_bytes, *self.memory()))
            room = f"{free:.1f} of {total:.1f} MiB are free, " if total else ""  # where the system tells
            raise OutOfMemoryError(
                f"{self.device} has no {asked:.1f} MiB left: {room}{used:.1f} MiB hold arrays; "
                "try a smaller batch or more devices"
            ) from None

    def give_back(self, capacity: int, block: Any, address: int) -> None:
        """Take a block back that no array uses any more."""
        with self._lock:
            self._idle[capacity].append((block, address))
            self.idle_bytes += capacity
            self.used_bytes -= capacity

    def release(self) -> None:
        """Hand the idle blocks back to the driver."""
        with self._lock:
            self._idle.clear()
            self.idle_bytes = 0

    @staticmethod
    def _capacity(size: int) -> int:
        """`size` rounded up to three significant bits, so that sizes that differ little share blocks."""
        step = max(1 << max(size.bit_length() - 3, 0), GRAIN)
        return max(-(-size // step) * step, GRAIN)


class ArrayView:
    """A C-contiguous array in device memory: what a kernel is launched with.

    Args:
        memory: the block it lies in, kept alive by it.
        offset: where it begins in the block, in bytes.
        shape: its shape.
        dtype: its elements.
    """

    __slots__ = ("__weakref__", "dtype", "memory", "native", "offset", "shape", "size")

    def __init__(self, memory: Memory, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.memory = memory
        self.offset = offset
        self.shape = shape
        self.dtype = dtype
        self.size = prod(shape)
        self.native: Any = None  # the driver's own form of the array, made when it is first needed

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return self.size * self.dtype.itemsize

    @property
    def device(self) -> Device:
        """The device that the array lives on."""
        return self.memory.pool.device

    @property
    def address(self) -> int:
        """Where the elements begin, as a kernel sees it."""
        return self.memory.address + self.offset

    @property
    def strides(self) -> tuple[int, ...]:
        """Bytes from one element to the next along each axis."""
        strides = []
        stride = self.dtype.itemsize
        for length in reversed(self.shape):
            strides.append(stride)
            stride *= length
        return tuple(reversed(strides))

    def reshape(self, *shape: int | tuple[int, ...]) -> ArrayView:
        """The same elements under another shape; one length may be -1."""
        lengths = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        result = tuple(int(length) for length in lengths)  # type: ignore[arg-type]
        if -1 in result:
            rest = -prod(result)
            at = result.index(-1)
            result = (*result[:at], self.size // rest if rest else 0, *result[at + 1 :])
        if prod(result) != self.size:
            raise ValueError(f"an array of shape {self.shape} cannot take the shape {tuple(lengths)}")
        return ArrayView(self.memory, self.offset, result, self.dtype)

    def part(self, start: int, stop: int) -> ArrayView:
        """Rows start to stop - 1 of axis 0, in the same memory."""
        if not 0 <= start <= stop <= self.shape[0]:
            raise IndexError(f"rows {start} to {stop} are not in an array of shape {self.shape}")
        row = prod(self.shape[1:]) * self.dtype.itemsize
        return ArrayView(self.memory, self.offset + start * row, (stop - start, *self.shape[1:]), self.dtype)

    def __repr__(self) -> str:
        return f"ArrayView(shape={self.shape}, dtype={self.dtype}, device='{self.device}')"


Argument = ArrayView | int | float  # of a kernel that is launched
