"""The primitives of convolution, each by the fastest algorithm that fits: `algorithm_for` decides."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.convolution import direct, im2col, space_to_depth, winograd
from minigrad.backends.cpu.convolution.unstrided import Unstrided
from minigrad.backends.cpu.memory import allocate, new, stored
from minigrad.backends.cpu.runtime.simd import FUSED
from minigrad.backends.window import Pair, Sides

Shape = tuple[int, ...]


class Algorithm(Enum):
    """How a convolution is computed: each is the file of that name."""

    WINOGRAD = "winograd"
    DIRECT = "direct"
    IM2COL = "im2col"


def algorithm_for(
    batch: int, filters_shape: Shape, count: int, out_size: Pair, groups: int, dtype: np.dtype[Any]
) -> Algorithm:
    """The fastest algorithm that takes a convolution at stride 1 (of a larger stride: in blocks).

    In this order:
        WINOGRAD, in float32: 3 or 5 taps either way, an output that tiles cover, and at least 8 channels and filters in
            a group and 8 images. The fewest multiplications; with fewer channels the transforms cost more than that
            saves, with fewer images the vectors stay half empty.
        DIRECT, in float32: a group has at least as many filters as a block of a product has rows. For fewer channels or
            images than WINOGRAD wants, and for other filters. All the multiplications, but no matrix of columns is
            written and read again.
        IM2COL: everything. float64, which is asked for where the last digits matter; few filters; processors without
            fused multiply-add. The plain one, which the tests hold the others to.

    In AlexNet at batch 128 all five layers take WINOGRAD (the filters of conv1, in blocks of 4 x 4 pixels, have 3 x 3
    taps and 48 channels), and DIRECT at batch 1.

    Args:
        batch: number of images.
        filters_shape: K x C/groups x KH x KW.
        count: results for each pixel: K, or C for the gradient of the input.
        out_size: height and width of the result.
        groups: of channels, and of filters.
        dtype: of all arrays.
    """
    if dtype != np.float32 or not FUSED:
        return Algorithm.IM2COL
    if winograd.fits(batch, filters_shape, out_size, groups):
        return Algorithm.WINOGRAD
    return Algorithm.DIRECT if direct.fits(count // groups) else Algorithm.IM2COL


def conv2d(
    x: DeviceArray,
    weight: DeviceArray,
    bias: DeviceArray | None,
    stride: Pair,
    padding: Sides,
    groups: int,
    relu: bool,
) -> DeviceArray:
    unstrided, count = Unstrided(x.shape, weight.shape, stride, padding), weight.shape[0]
    algorithm = algorithm_for(x.shape[0], unstrided.filters_shape, count, unstrided.out_size, groups, x.dtype)
    if algorithm is Algorithm.IM2COL:
        return im2col.conv2d(x, weight, bias, stride, padding, groups, relu)
    y = new((x.shape[0], count, *unstrided.out_size), x.dtype, x.device, chwn=True)
    offset = np.zeros(count, x.dtype) if bias is None else bias.data
    if algorithm is Algorithm.DIRECT:
        direct.convolve(unstrided.padded_of(x), unstrided.filters_of(weight), offset, y.data, groups, relu=relu)
    else:
        image, filters = unstrided.image_of(x), unstrided.filters_of(weight)
        winograd.convolve(image, filters, offset, y.data, unstrided.top, unstrided.left, groups, x.device, relu=relu)
    return y


def conv2d_grad_input(
    dy: DeviceArray, weight: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    unstrided = Unstrided(shape, weight.shape, stride, padding)
    channels, height, width, batch = unstrided.image_shape
    size = height, width
    algorithm = algorithm_for(batch, unstrided.filters_shape, channels, size, groups, dy.dtype)
    if algorithm is Algorithm.IM2COL:
        return im2col.conv2d_grad_input(dy, weight, shape, stride, padding, groups)
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    image = allocate(unstrided.image_shape, dy.dtype, dy.device) if unstrided.in_blocks else dx.data
    sides = unstrided.taps[0] - 1 - unstrided.top, unstrided.taps[1] - 1 - unstrided.left
    offset, filters = np.zeros(channels, dy.dtype), unstrided.filters_of(weight)
    if algorithm is Algorithm.DIRECT:
        padded = direct.pad(stored(dy, True), size, unstrided.taps, *sides, dy.device)
        direct.convolve(padded, filters, offset, image, groups, turned=True)
    else:
        winograd.convolve(stored(dy, True), filters, offset, image, *sides, groups, dy.device, turned=True)
    if unstrided.in_blocks:
        space_to_depth.blocks_to_chwn(image, dx.data, unstrided.window)
    return dx


def conv2d_grad_weight(
    dy: DeviceArray, x: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    unstrided = Unstrided(x.shape, shape, stride, padding)
    algorithm = algorithm_for(x.shape[0], unstrided.filters_shape, shape[0], unstrided.out_size, groups, x.dtype)
    if algorithm is Algorithm.IM2COL:
        return im2col.conv2d_grad_weight(dy, x, shape, stride, padding, groups)
    dw = new(shape, x.dtype, x.device)
    filters = np.empty(unstrided.filters_shape, x.dtype) if unstrided.in_blocks else dw.data
    if algorithm is Algorithm.DIRECT:
        direct.grad_weight(stored(dy, True), unstrided.padded_of(x), filters, groups)
    else:
        image = unstrided.image_of(x)
        winograd.grad_weight(stored(dy, True), image, filters, unstrided.top, unstrided.left, groups, x.device)
    if unstrided.in_blocks:
        space_to_depth.blocks_to_filters(filters, dw.data, unstrided.window)
    return dw
