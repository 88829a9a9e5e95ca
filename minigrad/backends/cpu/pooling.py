"""Max and average pooling with overlapping windows, on activations in CHWN order; a thread owns whole channels."""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.window import add_row, add_to, flat_rows, gather_row, inside
from minigrad.backends.threads import parallel, spans
from minigrad.backends.window import Pair, Sides, Window, pooling_size, pooling_window

PARTS = 32


@inner
def _take_larger(values, place, best, argmax):
    """best = max(best, values), and argmax = place where that changed it. A NaN wins and stays."""
    for m in range(best.size):
        value, before = values[m], argmax[m]
        better = (value > best[m]) | (value != value)
        best[m] = value if better else best[m]
        argmax[m] = before + (place - before) * better  # a choice between bytes would not vectorise


@inner
def max_row(image, height, width, i, best, argmax, gathered, batch, window):
    """Row i of a channel's result, and its places in the windows.

    `image` holds rows of an image of height x width pixels, row r in image[r % its length]: those that are needed.

    start from less than any number, at the first place of each window that is in the image
    for each place (u, v), in row order: gather what is there for the whole row, and take it where it is larger
    """
    top = i * window.stride_h - window.top
    best[:] = -np.inf
    first_place = max(0, -top) * window.kernel_w
    argmax[:] = first_place
    for j in range(min(window.out_w, -(-window.left // window.stride_w))):  # those that begin left of the image
        argmax[j * batch : (j + 1) * batch] = first_place + window.left - j * window.stride_w
    for u in range(window.kernel_h):
        for v in range(window.kernel_w):
            j_start, j_stop = inside(window, i, u, v, 0, window.out_w, height, width)
            if j_start < j_stop:
                row = slice(j_start * batch, j_stop * batch)
                gather_row(image[(top + u) % image.shape[0]], gathered[row], j_start, j_stop, v, batch, window)
                place = argmax.dtype.type(u * window.kernel_w + v)
                _take_larger(gathered[row], place, best[row], argmax[row])


@jitted
def _max_pool2d(x, y, argmax, batch, window, start, stop):
    """x, y and argmax are C x H x (W N).

    for each channel and output row: max_row
    """
    height, width = x.shape[1], x.shape[2] // batch
    gathered = np.empty(y.shape[2], x.dtype)
    for c in range(start, stop):
        for i in range(window.out_h):
            max_row(x[c], height, width, i, y[c, i], argmax[c, i], gathered, batch, window)


@inner
def _where_won(gradient, argmax, place, won):
    """won = gradient where argmax is place, else 0."""
    zero = gradient.dtype.type(0)
    for m in range(won.size):
        won[m] = gradient[m] if argmax[m] == place else zero


@jitted
def _max_pool2d_grad(dy, argmax, dx, batch, window, start, stop):
    """The arrays are C x H x (W N); one thread owns a channel of dx.

    for each channel, output row and place (u, v): dx += dy where that place won
    """
    height, width = dx.shape[1], dx.shape[2] // batch
    won = np.empty(dy.shape[2], dy.dtype)
    for c in range(start, stop):
        dx[c] = 0
        for i in range(window.out_h):
            for u in range(window.kernel_h):
                for v in range(window.kernel_w):
                    j_start, j_stop = inside(window, i, u, v, 0, window.out_w, height, width)
                    if j_start < j_stop:
                        _where_won(dy[c, i], argmax[c, i], argmax.dtype.type(u * window.kernel_w + v), won)
                        image_row = dx[c, i * window.stride_h + u - window.top]
                        add_row(won[j_start * batch : j_stop * batch], image_row, j_start, j_stop, v, batch, window)


def _shares(
    length: int, kernel_size: int, stride: int, before: int, after: int, count: int, count_include_pad: bool
) -> np.ndarray:
    """For each window along an axis: how many places its mean counts, inside the image or inside image and padding."""
    start = np.arange(count) * stride - before
    stop = np.minimum(start + kernel_size, length + after)
    return stop - start if count_include_pad else np.minimum(stop, length) - np.maximum(start, 0)


@jitted
def _avg_pool2d(x, y, rows, columns, batch, window, start, stop):
    """x and y are C x H x (W N).

    for each channel and output row:
        for each place (u, v): y += what is there for the whole row
        divide by the size of each window, rows[i] * columns[j]
    """
    height, width = x.shape[1], x.shape[2] // batch
    gathered = np.empty(y.shape[2], x.dtype)
    for c in range(start, stop):
        for i in range(window.out_h):
            y[c, i] = 0
            for u in range(window.kernel_h):
                for v in range(window.kernel_w):
                    j_start, j_stop = inside(window, i, u, v, 0, window.out_w, height, width)
                    if j_start < j_stop:
                        row = slice(j_start * batch, j_stop * batch)
                        image_row = x[c, i * window.stride_h + u - window.top]
                        gather_row(image_row, gathered[row], j_start, j_stop, v, batch, window)
                        add_to(gathered[row], y[c, i, row])
            for j in range(window.out_w):
                share = x.dtype.type(1) / x.dtype.type(rows[i] * columns[j])
                for n in range(batch):
                    y[c, i, j * batch + n] *= share


@jitted
def _avg_pool2d_grad(dy, dx, rows, columns, batch, window, start, stop):
    """The arrays are C x H x (W N); one thread owns a channel of dx.

    for each channel and output row:
        shares = dy / size of each window, rows[i] * columns[j]
        for each place (u, v): dx += shares
    """
    height, width = dx.shape[1], dx.shape[2] // batch
    shares = np.empty(dy.shape[2], dy.dtype)
    for c in range(start, stop):
        dx[c] = 0
        for i in range(window.out_h):
            for j in range(window.out_w):
                share = dy.dtype.type(1) / dy.dtype.type(rows[i] * columns[j])
                for n in range(j * batch, (j + 1) * batch):
                    shares[n] = dy[c, i, n] * share
            for u in range(window.kernel_h):
                for v in range(window.kernel_w):
                    j_start, j_stop = inside(window, i, u, v, 0, window.out_w, height, width)
                    if j_start < j_stop:
                        image_row = dx[c, i * window.stride_h + u - window.top]
                        add_row(shares[j_start * batch : j_stop * batch], image_row, j_start, j_stop, v, batch, window)


def _duration(y: DeviceArray, window: Window) -> float:
    """About how many nanoseconds one thread takes: one for each number in a window."""
    return y.size * window.kernel_h * window.kernel_w


def max_pool2d(
    x: DeviceArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    ceil_mode: bool,
) -> tuple[DeviceArray, DeviceArray]:
    size = pooling_size(x.shape, kernel_size, stride, padding, ceil_mode)
    window = pooling_window(kernel_size, stride, padding, size)
    y = new((*x.shape[:2], *size), x.dtype, x.device, chwn=True)
    place = np.uint8 if kernel_size[0] * kernel_size[1] <= 256 else np.int32
    argmax = new(y.shape, place, x.device, chwn=True)
    arrays = flat_rows(stored(x, True)), flat_rows(y.data), flat_rows(argmax.data)
    parts = spans(x.shape[1], PARTS)
    parallel(lambda part: _max_pool2d(*arrays, x.shape[0], window, *parts[part]), len(parts), _duration(y, window))
    return y, argmax


def max_pool2d_grad(
    dy: DeviceArray,
    argmax: DeviceArray,
    shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
) -> DeviceArray:
    window = pooling_window(kernel_size, stride, padding, (dy.shape[2], dy.shape[3]))
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    arrays = flat_rows(stored(dy, True)), flat_rows(argmax.data), flat_rows(dx.data)
    parts = spans(shape[1], PARTS)
    parallel(lambda part: _max_pool2d_grad(*arrays, shape[0], window, *parts[part]), len(parts), _duration(dy, window))
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
    size = pooling_size(x.shape, kernel_size, stride, padding, ceil_mode)
    window = pooling_window(kernel_size, stride, padding, size)
    shares = _window_shares(x.shape, kernel_size, stride, padding, size, count_include_pad)
    y = new((*x.shape[:2], *size), x.dtype, x.device, chwn=True)
    arrays = flat_rows(stored(x, True)), flat_rows(y.data)
    parts = spans(x.shape[1], PARTS)
    duration = _duration(y, window)
    parallel(lambda part: _avg_pool2d(*arrays, *shares, x.shape[0], window, *parts[part]), len(parts), duration)
    return y


def avg_pool2d_grad(
    dy: DeviceArray,
    shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    count_include_pad: bool,
) -> DeviceArray:
    window = pooling_window(kernel_size, stride, padding, (dy.shape[2], dy.shape[3]))
    shares = _window_shares(shape, kernel_size, stride, padding, (dy.shape[2], dy.shape[3]), count_include_pad)
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    arrays = flat_rows(stored(dy, True)), flat_rows(dx.data)
    parts = spans(shape[1], PARTS)
    duration = _duration(dy, window)
    parallel(lambda part: _avg_pool2d_grad(*arrays, *shares, shape[0], window, *parts[part]), len(parts), duration)
    return dx
