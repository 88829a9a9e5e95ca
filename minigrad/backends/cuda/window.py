"""Which windows look at a pixel: what turns the scatter of pooling's and convolution's gradients into a gather."""

from __future__ import annotations

from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.launch import device_function

THREADS = 128  # of a block of row_grid: pooling takes many registers per thread, so that few larger blocks would fit
MOST_IN_GRID = (1 << 16) - 1  # blocks along the second and third axis of a grid


@device_function
def windows_start(place, kernel_size, stride):
    """The first window that looks at a place, counted with padding: window i begins at i * stride <= place."""
    return max(0, (place - kernel_size + stride) // stride)


@device_function
def windows_stop(place, stride, count):
    """One past the last window that looks at a place: it begins there or before, and is one of `count`."""
    return min(count, place // stride + 1)


def flat_rows(image: ArrayView) -> ArrayView:
    """C x H x W x N as C x H x (W N): each row of pixels, all images, one contiguous line."""
    channels, height, width, batch = image.shape
    return image.reshape(channels, height, width * batch)


def row_grid(channels: int, height: int, line: int) -> tuple[tuple[int, int, int], int]:
    """Grid and block for kernels that walk along lines (x), over rows (y) and channels (z).

    Short lines get small blocks: batch and width together may be shorter than a block.
    """
    threads = min(THREADS, -(-line // 32) * 32)
    blocks = -(-line // threads) if line else 0
    return (blocks, min(height, MOST_IN_GRID), min(channels, MOST_IN_GRID)), threads
