"""Convolution in three ways, of which the fastest that fits is taken.

In float32 that is Winograd's transforms (winograd.py) where there are channels and images enough, and else the product
straight from the image (direct.py). im2col.py takes everything: few filters, float64, processors without fused
multiply-add; and it is what the tests hold the others to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.backends.cpu.convolution import direct, im2col, space_to_depth, winograd
from minigrad.backends.cpu.memory import allocate, new, stored
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import FUSED
from minigrad.backends.cpu.runtime.threads import parallel, spans
from minigrad.backends.window import Pair, Sides, convolution_window
from minigrad.device import DeviceArray

Shape = tuple[int, ...]
PARTS = 16
FEW = 8  # images
SUMS = 128  # kept side by side
RUN = 64 * SUMS  # numbers that are added up in float32: 64 in each sum


class Unstrided:
    """The same convolution at stride 1: as it is, or in blocks of pixels.

    Attributes:
        image: the shape C x H x W x N of its input.
        filters: the shape K x C/groups x KH x KW of its filters.
        taps: height and width of the filters.
        top, left: its padding.
        out_size: height and width of its result.
    """

    def __init__(self, x_shape: Shape, weight_shape: Shape, stride: Pair, padding: Sides) -> None:
        window = convolution_window(x_shape, weight_shape, stride, padding)
        self.window, self.in_blocks = window, stride != (1, 1)
        self.out_size = window.out_h, window.out_w
        self.image: Shape = (*x_shape[1:], x_shape[0])
        self.filters, self.top, self.left = weight_shape, window.top, window.left
        if self.in_blocks:
            self.image, self.top, self.left = space_to_depth.image_shape(self.image, window), 0, 0
            channels = weight_shape[1] * window.stride_h * window.stride_w
            self.filters = weight_shape[0], channels, *space_to_depth.block_taps(window)
        self.taps: Pair = self.filters[2], self.filters[3]

    def way(self, out_size: Pair, count: int, dtype: Any, groups: int) -> Any:
        """The module for results of so many filters. float64 is asked for where the last digits matter: im2col."""
        if FUSED and dtype == np.float32 and winograd.fits(self.image[3], self.filters, out_size, groups):
            return winograd
        return direct if FUSED and dtype == np.float32 and direct.fits(count // groups) else im2col

    def image_of(self, x: DeviceArray) -> np.ndarray:
        """x in the shape `image`. Blocks are kept with x: its other filters, and the backward pass, want them again."""
        if not self.in_blocks:
            return stored(x, True)
        blocks: np.ndarray | None = x.forms.get(self.window)
        if blocks is None:
            channels, height, width, batch = self.image
            padded = direct.with_margin((channels, height, width * batch), self.taps[1], batch, x.device)
            blocks = padded.reshape(self.image)
            if x.batch_last or batch < FEW:
                space_to_depth.image_to_blocks(stored(x, True), blocks, self.window)
            else:  # the same, without the images batch-last in between
                space_to_depth.images_to_blocks(x.data, blocks, self.window)
            x.forms[self.window] = blocks
        return blocks

    def padded_of(self, x: DeviceArray) -> np.ndarray:
        """x as direct.py takes it: the blocks, which are made with their padding, or a padded image, kept likewise."""
        if self.in_blocks:
            return self.image_of(x).reshape(*self.image[:2], -1)
        padded: np.ndarray | None = x.forms.get(self.window)
        if padded is None:
            padded = direct.pad(stored(x, True), self.out_size, self.taps, self.top, self.left, x.device)
            x.forms[self.window] = padded
        return padded

    def filters_of(self, weight: DeviceArray) -> np.ndarray:
        """The weight in the shape `filters`."""
        array = stored(weight, False)
        return space_to_depth.filters_to_blocks(array, self.window) if self.in_blocks else array


def conv2d(
    x: DeviceArray,
    weight: DeviceArray,
    bias: DeviceArray | None,
    stride: Pair,
    padding: Sides,
    groups: int,
    relu: bool,
) -> DeviceArray:
    plain = Unstrided(x.shape, weight.shape, stride, padding)
    way = plain.way(plain.out_size, weight.shape[0], x.dtype, groups)
    if way is im2col:
        return im2col.conv2d(x, weight, bias, stride, padding, groups, relu)
    y = new((x.shape[0], weight.shape[0], *plain.out_size), x.dtype, x.device, batch_last=True)
    offset = np.zeros(weight.shape[0], x.dtype) if bias is None else bias.data
    if way is direct:
        direct.convolve(plain.padded_of(x), plain.filters_of(weight), offset, y.data, groups, relu=relu)
        return y
    image, filters = plain.image_of(x), plain.filters_of(weight)
    winograd.convolve(image, filters, offset, y.data, plain.top, plain.left, groups, x.device, relu=relu)
    return y


@inner
def _mask_and_sum(dy, y, dx, sums):
    """dx = dy where y is not 0, added to the sums."""
    for m in range(dy.size):
        value = dy[m] if y[m] != 0 else dy.dtype.type(0)
        dx[m] = value
        sums[m] += value


@jitted
def _relu_bias_grad(dy, y, dx, db, first, last):
    """For channels first to last - 1: the gradient of a ReLU, and its sum.

    Number i of a channel is added to sum i % SUMS, so that neighbours are added up side by side; the sums go to float64
    after RUN numbers, since float32 would lose digits.
    """
    sums = np.empty(SUMS, dy.dtype)
    for c in range(first, last):
        total = 0.0
        for at in range(0, dy.shape[1], RUN):
            sums[:] = 0
            end = min(at + RUN, dy.shape[1])
            for start in range(at, end, SUMS):
                few = slice(start, min(start + SUMS, end))
                _mask_and_sum(dy[c, few], y[c, few], dx[c, few], sums)
            for m in range(SUMS):
                total += sums[m]
        db[c] = total


def relu_bias_grad(dy: DeviceArray, y: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    dx = new(dy.shape, dy.dtype, dy.device, batch_last=True)
    db = new((dy.shape[1],), dy.dtype, dy.device)
    lines = [array.reshape(dy.shape[1], -1) for array in (stored(dy, True), stored(y, True), dx.data)]
    parts = spans(dy.shape[1], PARTS)
    parallel(lambda part: _relu_bias_grad(*lines, db.data, *parts[part]), len(parts))
    return dx, db


def conv2d_grad_input(
    dy: DeviceArray, weight: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    plain = Unstrided(shape, weight.shape, stride, padding)
    channels, height, width, _ = plain.image
    way = plain.way((height, width), channels, dy.dtype, groups)
    if way is im2col:
        return im2col.conv2d_grad_input(dy, weight, shape, stride, padding, groups)
    dx = new(shape, dy.dtype, dy.device, batch_last=True)
    image = allocate(plain.image, dy.dtype, dy.device) if plain.in_blocks else dx.data
    sides = plain.taps[0] - 1 - plain.top, plain.taps[1] - 1 - plain.left
    offset, filters = np.zeros(channels, dy.dtype), plain.filters_of(weight)
    if way is direct:
        padded = direct.pad(stored(dy, True), (height, width), plain.taps, *sides, dy.device)
        direct.convolve(padded, filters, offset, image, groups, turned=True)
    else:
        winograd.convolve(stored(dy, True), filters, offset, image, *sides, groups, dy.device, turned=True)
    if plain.in_blocks:
        space_to_depth.blocks_to_image(image, dx.data, plain.window)
    return dx


def conv2d_grad_weight(
    dy: DeviceArray, x: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    plain = Unstrided(x.shape, shape, stride, padding)
    way = plain.way(plain.out_size, shape[0], x.dtype, groups)
    if way is im2col:
        return im2col.conv2d_grad_weight(dy, x, shape, stride, padding, groups)
    dw = new(shape, x.dtype, x.device)
    filters = np.empty(plain.filters, x.dtype) if plain.in_blocks else dw.data
    if way is direct:
        direct.grad_weight(stored(dy, True), plain.padded_of(x), filters, groups)
    else:
        winograd.grad_weight(stored(dy, True), plain.image_of(x), filters, plain.top, plain.left, groups, x.device)
    if plain.in_blocks:
        space_to_depth.blocks_to_filters(filters, dw.data, plain.window)
    return dw
