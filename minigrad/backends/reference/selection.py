"""Elements taken by arrays of indices."""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive


@primitive
def take(x: Array, indices: Array, axis: int) -> Array:
    """y[..., k, ...] = x[..., indices[k], ...], where k is an index of the array `indices`"""
    return x.take(indices, axis)


@primitive
def take_grad(dy: Array, indices: Array, shape: tuple[int, ...], axis: int) -> Array:
    """dx = the sum of dy over all k at which it was taken, one after another; 0 where nobody looked"""
    dx = np.zeros(shape)
    terms = np.moveaxis(dy.reshape(*shape[:axis], indices.size, *shape[axis + 1 :]), axis, 0)
    for index, term in zip(indices.reshape(-1), terms, strict=True):
        np.moveaxis(dx, axis, 0)[index] += term
    return dx
