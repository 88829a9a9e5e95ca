"""A convolution at stride 1, whatever its stride was: the form in which direct.py and winograd.py take it."""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.convolution import direct, space_to_depth
from minigrad.backends.cpu.memory import stored
from minigrad.backends.window import Pair, Sides, convolution_window

Shape = tuple[int, ...]

FEW_IMAGES = 8  # for which the images in CHWN order, on the way to blocks, cost next to nothing


class Unstrided:
    """The same convolution at stride 1: as it is, or in blocks of pixels (space_to_depth.py).

    Attributes:
        in_blocks: whether image and filters are in blocks.
        image_shape: C x H x W x N of its input.
        filters_shape: K x C/groups x KH x KW of its filters.
        taps: height and width of the filters.
        top, left: its padding.
        out_size: height and width of its result.
    """

    def __init__(self, x_shape: Shape, weight_shape: Shape, stride: Pair, padding: Sides) -> None:
        window = convolution_window(x_shape, weight_shape, stride, padding)
        self.window, self.in_blocks = window, stride != (1, 1)
        self.out_size = window.out_h, window.out_w
        self.image_shape: Shape = (*x_shape[1:], x_shape[0])
        self.filters_shape, self.top, self.left = weight_shape, window.top, window.left
        if self.in_blocks:
            self.image_shape, self.top, self.left = space_to_depth.image_shape(self.image_shape, window), 0, 0
            channels = weight_shape[1] * window.stride_h * window.stride_w
            self.filters_shape = weight_shape[0], channels, *space_to_depth.block_taps(window)
        self.taps: Pair = self.filters_shape[2], self.filters_shape[3]

    def image_of(self, x: DeviceArray) -> np.ndarray:
        """x as its input. Blocks are kept with x: its other filters, and the backward pass, want them again."""
        if not self.in_blocks:
            return stored(x, True)
        blocks: np.ndarray | None = x.forms.get(self.window)
        if blocks is None:
            channels, height, width, batch = self.image_shape
            # with the margin that direct.py reads beyond the end: both algorithms may ask for the blocks
            padded = direct.with_margin((channels, height, width * batch), self.taps[1], batch, x.device)
            blocks = padded.reshape(self.image_shape)
            if x.chwn or batch < FEW_IMAGES:
                space_to_depth.chwn_to_blocks(stored(x, True), blocks, self.window)
            else:  # the same, without the images in CHWN order in between
                space_to_depth.nchw_to_blocks(x.data, blocks, self.window)
            x.forms[self.window] = blocks
        return blocks

    def padded_of(self, x: DeviceArray) -> np.ndarray:
        """x as direct.py takes it: the blocks, which are made with their padding, or a padded image, kept likewise."""
        if self.in_blocks:
            return self.image_of(x).reshape(*self.image_shape[:2], -1)
        padded: np.ndarray | None = x.forms.get(self.window)
        if padded is None:
            padded = direct.pad(stored(x, True), self.out_size, self.taps, self.top, self.left, x.device)
            x.forms[self.window] = padded
        return padded

    def filters_of(self, weight: DeviceArray) -> np.ndarray:
        """The weight as its filters."""
        array = stored(weight, False)
        return space_to_depth.filters_to_blocks(array, self.window) if self.in_blocks else array
