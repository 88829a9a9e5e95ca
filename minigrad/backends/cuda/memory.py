"""Arrays in a device's memory: made, filled, copied, converted, and put into one of the two memory orders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda
from numpy.typing import DTypeLike

from minigrad.arrays import Device, DeviceArray, DeviceInfo
from minigrad.backends import layout
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.launch import kernel, launch, launch_1d

TILE = 32  # side of the square that `_transpose` turns at a time: one warp reads a line of it
LINE = TILE + 1  # of the tile in shared memory: one number more, so that no two threads meet in a bank
TILE_ROWS = 8  # rows of it that the threads of a block handle at once
MOST_BLOCKS = 1 << 16  # of `blocks_for`


def devices() -> tuple[DeviceInfo, ...]:
    """The CUDA devices, real or emulated."""
    return driver.devices()


def new(shape: tuple[int, ...], dtype: DTypeLike, device: Device, chwn: bool = False) -> DeviceArray:
    """An uninitialised array; `data` is a view in storage shape: axis 0 last (CHWN for images) if `chwn`."""
    dtype = np.dtype(dtype)
    chwn = chwn and len(shape) > 1
    return DeviceArray(driver.allocate(layout.storage(shape, chwn), dtype, device), shape, dtype, device, chwn)


def flat(x: DeviceArray) -> ArrayView:
    """The storage as one line of elements."""
    return x.data.reshape(x.size)


def rows(x: DeviceArray) -> ArrayView:
    """The storage as a matrix: the rest by the batch where that is stored last, else the batch by the rest."""
    batch = x.shape[0]
    rest = x.size // batch if batch else 0
    return x.data.reshape(rest, batch) if x.chwn else x.data.reshape(batch, rest)


def stored(x: DeviceArray, chwn: bool) -> ArrayView:
    """The elements of x in the storage shape of that order; copied only if they must be."""
    return reorder(x, chwn).data


def reorder(x: DeviceArray, chwn: bool) -> DeviceArray:
    if x.chwn == chwn or x.ndim < 2:
        return x
    storage = layout.storage(x.shape, chwn)
    if layout.one_order(x):
        return DeviceArray(x.data.reshape(storage), x.shape, x.dtype, x.device, chwn)
    result = new(x.shape, x.dtype, x.device, chwn)
    transpose_matrix(rows(x), rows(result), x.device)
    return result


def blocks_for(tasks: int) -> int:
    """Blocks of a kernel each of whose blocks takes one task after another: tiles, or strips of lines."""
    return min(tasks, MOST_BLOCKS)


def transpose_matrix(source: ArrayView, target: ArrayView, device: Device) -> None:
    """target = source^T."""
    tiles = -(-source.shape[0] // TILE) * -(-source.shape[1] // TILE)
    launch(_transpose, blocks_for(tiles), (TILE, TILE_ROWS), device, source, target)


@kernel("any[:,::1], any[:,::1]")
def _transpose(source, target):
    """A block turns a tile of 32 x 32 at a time, so that both reading and writing run along lines.

    for each tile:
        read its lines into shared memory
        (barrier: the whole tile is there)
        write its columns as lines of the target
        (barrier: nobody reads any more when the next tile comes in)
    """
    tile = cuda.shared.array((TILE, LINE), source.dtype)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    height, width = source.shape
    across = (width + TILE - 1) // TILE
    down = (height + TILE - 1) // TILE
    for number in range(cuda.blockIdx.x, down * across, cuda.gridDim.x):
        top, left = number // across * TILE, number % across * TILE
        for row in range(y, TILE, TILE_ROWS):
            if top + row < height and left + x < width:
                tile[row, x] = source[top + row, left + x]
        cuda.syncthreads()
        for row in range(y, TILE, TILE_ROWS):
            if left + row < width and top + x < height:
                target[left + row, top + x] = tile[x, row]
        cuda.syncthreads()


def from_host(array: np.ndarray, device: Device) -> DeviceArray:
    x = new(array.shape, array.dtype, device)
    driver.copy_from_host(x.data, array)
    if array.ndim == 1 and array.dtype.kind in "iu":
        x.forms["host"] = array.copy()  # labels: to check them must not wait for the device
    return x


def on_host(x: DeviceArray) -> np.ndarray:
    """The elements on the host, to be read only; without waiting for the device where the host has them still."""
    kept: np.ndarray | None = x.forms.get("host")
    return to_host(x) if kept is None else kept


def to_host(x: DeviceArray) -> np.ndarray:
    return driver.copy_to_host(stored(x, False))


def cuda_array_interface(x: DeviceArray) -> dict[str, Any]:
    """What other libraries take x by, to be read only: version 3, without a stream, as all work on it is done."""
    driver.synchronise(x.device)
    stored: ArrayView = x.data
    shape, strides = stored.shape, stored.strides
    if x.chwn:
        shape, strides = x.shape, (strides[-1], *strides[:-1])
    data = stored.address, True
    return {"version": 3, "shape": shape, "strides": strides, "typestr": x.dtype.str, "data": data, "stream": None}


def copy_to(x: DeviceArray, device: Device) -> DeviceArray:
    y = new(x.shape, x.dtype, device, x.chwn)
    driver.copy(y.data, x.data)
    y.forms.update(x.forms)
    return y


@kernel("any[::1], any")
def fill(x, value):
    """for each element: x = value"""
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        x[i] = value


def full(shape: tuple[int, ...], value: float, dtype: DTypeLike, device: Device) -> DeviceArray:
    x = new(shape, dtype, device)
    launch_1d(fill, x.size, device, flat(x), x.dtype.type(value).item())
    return x


@kernel("any[::1], other[::1]")
def _cast(x, y):
    """for each element: y = x in the type of y"""
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        y[i] = x[i]


def cast(x: DeviceArray, dtype: DTypeLike) -> DeviceArray:
    y = new(x.shape, dtype, x.device, x.chwn)
    launch_1d(_cast, x.size, x.device, flat(x), flat(y))
    return y
