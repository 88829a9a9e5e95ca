"""Arrays in the host's memory: a pool of buffers for each logical device, copies, and the two memory orders."""

from __future__ import annotations

import os
import threading
from collections import defaultdict, deque
from functools import cache
from math import prod
from typing import Any

import numpy as np

from minigrad.backends import layout
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import LANES, address, transpose_block
from minigrad.backends.cpu.runtime.threads import parallel, quiet, spans
from minigrad.device import Device, DeviceArray, DeviceInfo

LOGICAL_DEVICES = 2  # the paper's network wants two; they share the same cores and memory

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
WASTE = 1.5  # times as large a buffer is taken rather than a new one
SLACK = 1.6  # times what was ever in use at a time may be held
POOLED_FROM = 1 << 14  # bytes; below this the allocator of NumPy is as fast as a pool


@cache
def devices() -> tuple[DeviceInfo, ...]:
    """The logical devices cpu:0 and cpu:1."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not told on Windows
        memory = 0
    return tuple(DeviceInfo(Device("cpu", index), memory, "hardware") for index in range(LOGICAL_DEVICES))


class Pool:
    """Keeps the buffers of arrays that died for the next arrays of about the same size.

    Fresh pages from the system cost more than filling them, and a training step asks for the same sizes again and
    again. When nothing fits and the pool holds much more than was ever in use at a time, those that have been idle
    longest go back to the system.
    """

    def __init__(self) -> None:
        self.idle: defaultdict[int, dict[int, np.ndarray]] = defaultdict(dict)  # by capacity and then by ticket
        self.waiting: dict[int, int] = {}  # capacities by ticket: of all that is idle, the longest first
        self.ticket = 0
        self.idle_bytes = 0
        self.used_bytes = 0
        self.most_used_bytes = 0
        self.returned: deque[tuple[np.ndarray, int]] = deque()
        self.lock = threading.RLock()

    def take(self, size: int) -> _Block:
        """A buffer of at least `size` bytes."""
        with self.lock:
            self.sort_in()
            return self._take(size)

    def _take(self, size: int) -> _Block:
        least = self._capacity(size)
        capacity = least
        while not self.idle[capacity] and capacity < WASTE * least:  # the next larger shelf
            capacity = self._capacity(capacity + 1)
        if self.idle[capacity]:
            buffer = self._remove(capacity, next(reversed(self.idle[capacity])))
        else:
            capacity = least
            self.most_used_bytes = max(self.most_used_bytes, self.used_bytes + capacity)
            while self.waiting and self.idle_bytes + self.used_bytes + capacity > SLACK * self.most_used_bytes:
                ticket, longest = next(iter(self.waiting.items()))
                self._remove(longest, ticket)
            buffer = np.empty(capacity + ALIGNMENT, np.uint8)
        self.used_bytes += capacity
        self.most_used_bytes = max(self.most_used_bytes, self.used_bytes)
        return _Block(self, buffer, capacity)

    def _remove(self, capacity: int, ticket: int) -> np.ndarray:
        del self.waiting[ticket]
        self.idle_bytes -= capacity
        return self.idle[capacity].pop(ticket)

    def give_back(self, buffer: np.ndarray, capacity: int) -> None:
        """Take a buffer back that no array uses any more.

        Garbage is collected at any moment and in any thread, also within `take`: so it is only put down here.
        """
        self.returned.append((buffer, capacity))

    def sort_in(self) -> None:
        """Put what came back on the shelves."""
        with self.lock:
            while self.returned:
                buffer, capacity = self.returned.popleft()
                self.ticket += 1
                self.idle[capacity][self.ticket] = buffer
                self.waiting[self.ticket] = capacity
                self.idle_bytes += capacity
                self.used_bytes -= capacity

    @staticmethod
    def _capacity(size: int) -> int:
        """`size` rounded up to three significant bits, so that sizes that differ little share buffers."""
        step = 1 << max(size.bit_length() - 3, 6)
        return -(-size // step) * step


class _Block:
    """A buffer in use. NumPy arrays made from it hold it as their base; when the last one dies the buffer goes back."""

    __slots__ = ("__array_interface__", "buffer", "capacity", "pool")

    def __init__(self, pool: Pool, buffer: np.ndarray, capacity: int) -> None:
        self.pool, self.buffer, self.capacity = pool, buffer, capacity
        address = buffer.__array_interface__["data"][0]
        self.__array_interface__ = {
            "version": 3,
            "shape": (capacity,),
            "typestr": "|u1",
            "data": (-(-address // ALIGNMENT) * ALIGNMENT, False),
        }

    def __del__(self) -> None:
        self.pool.give_back(self.buffer, self.capacity)


_pools = tuple(Pool() for _ in range(LOGICAL_DEVICES))


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any], device: Device) -> np.ndarray:
    """An uninitialised C-order ndarray in the device's memory."""
    size = prod(shape) * dtype.itemsize
    if size < POOLED_FROM:
        return np.empty(shape, dtype)
    block = _pools[device.index].take(size)
    return np.asarray(block)[:size].view(dtype).reshape(shape)


def new(shape: tuple[int, ...], dtype: Any, device: Device, batch_last: bool = False) -> DeviceArray:
    """An uninitialised array; `data` is a C-order ndarray in storage shape (axis 0 at the end if `batch_last`)."""
    dtype = np.dtype(dtype)
    batch_last = batch_last and len(shape) > 1
    return DeviceArray(allocate(layout.storage(shape, batch_last), dtype, device), shape, dtype, device, batch_last)


def wrap(array: np.ndarray, device: Device) -> DeviceArray:
    """A C-order ndarray that NumPy has just made, as a DeviceArray."""
    array = np.ascontiguousarray(array) if array.ndim else np.asarray(array)
    return DeviceArray(array, array.shape, array.dtype, device)


def view(x: DeviceArray) -> np.ndarray:
    """x as its users see it: an ndarray of its logical shape, strided if the storage is batch-last."""
    return np.moveaxis(x.data, -1, 0) if x.batch_last else x.data


def rows(x: DeviceArray) -> np.ndarray:
    """The storage as a matrix whose last axis is the batch (batch-last) or everything but axis 0 (C order)."""
    width = prod(x.shape[1:])
    return x.data.reshape(width, x.shape[0]) if x.batch_last else x.data.reshape(x.shape[0], width)


def stored(x: DeviceArray, batch_last: bool) -> np.ndarray:
    """The elements of x as a C-order ndarray in the storage shape of that order; copied only if it must be."""
    return reorder(x, batch_last).data


def reorder(x: DeviceArray, batch_last: bool) -> DeviceArray:
    if x.batch_last == batch_last or x.ndim < 2:
        return x
    result = DeviceArray(None, x.shape, x.dtype, x.device, batch_last)
    storage = layout.storage(x.shape, batch_last)
    if layout.one_order(x):
        result.data = x.data.reshape(storage)
        return result
    result.data = allocate(storage, x.dtype, x.device)
    source, target = rows(x), rows(result)
    parts = spans(source.shape[0], 16 if x.size > 1 << 16 else 1)
    turn = _transpose_floats if x.dtype == np.float32 else _transpose
    parallel(lambda part: turn(source, target, *parts[part]), len(parts))
    return result


@inner
def _transpose_by_numbers(source, target, start, stop, first, last):
    """target[j, i] = source[i, j] for rows start to stop - 1 and columns first to last - 1.

    In blocks of 32 x 32, which stay in the first-level cache.
    """
    for i0 in range(start, stop, 32):
        for j0 in range(first, last, 32):
            for j in range(j0, min(j0 + 32, last)):
                for i in range(i0, min(i0 + 32, stop)):
                    target[j, i] = source[i, j]


@jitted
def _transpose(source, target, start, stop):
    """target[j, i] = source[i, j] for rows start to stop - 1, of any dtype."""
    _transpose_by_numbers(source, target, start, stop, 0, source.shape[1])


@inner
def transpose_floats(source, target, start, stop):
    """The same for float32, by vectors; each row of both is contiguous."""
    rows, columns = start + (stop - start) // LANES * LANES, source.shape[1] // LANES * LANES
    step, target_step = source.strides[0], target.strides[0]
    for i in range(start, rows, LANES):
        for j in range(0, columns, LANES):
            to = address(target) + j * target_step + 4 * i
            transpose_block(address(source) + i * step + 4 * j, step, to, target_step)
    _transpose_by_numbers(source, target, start, rows, columns, source.shape[1])
    _transpose_by_numbers(source, target, rows, stop, 0, source.shape[1])


@jitted
def _transpose_floats(source, target, start, stop):
    """The same for float32."""
    transpose_floats(source, target, start, stop)


def from_host(array: np.ndarray, device: Device) -> DeviceArray:
    x = new(array.shape, array.dtype, device)
    x.data[...] = array
    return x


def to_host(x: DeviceArray) -> np.ndarray:
    return np.array(stored(x, False), order="C")


def copy_to(x: DeviceArray, device: Device) -> DeviceArray:
    y = new(x.shape, x.dtype, device, x.batch_last)
    flat, target = x.data.reshape(-1), y.data.reshape(-1)
    parts = spans(x.size, 8 if x.size > 1 << 16 else 1)
    parallel(lambda part: np.copyto(target[slice(*parts[part])], flat[slice(*parts[part])]), len(parts))
    return y


def full(shape: tuple[int, ...], value: float, dtype: Any, device: Device) -> DeviceArray:
    x = new(shape, dtype, device)
    x.data.fill(value)
    return x


@quiet
def cast(x: DeviceArray, dtype: Any) -> DeviceArray:
    y = new(x.shape, dtype, x.device, x.batch_last)
    y.data[...] = x.data
    return y
