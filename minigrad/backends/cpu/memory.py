"""Arrays in the host's memory: a pool of buffers for each logical device, copies, and the two memory orders."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.arrays import Device, DeviceArray, DeviceInfo
from minigrad.backends import layout
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import LANES, address, transpose_block
from minigrad.backends.host import host_memory
from minigrad.backends.pool import Block, Pool
from minigrad.backends.threads import parallel, spans
from minigrad.compilation import rehearsing

LOGICAL_DEVICES = 2  # the paper's network wants two; they share the same cores and memory

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
POOLED_FROM = 1 << 17  # bytes; below this the allocator of NumPy is as fast as a pool


@cache
def devices() -> tuple[DeviceInfo, ...]:
    """The logical devices cpu:0 and cpu:1."""
    return tuple(DeviceInfo(Device("cpu", index), host_memory(), "hardware") for index in range(LOGICAL_DEVICES))


class Buffer(Block):
    """Memory of the host. NumPy arrays made from it hold it as their base."""

    __slots__ = ()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """What NumPy makes an array of bytes from, which begins at a multiple of ALIGNMENT."""
        address = -(-self.memory.__array_interface__["data"][0] // ALIGNMENT) * ALIGNMENT
        return {"version": 3, "shape": (self.capacity,), "typestr": "|u1", "data": (address, False)}


def _reserve(size: int) -> np.ndarray:
    return np.empty(size + ALIGNMENT, np.uint8)


def pool() -> Pool[Buffer]:
    """A pool of the host's memory."""
    return Pool(_reserve, Buffer, ALIGNMENT)


_pools = tuple(pool() for _ in range(LOGICAL_DEVICES))


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any], device: Device) -> np.ndarray:
    """An uninitialised C-order ndarray in the device's memory."""
    size = prod(shape) * dtype.itemsize
    if size < POOLED_FROM:
        return np.empty(shape, dtype)
    block = _pools[device.index].take(size)
    return np.asarray(block)[:size].view(dtype).reshape(shape)


def new(shape: tuple[int, ...], dtype: npt.DTypeLike, device: Device, chwn: bool = False) -> DeviceArray:
    """An uninitialised array; `data` is a C-order ndarray in storage shape (axis 0 at the end if `chwn`)."""
    dtype = np.dtype(dtype)
    chwn = chwn and len(shape) > 1
    storage = layout.storage(shape, True) if chwn else shape
    return DeviceArray(allocate(storage, dtype, device), shape, dtype, device, chwn)


def wrap(array: np.ndarray, device: Device) -> DeviceArray:
    """An ndarray as a DeviceArray in C order; copied only if it must be."""
    array = np.ascontiguousarray(array) if array.ndim else np.asarray(array)
    return DeviceArray(array, array.shape, array.dtype, device)


def rows(x: DeviceArray) -> np.ndarray:
    """The storage as a matrix whose last axis is the batch (CHWN) or everything but axis 0 (C order)."""
    width = prod(x.shape[1:])
    return x.data.reshape(width, x.shape[0]) if x.chwn else x.data.reshape(x.shape[0], width)


def stored(x: DeviceArray, chwn: bool) -> np.ndarray:
    """The elements of x as a C-order ndarray in the storage shape of that order; copied only if it must be."""
    return reorder(x, chwn).data


def reorder(x: DeviceArray, chwn: bool) -> DeviceArray:
    if x.chwn == chwn or x.ndim < 2:
        return x
    result = DeviceArray(None, x.shape, x.dtype, x.device, chwn)
    storage = layout.storage(x.shape, chwn)
    if layout.one_order(x):
        result.data = x.data.reshape(storage)
        return result
    result.data = allocate(storage, x.dtype, x.device)
    source, target = rows(x), rows(result)
    parts = spans(source.shape[0], 16 if x.size > 1 << 16 else 1)
    transpose = _transpose_floats if x.dtype == np.float32 else _transpose
    parallel(lambda part: transpose(source, target, *parts[part]), len(parts))
    return result


@inner
def _transpose_by_numbers(source, target, row_start, row_stop, column_start, column_stop):
    """target[j, i] = source[i, j] for a part of the rows and of the columns.

    for each block of 32 x 32, which stays in the first-level cache: number by number
    """
    for i0 in range(row_start, row_stop, 32):
        for j0 in range(column_start, column_stop, 32):
            for j in range(j0, min(j0 + 32, column_stop)):
                for i in range(i0, min(i0 + 32, row_stop)):
                    target[j, i] = source[i, j]


@jitted
def _transpose(source, target, start, stop):
    """target[j, i] = source[i, j] for rows start to stop - 1, of any dtype."""
    _transpose_by_numbers(source, target, start, stop, 0, source.shape[1])


@inner
def transpose_floats(source, target, start, stop):
    """The same for float32; each row of both is contiguous.

    for each block of LANES x LANES: in registers; the rows and columns that are left, number by number
    """
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


def copy(source: np.ndarray, target: np.ndarray) -> None:
    """target = source, of the same shape, by as many threads as the size is worth."""
    if target.size <= 1 << 16 or rehearsing():  # weights that a rehearsal is the first to ask for are kept
        np.copyto(target, source)
        return
    parts = spans(len(target), 8)
    parallel(lambda part: np.copyto(target[slice(*parts[part])], source[slice(*parts[part])]), len(parts))


def from_host(array: np.ndarray, device: Device) -> DeviceArray:
    x = new(array.shape, array.dtype, device)
    copy(array, x.data)
    return x


def to_host(x: DeviceArray) -> np.ndarray:
    return np.array(stored(x, False), order="C")


def copy_to(x: DeviceArray, device: Device) -> DeviceArray:
    y = new(x.shape, x.dtype, device, x.chwn)
    copy(x.data.reshape(-1), y.data.reshape(-1))
    return y


def full(shape: tuple[int, ...], value: float, dtype: npt.DTypeLike, device: Device) -> DeviceArray:
    x = new(shape, dtype, device)
    x.data.fill(value)
    return x


def cast(x: DeviceArray, dtype: npt.DTypeLike) -> DeviceArray:
    y = new(x.shape, dtype, x.device, x.chwn)
    y.data[...] = x.data
    return y
