"""Max and average pooling with overlapping windows (section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive
from minigrad.backends.window import Pair, Sides

Shape = tuple[int, ...]


def windows_along(length: int, kernel_size: int, stride: int, before: int, after: int, ceil_mode: bool) -> int:
    """How many windows stand along an axis.

    Whole ones, as long as they fit; with `ceil_mode` one more that overhangs, if it starts in the image or before it.
    """
    steps = (length + before + after - kernel_size) / stride
    if not ceil_mode:
        return math.floor(steps) + 1
    return min(math.ceil(steps), math.ceil((length + before) / stride) - 1) + 1


def pooled(image: Shape, kernel_size: Pair, stride: Pair, padding: Sides, ceil_mode: bool) -> Pair:
    """Height and width of the result for images of that height and width."""
    top, bottom, left, right = padding
    return (
        windows_along(image[0], kernel_size[0], stride[0], top, bottom, ceil_mode),
        windows_along(image[1], kernel_size[1], stride[1], left, right, ceil_mode),
    )


def looks(
    out_size: Pair, image: Shape, kernel_size: Pair, stride: Pair, padding: Sides
) -> Iterator[tuple[int, int, int, int, int]]:
    """Who looks at what: (i, j, place, row, column) for each place of each window (i, j) that lies in the image.

    The places of a window are numbered row by row: place u * kernel_w + v looks at row i * stride - top + u and column
    j * stride - left + v of the image.
    """
    top, _, left, _ = padding
    for i, j, u, v in np.ndindex(*out_size, *kernel_size):
        row, column = i * stride[0] - top + u, j * stride[1] - left + v
        if 0 <= row < image[0] and 0 <= column < image[1]:
            yield i, j, u * kernel_size[1] + v, row, column


@primitive
def max_pool2d(x: Array, kernel_size: Pair, stride: Pair, padding: Sides, ceil_mode: bool) -> tuple[Array, Array]:
    """y[n, c, i, j] = the largest of x[n, c] in window (i, j), and its place there: among equals the first.

    A NaN is larger than all (the last of several counts).
    """
    size = pooled(x.shape[2:], kernel_size, stride, padding, ceil_mode)
    y = np.zeros((*x.shape[:2], *size))
    argmax = np.full(y.shape, -1)  # nobody yet
    for i, j, place, row, column in looks(size, x.shape[2:], kernel_size, stride, padding):
        value = x[:, :, row, column]
        wins = (value > y[:, :, i, j]) | np.isnan(value) | (argmax[:, :, i, j] < 0)
        y[:, :, i, j] = np.where(wins, value, y[:, :, i, j])
        argmax[:, :, i, j] = np.where(wins, place, argmax[:, :, i, j])
    return y, argmax


@primitive
def max_pool2d_grad(dy: Array, argmax: Array, shape: Shape, kernel_size: Pair, stride: Pair, padding: Sides) -> Array:
    """dx[n, c, row, column] += dy[n, c, i, j], for the place that won window (i, j)"""
    dx = np.zeros(shape)
    for i, j, place, row, column in looks(dy.shape[2:], shape[2:], kernel_size, stride, padding):
        dx[:, :, row, column] += np.where(argmax[:, :, i, j] == place, dy[:, :, i, j], 0)
    return dx


def areas(
    out_size: Pair, image: Shape, kernel_size: Pair, stride: Pair, padding: Sides, count_include_pad: bool
) -> np.ndarray:
    """How many places of each window lie in the image or, with `count_include_pad`, in the image and its padding."""
    if count_include_pad:  # padding is image like the rest
        top, bottom, left, right = padding
        image, padding = (image[0] + top + bottom, image[1] + left + right), (0, 0, 0, 0)
    area = np.zeros(out_size)
    for i, j, *_ in looks(out_size, image, kernel_size, stride, padding):
        area[i, j] += 1
    return area


@primitive
def avg_pool2d(
    x: Array, kernel_size: Pair, stride: Pair, padding: Sides, ceil_mode: bool, count_include_pad: bool
) -> Array:
    """y[n, c, i, j] = sum of x[n, c] in window (i, j), divided by the window's area"""
    image = x.shape[2:]
    size = pooled(image, kernel_size, stride, padding, ceil_mode)
    y = np.zeros((*x.shape[:2], *size))
    for i, j, _, row, column in looks(size, image, kernel_size, stride, padding):
        y[:, :, i, j] += x[:, :, row, column]
    return y / areas(size, image, kernel_size, stride, padding, count_include_pad)


@primitive
def avg_pool2d_grad(
    dy: Array, shape: Shape, kernel_size: Pair, stride: Pair, padding: Sides, count_include_pad: bool
) -> Array:
    """dx[n, c, row, column] += dy[n, c, i, j] / area of window (i, j), for each place in it"""
    size, image = dy.shape[2:], shape[2:]
    shares = dy / areas(size, image, kernel_size, stride, padding, count_include_pad)
    dx = np.zeros(shape)
    for i, j, _, row, column in looks(size, image, kernel_size, stride, padding):
        dx[:, :, row, column] += shares[:, :, i, j]
    return dx
