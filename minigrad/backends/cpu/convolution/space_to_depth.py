"""A convolution of stride s as one of stride 1: blocks of s x s pixels become channels, in image and filters.

Both, the image padded, are cut into such blocks, filled up with zeros at the end; then block (I, J) of the image meets
block (I - i, J - j) of a filter in output (i, j), whatever the stride was. Channel (c, a, b) of a block is what stood
at place (a, b) of it in channel c.
"""

from __future__ import annotations

import numpy as np

from minigrad.backends.cpu.memory import transpose_floats
from minigrad.backends.cpu.runtime.jit import jitted
from minigrad.backends.cpu.window import copy
from minigrad.backends.threads import parallel, scratch, spans
from minigrad.backends.window import Pair, Window


def block_taps(window: Window) -> Pair:
    """Height and width of the filters in blocks."""
    return -(-window.kernel_h // window.stride_h), -(-window.kernel_w // window.stride_w)


def image_shape(image: tuple[int, ...], window: Window) -> tuple[int, ...]:
    """The shape of an image C x H x W x N in blocks, those that the filters see."""
    taps_h, taps_w = block_taps(window)
    blocks = window.out_h + taps_h - 1, window.out_w + taps_w - 1
    return image[0] * window.stride_h * window.stride_w, *blocks, image[3]


@jitted
def _chwn_to_or_from_blocks(image, blocks, window, back, start, stop):
    """blocks = image, or image = blocks if `back`, for channels of blocks start to stop - 1.

    for each place in a channel of blocks: copy the pixel that stands there, all images; zeros where there is none
    """
    _, height, width, _ = image.shape
    for channel in range(start, stop):
        c, place = divmod(channel, window.stride_h * window.stride_w)
        a, b = divmod(place, window.stride_w)
        for i in range(blocks.shape[1]):
            y = i * window.stride_h + a - window.top
            for j in range(blocks.shape[2]):
                x = j * window.stride_w + b - window.left
                inside = 0 <= y < height and 0 <= x < width
                if inside and back:
                    copy(blocks[channel, i, j], image[c, y, x])
                elif inside:
                    copy(image[c, y, x], blocks[channel, i, j])
                elif not back:
                    blocks[channel, i, j] = 0


@jitted
def _nchw_to_blocks(images, blocks, window, lines, start, stop):
    """blocks from images in C order, N x C x H x W, for rows of the padded image start to stop - 1, of all channels.

    for each row: transpose it, all images, so that the images of a pixel lie side by side; hand its pixels out
    """
    _, _, height, width = images.shape
    rows = blocks.shape[1] * window.stride_h
    for row in range(start, stop):
        c, i = divmod(row, rows)
        block, a = divmod(i, window.stride_h)
        y = i - window.top
        if 0 <= y < height:
            transpose_floats(images[:, c, y], lines, 0, images.shape[0])
        for j in range(blocks.shape[2]):
            for b in range(window.stride_w):
                x = j * window.stride_w + b - window.left
                target = blocks[(c * window.stride_h + a) * window.stride_w + b, block, j]
                if 0 <= y < height and 0 <= x < width:
                    copy(lines[x], target)
                else:
                    target[:] = 0


def nchw_to_blocks(images: np.ndarray, blocks: np.ndarray, window: Window) -> None:
    """Fill `blocks`, of `image_shape`, from images in C order, N x C x H x W."""
    count, channels, _, width = images.shape
    parts = spans(channels * blocks.shape[1] * window.stride_h, 32)

    def run(part: int) -> None:
        lines = scratch("lines of images", (width, count), images.dtype)
        _nchw_to_blocks(images, blocks, window, lines, *parts[part])

    parallel(run, len(parts))


def chwn_to_blocks(image: np.ndarray, blocks: np.ndarray, window: Window) -> None:
    """Fill `blocks`, of `image_shape`, from an image C x H x W x N."""
    parts = spans(blocks.shape[0], 16)
    parallel(lambda part: _chwn_to_or_from_blocks(image, blocks, window, False, *parts[part]), len(parts))


def blocks_to_chwn(blocks: np.ndarray, image: np.ndarray, window: Window) -> None:
    """The reverse; pixels that no filter sees become 0."""
    image[...] = 0
    parts = spans(blocks.shape[0], 16)
    parallel(lambda part: _chwn_to_or_from_blocks(image, blocks, window, True, *parts[part]), len(parts))


def filters_to_blocks(weight: np.ndarray, window: Window) -> np.ndarray:
    """Filters K x C x KH x KW in blocks, in C order."""
    filters, channels, kernel_h, kernel_w = weight.shape
    (taps_h, taps_w), (s_h, s_w) = block_taps(window), (window.stride_h, window.stride_w)
    padded = np.zeros((filters, channels, taps_h * s_h, taps_w * s_w), weight.dtype)
    padded[:, :, :kernel_h, :kernel_w] = weight
    split = padded.reshape(filters, channels, taps_h, s_h, taps_w, s_w).transpose(0, 1, 3, 5, 2, 4)
    return np.ascontiguousarray(split.reshape(filters, channels * s_h * s_w, taps_h, taps_w))


def blocks_to_filters(blocks: np.ndarray, weight: np.ndarray, window: Window) -> None:
    """The reverse; what stands in the zeros at the end is dropped."""
    filters, channels, kernel_h, kernel_w = weight.shape
    (taps_h, taps_w), (s_h, s_w) = block_taps(window), (window.stride_h, window.stride_w)
    split = blocks.reshape(filters, channels, s_h, s_w, taps_h, taps_w).transpose(0, 1, 4, 2, 5, 3)
    weight[...] = split.reshape(filters, channels, taps_h * s_h, taps_w * s_w)[:, :, :kernel_h, :kernel_w]
