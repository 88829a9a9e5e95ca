"""Sums, maxima and softmax along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends import layout
from minigrad.backends.cpu.memory import new, stored, wrap
from minigrad.backends.layout import view
from minigrad.backends.threads import parallel, spans

MANY = 1 << 15  # elements: so many are summed by rows, in parallel


def _like(x: DeviceArray, array: np.ndarray) -> DeviceArray:
    """A result of NumPy in the memory order of x, whose shape it has."""
    y = new(x.shape, array.dtype, x.device, x.chwn)
    view(y)[...] = array
    return y


def sum(x: DeviceArray, dims: tuple[int, ...], keepdim: bool) -> DeviceArray:
    # In storage order, summed axes at the end make sums of contiguous rows: bias gradients are of this kind.
    axes = sorted(layout.storage_axis(axis, x) for axis in dims)
    kept = x.ndim - len(axes)
    total: np.ndarray
    if axes == list(range(kept, x.ndim)) and kept > 0 and x.size > MANY and (not x.chwn or 0 in dims):
        lines = x.data.reshape(int(np.prod(x.data.shape[:kept])), -1)
        total = np.empty(lines.shape[0], x.dtype)
        parts = spans(lines.shape[0], 16)
        parallel(
            lambda part: np.sum(lines[slice(*parts[part])], axis=1, out=total[slice(*parts[part])]), len(parts), x.size
        )
    else:
        # along other axes NumPy adds one by one: in float32 the error would grow with the length
        total = np.asarray(np.add.reduce(view(x), axis=dims, dtype=np.float64 if x.dtype.kind == "f" else x.dtype))
    shape, chwn = layout.sum_layout(x, dims, keepdim)
    y = new(shape, x.dtype, x.device, chwn)
    view(y)[...] = total.reshape(shape)
    return y


def _extreme(
    place: Callable[..., np.ndarray], x: DeviceArray, dim: int, keepdim: bool
) -> tuple[DeviceArray, DeviceArray]:
    """The values that place(x, axis=dim) finds, and where they stand."""
    array = stored(x, False)
    indices = np.expand_dims(place(array, axis=dim), dim)
    values = np.take_along_axis(array, indices, axis=dim)
    if not keepdim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return wrap(values, x.device), wrap(indices.astype(np.int64, copy=False), x.device)


def max(x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
    return _extreme(np.argmax, x, dim, keepdim)


def min(x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
    return _extreme(np.argmin, x, dim, keepdim)


def max_grad(dy: DeviceArray, indices: DeviceArray, shape: tuple[int, ...], dim: int) -> DeviceArray:
    dx = new(shape, dy.dtype, dy.device)
    dx.data.fill(0)
    np.put_along_axis(dx.data, stored(indices, False), stored(dy, False), axis=dim)
    return dx


def _shifted(x: DeviceArray, dim: int) -> np.ndarray:
    """x minus its maximum along the axis, which leaves a softmax as it is and keeps exponentials from overflowing."""
    array = view(x)
    return array - array.max(axis=dim, keepdims=True, initial=-np.inf)  # the axis may be empty


def softmax(x: DeviceArray, dim: int) -> DeviceArray:
    powers = np.exp(_shifted(x, dim))
    return _like(x, powers / powers.sum(axis=dim, keepdims=True))


def softmax_grad(dy: DeviceArray, y: DeviceArray, dim: int) -> DeviceArray:
    gradient, value = view(dy), view(y)
    return _like(y, value * (gradient - (gradient * value).sum(axis=dim, keepdims=True)))


def log_softmax(x: DeviceArray, dim: int) -> DeviceArray:
    shifted = _shifted(x, dim)
    return _like(x, shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True)))


def log_softmax_grad(dy: DeviceArray, y: DeviceArray, dim: int) -> DeviceArray:
    gradient: Any = view(dy)
    return _like(y, gradient - np.exp(view(y)) * gradient.sum(axis=dim, keepdims=True))
