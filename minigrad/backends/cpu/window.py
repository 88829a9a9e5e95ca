"""Loops along rows of pixels under a window, which convolution and pooling share."""

from __future__ import annotations

import numpy as np

from minigrad.backends.cpu.compile import kernel


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
