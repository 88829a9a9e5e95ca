"""Sums, maxima and softmax along axes."""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive


@primitive
def sum(x: Array, dims: tuple[int, ...], keepdim: bool) -> Array:
    """y = sum of x over the axes"""
    return x.sum(axis=dims, keepdims=keepdim, dtype=x.dtype)


@primitive
def max(x: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """y = the largest of x along the axis, and where it stands: among equals the first. NaN is larger than all"""
    return x.max(axis=dim, keepdims=keepdim), np.argmax(x, axis=dim, keepdims=keepdim)


@primitive
def min(x: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """y = the smallest of x along the axis, and where it stands: among equals the first. NaN is smaller than all"""
    return x.min(axis=dim, keepdims=keepdim), np.argmin(x, axis=dim, keepdims=keepdim)


@primitive
def max_grad(dy: Array, indices: Array, shape: tuple[int, ...], dim: int) -> Array:
    """dx = dy at the index of the largest, or the smallest, along the axis, 0 elsewhere"""
    dx = np.zeros(shape)
    np.put_along_axis(dx, indices, dy, axis=dim)
    return dx


@primitive
def softmax(x: Array, dim: int) -> Array:
    """y_i = e^(x_i) / sum of e^(x_j) along the axis, both x less the largest: that keeps y, and nothing overflows"""
    powers = np.exp(x - x.max(axis=dim, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=dim, keepdims=True)


@primitive
def softmax_grad(dy: Array, y: Array, dim: int) -> Array:
    """dx_i = y_i (dy_i - sum of dy_j y_j), with y = softmax(x)"""
    return y * (dy - (dy * y).sum(axis=dim, keepdims=True))


@primitive
def log_softmax(x: Array, dim: int) -> Array:
    """y_i = x_i - log(sum of e^(x_j)), both x less the largest"""
    shifted = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


@primitive
def log_softmax_grad(dy: Array, y: Array, dim: int) -> Array:
    """dx_i = dy_i - e^(y_i) sum of dy_j, with y = log_softmax(x)"""
    return dy - np.exp(y) * dy.sum(axis=dim, keepdims=True)
