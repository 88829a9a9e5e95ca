"""Max and average pooling with overlapping windows, on batch-last activations; a thread owns whole channels."""

from __future__ import annotations

import numpy as np

from minigrad.backends.cpu.compile import kernel
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.threads import parallel, spans
from minigrad.backends.cpu.window import Window
from minigrad.device import DeviceArray

PARTS = 32


Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


def _out_length(length: int, kernel_size: int, stride: int, before: int, after: int, ceil_mode: bool) -> int:
    """Number of windows along an axis. Counted with ceil, the last may overhang but must start inside the image."""
    room = length + before + after - kernel_size
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= length + before else count


def _window(kernel_size: Pair, stride: Pair, padding: Sides, out_size: Pair) -> Window:
    return Window(*kernel_size, *stride, padding[0], padding[2], *out_size)


def _out_size(shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides, ceil_mode: bool) -> Pair:
    top, bottom, left, right = padding
    return (
        _out_length(shape[2], kernel_size[0], stride[0], top, bottom, ceil_mode),
        _out_length(shape[3], kernel_size[1], stride[1], left, right, ceil_mode),
    )


@kernel
def _max_pool2d(x, y, winner, window, first, last):
    """for each channel and output row: for each place (u, v) of the window, in row order:
    for each output of the row and each image: keep the first largest value and the number of its place
    """
    height, width, batch = x.shape[1], x.shape[2], x.shape[3]
    for c in range(first, last):
        for i in range(window.out_h):
            seen = np.zeros(window.out_w, np.bool_)
            for u in range(window.kernel_h):
                h = i * window.stride_h + u - window.top
                if h < 0 or h >= height:
                    continue
                for v in range(window.kernel_w):
                    place = u * window.kernel_w + v
                    for j in range(window.out_w):
                        w = j * window.stride_w + v - window.left
                        if w < 0 or w >= width:
                            continue
                        if not seen[j]:
                            seen[j] = True
                            for n in range(batch):
                                y[c, i, j, n] = x[c, h, w, n]
                                winner[c, i, j, n] = place
                        else:
                            for n in range(batch):
                                value, best = x[c, h, w, n], y[c, i, j, n]
                                better = value > best or value != value  # a NaN wins and stays
                                y[c, i, j, n] = value if better else best
                                winner[c, i, j, n] = place if better else winner[c, i, j, n]


@kernel
def _max_pool2d_grad(dy, winner, dx, window, first, last):
    """for each channel, output row and place (u, v): dx += dy where that place won. One thread owns a channel of dx."""
    height, width, batch = dx.shape[1], dx.shape[2], dx.shape[3]
    zero = dy.dtype.type(0)
    for c in range(first, last):
        dx[c] = 0
        for i in range(window.out_h):
            for u in range(window.kernel_h):
                h = i * window.stride_h + u - window.top
                if h < 0 or h >= height:
                    continue
                for v in range(window.kernel_w):
                    place = u * window.kernel_w + v
                    for j in range(window.out_w):
                        w = j * window.stride_w + v - window.left
                        if w < 0 or w >= width:
                            continue
                        for n in range(batch):
                            dx[c, h, w, n] += dy[c, i, j, n] if winner[c, i, j, n] == place else zero


@kernel
def _shares(length, kernel_size, stride, before, after, count, count_include_pad):
    """For each window along an axis: how many places its mean counts, inside the image or inside image and padding."""
    shares = np.empty(count, np.int64)
    for i in range(count):
        start = i * stride - before
        stop = min(start + kernel_size, length + after)
        if not count_include_pad:
            start, stop = max(start, 0), min(stop, length)
        shares[i] = stop - start
    return shares


@kernel
def _avg_pool2d(x, y, rows, columns, window, first, last):
    """for each channel, output row and place: y += x; then divide by the size rows[i] * columns[j] of the window"""
    height, width, batch = x.shape[1], x.shape[2], x.shape[3]
    for c in range(first, last):
        for i in range(window.out_h):
            y[c, i] = 0
            for u in range(window.kernel_h):
                h = i * window.stride_h + u - window.top
                if h < 0 or h >= height:
                    continue
                for v in range(window.kernel_w):
                    for j in range(window.out_w):
                        w = j * window.stride_w + v - window.left
                        if 0 <= w < width:
                            for n in range(batch):
                                y[c, i, j, n] += x[c, h, w, n]
            for j in range(window.out_w):
                size = x.dtype.type(rows[i] * columns[j])
                for n in range(batch):
                    y[c, i, j, n] /= size


@kernel
def _avg_pool2d_grad(dy, dx, rows, columns, window, first, last):
    """for each channel, output row and place: dx += dy / size of the window. One thread owns a channel of dx."""
    height, width, batch = dx.shape[1], dx.shape[2], dx.shape[3]
    for c in range(first, last):
        dx[c] = 0
        for i in range(window.out_h):
            for u in range(window.kernel_h):
                h = i * window.stride_h + u - window.top
                if h < 0 or h >= height:
                    continue
                for v in range(window.kernel_w):
                    for j in range(window.out_w):
                        w = j * window.stride_w + v - window.left
                        if 0 <= w < width:
                            share = dy.dtype.type(1) / dy.dtype.type(rows[i] * columns[j])
                            for n in range(batch):
                                dx[c, h, w, n] += dy[c, i, j, n] * share


def max_pool2d(
    x: DeviceArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    ceil_mode: bool,
) -> tuple[DeviceArray, DeviceArray]:
    size = _out_size(x.shape, kernel_size, stride, padding, ceil_mode)
    window = _window(kernel_size, stride, padding, size)
    y = new((*x.shape[:2], *size), x.dtype, x.device, batch_last=True)
    place = np.uint8 if kernel_size[0] * kernel_size[1] <= 256 else np.int32
    winner = new(y.shape, place, x.device, batch_last=True)
    image = stored(x, True)
    parts = spans(x.shape[1], PARTS)
    parallel(lambda part: _max_pool2d(image, y.data, winner.data, window, *parts[part]), len(parts))
    return y, winner


def max_pool2d_grad(
    dy: DeviceArray,
    winner: DeviceArray,
    shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
) -> DeviceArray:
    window = _window(kernel_size, stride, padding, (dy.shape[2], dy.shape[3]))
    dx = new(shape, dy.dtype, dy.device, batch_last=True)
    gradient = stored(dy, True)
    parts = spans(shape[1], PARTS)
    parallel(lambda part: _max_pool2d_grad(gradient, winner.data, dx.data, window, *parts[part]), len(parts))
    return dx


def _window_shares(
    shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides, size: Pair, count_include_pad: bool
) -> tuple[np.ndarray, np.ndarray]:
    top, bottom, left, right = padding
    return (
        _shares(shape[2], kernel_size[0], stride[0], top, bottom, size[0], count_include_pad),
        _shares(shape[3], kernel_size[1], stride[1], left, right, size[1], count_include_pad),
    )


def avg_pool2d(
    x: DeviceArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    ceil_mode: bool,
    count_include_pad: bool,
) -> DeviceArray:
    size = _out_size(x.shape, kernel_size, stride, padding, ceil_mode)
    window = _window(kernel_size, stride, padding, size)
    rows, columns = _window_shares(x.shape, kernel_size, stride, padding, size, count_include_pad)
    y = new((*x.shape[:2], *size), x.dtype, x.device, batch_last=True)
    image = stored(x, True)
    parts = spans(x.shape[1], PARTS)
    parallel(lambda part: _avg_pool2d(image, y.data, rows, columns, window, *parts[part]), len(parts))
    return y


def avg_pool2d_grad(
    dy: DeviceArray,
    shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    count_include_pad: bool,
) -> DeviceArray:
    window = _window(kernel_size, stride, padding, (dy.shape[2], dy.shape[3]))
    rows, columns = _window_shares(shape, kernel_size, stride, padding, (dy.shape[2], dy.shape[3]), count_include_pad)
    dx = new(shape, dy.dtype, dy.device, batch_last=True)
    gradient = stored(dy, True)
    parts = spans(shape[1], PARTS)
    parallel(lambda part: _avg_pool2d_grad(gradient, dx.data, rows, columns, window, *parts[part]), len(parts))
    return dx
