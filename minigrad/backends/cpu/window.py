"""Where a window stands on an image: the geometry that convolution and pooling share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigrad.backends.cpu.compile import kernel


class Window(NamedTuple):
    """A window of kernel_h x kernel_w places, moved by a stride over an image with `top` and `left` rows of padding.

    Output (i, j) looks at image rows i * stride_h - top + u and columns j * stride_w - left + v.
    """

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    top: int
    left: int
    out_h: int
    out_w: int

    @property
    def positions(self) -> int:
        """Number of outputs."""
        return self.out_h * self.out_w


@kernel
def inside(window, i, u, v, start, stop, height, width):
    """The part (low, high) of output columns start to stop of row i whose pixel under place (u, v) is in the image."""
    y = i * window.stride_h + u - window.top
    if y < 0 or y >= height:
        return stop, stop
    low = (window.left - v + window.stride_w - 1) // window.stride_w
    high = (width - 1 + window.left - v) // window.stride_w + 1
    low = min(max(low, start), stop)
    return low, max(low, min(high, stop))


# Loops over neighbouring pixels stand in functions of their own, on one-dimensional slices: so they vectorise.


@kernel
def copy(values, target):
    """target = values."""
    for m in range(target.size):
        target[m] = values[m]


@kernel
def add_to(values, total):
    """total += values."""
    for m in range(total.size):
        total[m] += values[m]


def flat_rows(image: np.ndarray) -> np.ndarray:
    """C x H x W x N as C x H x (W N): each row of pixels, all images, one contiguous line."""
    channels, height, width, batch = image.shape
    return image.reshape(channels, height, width * batch)
