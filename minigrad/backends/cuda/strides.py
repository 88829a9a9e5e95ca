"""Arrays as sizes and strides, and the kernel that copies between any two of them.

A stride is the distance in memory, in elements, from one index of an axis to the next: 0 where an array is repeated to
a larger shape, negative where it is read backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import numpy as np
from numba import cuda

from minigrad.arrays import Device, DeviceArray
from minigrad.backends import layout
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.launch import device_function, kernel, launch_1d

Shape = tuple[int, ...]
Strides = tuple[int, ...]


def contiguous(shape: Shape) -> Strides:
    """The strides of an array in C order."""
    strides, stride = [], 1
    for size in reversed(shape):
        strides.append(stride)
        stride *= size
    return tuple(reversed(strides))


def strides_of(x: DeviceArray) -> Strides:
    """The strides of the axes of x as its users see them."""
    if not x.chwn:
        return contiguous(x.shape)
    rest = contiguous(layout.storage(x.shape, True))
    return (rest[-1], *rest[:-1])


def broadcast_strides(x: DeviceArray, shape: Shape) -> Strides:
    """The strides of x broadcast to a shape."""
    missing = (0,) * (len(shape) - x.ndim)
    axes = zip(x.shape, strides_of(x), shape[len(missing) :], strict=True)
    return missing + tuple(stride if size == wanted else 0 for size, stride, wanted in axes)


def collapse(sizes: Shape, *strides: Strides) -> tuple[Shape, list[Strides]]:
    """The fewest axes that describe the same walk: axes of 1 dropped, neighbours joined where all arrays allow it."""
    merged: list[int] = []
    walks: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(sizes):
        if size == 1:
            continue
        own = [each[axis] for each in strides]
        if merged and all(walk[-1] == stride * size for walk, stride in zip(walks, own, strict=True)):
            merged[-1] *= size
            for walk, stride in zip(walks, own, strict=True):
                walk[-1] = stride
        else:
            merged.append(size)
            for walk, stride in zip(walks, own, strict=True):
                walk.append(stride)
    if not merged:
        return (1,), [(1,) for _ in strides]
    return tuple(merged), [tuple(walk) for walk in walks]


@lru_cache(maxsize=512)
def on_device(device: Device, *lines: tuple[int, ...]) -> ArrayView:
    """Sizes and strides as a small matrix on the device, one line each; kept, since the same come again and again."""
    view = driver.allocate((len(lines), len(lines[0])), np.int64, device)
    driver.copy_from_host(view, np.array(lines, np.int64))
    return view


@device_function
def places(walk, i):
    """Where element i is in two arrays; walk holds the sizes of the axes, the strides of the one and of the other.

    split i into an index, the last axis first, and add up index times stride
    """
    x_at, y_at = 0, 0
    for axis in range(walk.shape[1] - 1, -1, -1):
        index = i % walk[0, axis]
        i //= walk[0, axis]
        x_at += index * walk[1, axis]
        y_at += index * walk[2, axis]
    return x_at, y_at


@kernel("any[::1], any[::1], i8[:,::1], i8, i8, i8")
def _copy_strided(x, y, walk, count, x_start, y_start):
    """for each element, from x_start and y_start on, each by its own strides: y = x"""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        x_at, y_at = places(walk, i)
        y[y_start + y_at] = x[x_start + x_at]


def copy_strided(
    x: ArrayView,
    y: ArrayView,
    sizes: Sequence[int],
    x_strides: Strides,
    y_strides: Strides,
    x_start: int = 0,
    y_start: int = 0,
) -> None:
    """Copy elements of x, from x_start on by its strides, to places of y, from y_start on by its own."""
    count = prod(sizes)
    if count == 0:
        return
    short, (x_short, y_short) = collapse(tuple(sizes), x_strides, y_strides)
    walk = on_device(y.device, short, x_short, y_short)
    launch_1d(_copy_strided, count, y.device, x.reshape(x.size), y.reshape(y.size), walk, count, x_start, y_start)
