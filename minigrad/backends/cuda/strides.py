"""Arrays as sizes and steps along axes, and the kernel that copies between any two of them.

A step is the distance in memory, in elements, from one index of an axis to the next: 0 where an array is repeated to a
larger shape, negative where it is read backwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numba import cuda

from minigrad.backends import layout
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.launch import device_function, kernel, launch_1d
from minigrad.device import Device, DeviceArray

Sizes = tuple[int, ...]
Steps = tuple[int, ...]


def contiguous(shape: Sizes) -> Steps:
    """The steps of an array in C order."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= size
    return tuple(reversed(steps))


def steps_of(x: DeviceArray) -> Steps:
    """The steps along the axes of x as its users see them."""
    if not x.batch_last:
        return contiguous(x.shape)
    rest = contiguous(layout.storage(x.shape, True))
    return (rest[-1], *rest[:-1])


def repeated(x: DeviceArray, shape: Sizes) -> Steps:
    """The steps of x broadcast to a shape."""
    missing = (0,) * (len(shape) - x.ndim)
    steps = zip(x.shape, steps_of(x), shape[len(missing) :], strict=True)
    return missing + tuple(step if size == wanted else 0 for size, step, wanted in steps)


def collapse(sizes: Sizes, *steps: Steps) -> tuple[Sizes, list[Steps]]:
    """The fewest axes that describe the same walk: axes of 1 dropped, neighbours joined where all arrays allow it."""
    kept = [axis for axis, size in enumerate(sizes) if size != 1]
    merged: list[int] = []
    walks: list[list[int]] = [[] for _ in steps]
    for axis in kept:
        ends = [walk[axis] for walk in steps]
        if merged and all(walk[-1] == end * sizes[axis] for walk, end in zip(walks, ends, strict=True)):
            merged[-1] *= sizes[axis]
            for walk, end in zip(walks, ends, strict=True):
                walk[-1] = end
        else:
            merged.append(sizes[axis])
            for walk, end in zip(walks, ends, strict=True):
                walk.append(end)
    if not merged:
        return (1,), [(1,) for _ in steps]
    return tuple(merged), [tuple(walk) for walk in walks]


@lru_cache(maxsize=512)
def on_device(device: Device, *lines: tuple[int, ...]) -> ArrayView:
    """Sizes and steps as a small matrix on the device, one line each; kept, since the same come again and again."""
    view = driver.allocate((len(lines), len(lines[0])), np.int64, device)
    driver.copy_from_host(view, np.array(lines, np.int64))
    return view


@device_function
def places(walk, i):
    """Where element i is in two arrays; walk holds the sizes of the axes, the steps of the one and of the other.

    split i into an index, the last axis first, and add up the steps
    """
    x_at, y_at = 0, 0
    for axis in range(walk.shape[1] - 1, -1, -1):
        place = i % walk[0, axis]
        i //= walk[0, axis]
        x_at += place * walk[1, axis]
        y_at += place * walk[2, axis]
    return x_at, y_at


@kernel("any[::1], any[::1], i8[:,::1], i8, i8, i8")
def _copy_steps(x, y, walk, count, x_first, y_first):
    """for each element, from x_first and y_first on in steps of their own: y = x"""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        x_at, y_at = places(walk, i)
        y[y_first + y_at] = x[x_first + x_at]


def copy_steps(
    x: ArrayView, y: ArrayView, sizes: Sequence[int], x_steps: Steps, y_steps: Steps, x_first: int = 0, y_first: int = 0
) -> None:
    """Copy elements of x, from x_first in steps, to places of y, from y_first in steps."""
    count = int(np.prod(sizes, dtype=np.int64))
    if count == 0:
        return
    short, (x_short, y_short) = collapse(tuple(sizes), x_steps, y_steps)
    walk = on_device(y.device, short, x_short, y_short)
    launch_1d(_copy_steps, count, y.device, x.reshape(x.size), y.reshape(y.size), walk, count, x_first, y_first)
