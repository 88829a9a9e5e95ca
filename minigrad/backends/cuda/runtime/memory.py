"""Device memory as both drivers see it: blocks, the pool of each device, and typed views of them.

Nothing here knows CUDA. A driver supplies the raw memory; everything above it handles `ArrayView`s.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from minigrad.arrays import Device
from minigrad.backends.pool import Block, Pool

__all__ = [
    "Argument",
    "ArrayView",
    "DevicePool",
    "Memory",
    "OutOfMemoryError",
    "device_count",
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


class Memory(Block):
    """A block of one device's memory. It goes back to the pool when the last view of it dies."""

    __slots__ = ("address", "block", "device")

    def __init__(self, pool: Pool[Memory], memory: tuple[Any, int], capacity: int, device: Device) -> None:
        super().__init__(pool, memory, capacity)
        self.block, self.address = memory  # the driver's own handle, and where it begins as a kernel would see it
        self.device = device


class DevicePool(Pool[Memory]):
    """The memory of one device.

    Args:
        device: whose memory it is.
        reserve: the driver's allocation: (bytes) -> (its handle, the address); raises MemoryError where there is none.
        room: what the driver says of the memory behind it: () -> (free bytes, all bytes); zeros if it cannot tell.
    """

    def __init__(
        self, device: Device, reserve: Callable[[int], tuple[Any, int]], room: Callable[[], tuple[int, int]]
    ) -> None:
        super().__init__(reserve, lambda pool, memory, capacity: Memory(pool, memory, capacity, device), GRAIN)
        self.device, self.room = device, room

    def take(self, size: int) -> Memory:
        """A block of at least `size` bytes.

        Raises:
            OutOfMemoryError: there is none.
        """
        try:
            return super().take(size)
        except MemoryError:
            asked, used, free, total = (each / 2**20 for each in (size, self.used_bytes, *self.room()))
            told = f"{free:.1f} of {total:.1f} MiB are free, " if total else ""  # where the system tells
            raise OutOfMemoryError(
                f"{self.device} has no {asked:.1f} MiB left: {told}{used:.1f} MiB hold arrays; "
                "try a smaller batch or more devices"
            ) from None


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
        return self.memory.device

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
