"""Local response normalisation, across channels (section 3.3) and within each."""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive


def around(i: int, size: int) -> slice:
    """The `size` neighbours of number i, itself among them: size // 2 before it, (size - 1) // 2 after it."""
    return slice(max(0, i - size // 2), i + (size - 1) // 2 + 1)


@primitive
def local_response_norm(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """y_i = x_i / s_i^beta with s_i = k + alpha / size * (sum of x_j^2 over the `size` channels j around i)"""
    y = np.zeros(x.shape)
    for i in range(x.shape[1]):
        s = k + alpha / size * (x[:, around(i, size)] ** 2).sum(axis=1)
        y[:, i] = x[:, i] / s**beta
    return y


@primitive
def local_response_norm_grad(dy: Array, x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """For each channel i; x_i is in y_i, and in every s_j around it:

    dx_i += dy_i / s_i^beta                                                 as the numerator
    dx_j -= 2 alpha / size * beta * x_j dy_i x_i / s_i^(beta + 1)           as one of the channels j around i, in s_i
    """
    dx = np.zeros(x.shape)
    for i in range(x.shape[1]):
        near = around(i, size)
        s = k + alpha / size * (x[:, near] ** 2).sum(axis=1)
        dx[:, i] += dy[:, i] / s**beta
        dx[:, near] -= 2 * alpha / size * beta * x[:, near] * (dy[:, i] * x[:, i] / s ** (beta + 1))[:, None]
    return dx


@primitive
def within_map_response_norm(x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """y_p = x_p / s_p^beta with s_p = k + alpha / size^2 * (sum of x_q^2 over the `size` x `size` pixels q around p)"""
    y = np.zeros(x.shape)
    for i, j in np.ndindex(x.shape[2:]):
        s = k + alpha / size**2 * (x[:, :, around(i, size), around(j, size)] ** 2).sum(axis=(2, 3))
        y[:, :, i, j] = x[:, :, i, j] / s**beta
    return y


@primitive
def within_map_response_norm_grad(dy: Array, x: Array, size: int, alpha: float, beta: float, k: float) -> Array:
    """The two terms of `local_response_norm_grad`, for each pixel p = (i, j) and the pixels q around it"""
    dx = np.zeros(x.shape)
    for i, j in np.ndindex(x.shape[2:]):
        near = slice(None), slice(None), around(i, size), around(j, size)
        s = k + alpha / size**2 * (x[near] ** 2).sum(axis=(2, 3))
        dx[:, :, i, j] += dy[:, :, i, j] / s**beta
        shared = dy[:, :, i, j] * x[:, :, i, j] / s ** (beta + 1)
        dx[near] -= 2 * alpha / size**2 * beta * x[near] * shared[:, :, None, None]
    return dx
