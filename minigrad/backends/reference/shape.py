"""Primitives that move elements and change none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.reference.primitive import Array, primitive, wrap


@primitive
def reshape(x: Array, shape: tuple[int, ...]) -> Array:
    """The elements of x, in C order of its axes, under another shape"""
    return x.reshape(shape)


@primitive
def transpose(x: Array, dim0: int, dim1: int) -> Array:
    """x with two axes exchanged"""
    return x.swapaxes(dim0, dim1)


@primitive
def getitem(x: Array, index: tuple[int | slice, ...]) -> Array:
    """y = x[index]"""
    return x[index]


@primitive
def getitem_grad(dy: Array, index: tuple[int | slice, ...], shape: tuple[int, ...]) -> Array:
    """dx[index] = dy; 0 where nobody looked"""
    dx = np.zeros(shape, dy.dtype)
    dx[index] = dy
    return dx


def cat(arrays: Sequence[DeviceArray], dim: int) -> DeviceArray:
    """Arrays joined along an axis"""
    return wrap(np.concatenate([x.data for x in arrays], axis=dim))


@primitive
def broadcast_to(x: Array, shape: tuple[int, ...]) -> Array:
    """x repeated to the shape"""
    return np.broadcast_to(x, shape)
