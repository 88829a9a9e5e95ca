"""Loops along rows of pixels under a window, which convolution and pooling share."""

from __future__ import annotations

import numpy as np

from minigrad.backends.cpu.runtime.jit import inner


@inner
def inside(window, i, u, v, start, stop, height, width):
    """Those of output columns start to stop - 1 of row i whose pixel under place (u, v) is in the image, as a range."""
    y = i * window.stride_h + u - window.top
    if y < 0 or y >= height:
        return stop, stop
    image_start = (window.left - v + window.stride_w - 1) // window.stride_w
    image_stop = (width - 1 + window.left - v) // window.stride_w + 1
    seen_start = min(max(image_start, start), stop)
    return seen_start, max(seen_start, min(image_stop, stop))


# Loops over neighbouring pixels stand in functions of their own, on one-dimensional slices: so they vectorise.


@inner
def copy(values, target):
    """target = values."""
    for m in range(target.size):
        target[m] = values[m]


@inner
def add_to(values, total):
    """total += values."""
    for m in range(total.size):
        total[m] += values[m]


@inner
def _copy_every(values, step, target):
    """target = each step-th of the values."""
    for m in range(target.size):
        target[m] = values[m * step]


@inner
def _add_to_every(values, step, total):
    """Add values to each step-th of the total."""
    for m in range(values.size):
        total[m * step] += values[m]


@inner
def gather_row(image_row, values, start, stop, v, batch, window):
    """values = the pixels of an image's row under place v of output columns start to stop - 1, all images of each."""
    origin = (start * window.stride_w + v - window.left) * batch
    if window.stride_w == 1:
        copy(image_row[origin : origin + values.size], values)
    elif batch == 1:
        _copy_every(image_row[origin:], window.stride_w, values)
    else:
        for j in range(stop - start):
            at = origin + j * window.stride_w * batch
            copy(image_row[at : at + batch], values[j * batch : (j + 1) * batch])


@inner
def add_row(values, image_row, start, stop, v, batch, window):
    """Add values to the pixels that gather_row would have taken."""
    origin = (start * window.stride_w + v - window.left) * batch
    if window.stride_w == 1:
        add_to(values, image_row[origin : origin + values.size])
    elif batch == 1:
        _add_to_every(values, window.stride_w, image_row[origin:])
    else:
        for j in range(stop - start):
            at = origin + j * window.stride_w * batch
            add_to(values[j * batch : (j + 1) * batch], image_row[at : at + batch])


def flat_rows(image: np.ndarray) -> np.ndarray:
    """C x H x W x N as C x H x (W N): each row of pixels, all images, one contiguous line."""
    channels, height, width, batch = image.shape
    return image.reshape(channels, height, width * batch)
