"""Convolution as a window that slides over the image (section 3.5).

At each position a filter is multiplied with the patch of the image under it, number by number, and all is added up.
The two gradients walk over the same positions: each product of a weight and a pixel gave its share to y, so the
gradient of y comes back to the pixel times the weight, and to the weight times the pixel. `np.einsum` adds up in the
letters of the formulas: image n, filter k, channel c, row u and column v of the filter.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive
from minigrad.backends.window import Pair, Sides

Shape = tuple[int, ...]


def padded(x: np.ndarray, padding: Sides) -> np.ndarray:
    """x with rows and columns of zeros around each image."""
    top, bottom, left, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def positions(
    weight_shape: Shape, out_size: Pair, stride: Pair, groups: int
) -> Iterator[tuple[slice, int, int, tuple[slice, ...]]]:
    """For each group of filters and each place (i, j) of the result: (filters, i, j, patch).

    `filters` are the channels of the result that the group makes there, `patch` is what of the padded images it sees.
    """
    (outputs, channels, kernel_h, kernel_w), (stride_h, stride_w) = weight_shape, stride
    for group, i, j in np.ndindex(groups, *out_size):
        filters = slice(group * outputs // groups, (group + 1) * outputs // groups)
        seen = slice(group * channels, (group + 1) * channels)
        rows = slice(i * stride_h, i * stride_h + kernel_h)
        columns = slice(j * stride_w, j * stride_w + kernel_w)
        yield filters, i, j, (slice(None), seen, rows, columns)


@primitive
def conv2d(x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Sides, groups: int, relu: bool) -> Array:
    """y[n, k, i, j] = sum over c, u, v of weight[k, c, u, v] x[n, c, i * stride + u, j * stride + v], plus bias[k]

    x is padded first; channel c counts within the group of filter k. With `relu`, max(y, 0).
    """
    x = padded(x, padding)
    height, width = ((x.shape[axis] - weight.shape[axis]) // stride[axis - 2] + 1 for axis in (2, 3))
    y = np.zeros((len(x), len(weight), height, width))
    for filters, i, j, patch in positions(weight.shape, (height, width), stride, groups):
        y[:, filters, i, j] = np.einsum("kcuv,ncuv->nk", weight[filters], x[patch])
    if bias is not None:
        y += bias[:, None, None]
    return np.maximum(y, 0) if relu else y


@primitive
def conv2d_grad_input(dy: Array, weight: Array, shape: Shape, stride: Pair, padding: Sides, groups: int) -> Array:
    """dx[n, c, i * stride + u, j * stride + v] += sum over k of weight[k, c, u, v] dy[n, k, i, j]

    The gradient of the padding is left out at the end.
    """
    dx = padded(np.zeros(shape), padding)
    for filters, i, j, patch in positions(weight.shape, dy.shape[2:], stride, groups):
        dx[patch] += np.einsum("kcuv,nk->ncuv", weight[filters], dy[:, filters, i, j])
    top, _, left, _ = padding
    return dx[:, :, top : top + shape[2], left : left + shape[3]]


@primitive
def conv2d_grad_weight(dy: Array, x: Array, shape: Shape, stride: Pair, padding: Sides, groups: int) -> Array:
    """dweight[k, c, u, v] += sum over n of dy[n, k, i, j] x[n, c, i * stride + u, j * stride + v]"""
    x = padded(x, padding)
    dw = np.zeros(shape)
    for filters, i, j, patch in positions(shape, dy.shape[2:], stride, groups):
        dw[filters] += np.einsum("nk,ncuv->kcuv", dy[:, filters, i, j], x[patch])
    return dw
