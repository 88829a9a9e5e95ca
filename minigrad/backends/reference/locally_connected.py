"""Unshared convolution: a window that slides over the image and has weights of its own at each place.

All is as in convolution.py, but for the weight, which is OH x OW x C / groups x KH x KW x K. Nothing is added up over
places: each weight is used once an image.
"""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.convolution import padded, positions
from minigrad.backends.reference.primitive import Array, primitive
from minigrad.backends.window import Pair, Sides

Shape = tuple[int, ...]


def filters_shape(weight_shape: Shape) -> Shape:
    """The shape of the filters of one place, as those of a convolution: K x C / groups x KH x KW."""
    return weight_shape[5], *weight_shape[2:5]


@primitive
def locally_connected2d(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Sides, groups: int, relu: bool
) -> Array:
    """y[n, k, i, j] = sum over c, u, v of weight[i, j, c, u, v, k] x[n, c, i * stride + u, j * stride + v]

    plus bias[k, i, j]. x is padded first; channel c counts within the group of filter k. With `relu`, max(y, 0).
    """
    x, out_size = padded(x, padding), weight.shape[:2]
    y = np.zeros((len(x), weight.shape[5], *out_size))
    for filters, i, j, patch in positions(filters_shape(weight.shape), out_size, stride, groups):
        y[:, filters, i, j] = np.einsum("cuvk,ncuv->nk", weight[i, j, ..., filters], x[patch])
    if bias is not None:
        y += bias
    return np.maximum(y, 0) if relu else y


@primitive
def locally_connected2d_grad_input(
    dy: Array, weight: Array, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> Array:
    """dx[n, c, i * stride + u, j * stride + v] += sum over k of weight[i, j, c, u, v, k] dy[n, k, i, j]

    The gradient of the padding is left out at the end.
    """
    dx = padded(np.zeros(shape), padding)
    for filters, i, j, patch in positions(filters_shape(weight.shape), dy.shape[2:], stride, groups):
        dx[patch] += np.einsum("cuvk,nk->ncuv", weight[i, j, ..., filters], dy[:, filters, i, j])
    top, _, left, _ = padding
    return dx[:, :, top : top + shape[2], left : left + shape[3]]


@primitive
def locally_connected2d_grad_weight(
    dy: Array, x: Array, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> Array:
    """dweight[i, j, c, u, v, k] = sum over n of dy[n, k, i, j] x[n, c, i * stride + u, j * stride + v]"""
    x = padded(x, padding)
    dw = np.zeros(shape)
    for filters, i, j, patch in positions(filters_shape(shape), dy.shape[2:], stride, groups):
        dw[i, j, ..., filters] = np.einsum("nk,ncuv->cuvk", dy[:, filters, i, j], x[patch])
    return dw
