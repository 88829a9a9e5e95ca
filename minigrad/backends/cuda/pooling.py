"""Max and average pooling with overlapping windows, on activations in CHWN order.

All kernels see C x H x (W N), and neighbouring threads work on neighbours along (W N): neighbouring images, or columns
where the batch is small. The gradients are gathers: a thread owns a pixel and asks the windows that look at it.
"""

from __future__ import annotations

import numpy as np
from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends.cuda.launch import device_function, kernel, launch
from minigrad.backends.cuda.memory import new, stored
from minigrad.backends.cuda.window import flat_rows, row_grid, windows_start, windows_stop
from minigrad.backends.window import Pair, Sides, pooling_size, pooling_window


@kernel("float[:,:,::1], float[:,:,::1], i4[:,:,::1], i8, i8, i8, i8, i8, i8, i8")
def _max_pool2d(x, y, argmax, batch, kernel_h, kernel_w, stride_h, stride_w, top, left):
    """One thread an output; neighbouring threads are neighbouring images.

    for each output (c, i, j, n):
        look at the window, clipped to the image
        keep the first largest value and its place in the window; a NaN counts as largest and stays
    """
    height, width = x.shape[1], x.shape[2] // batch
    for c in range(cuda.blockIdx.z, y.shape[0], cuda.gridDim.z):
        for i in range(cuda.blockIdx.y, y.shape[1], cuda.gridDim.y):
            for at in range(cuda.grid(1), y.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                j, n = at // batch, at % batch
                row, column = i * stride_h - top, j * stride_w - left
                u_start, v_start = max(0, -row), max(0, -column)
                best = x[c, row + u_start, (column + v_start) * batch + n]
                place = u_start * kernel_w + v_start
                for u in range(u_start, min(kernel_h, height - row)):
                    for v in range(v_start, min(kernel_w, width - column)):
                        value = x[c, row + u, (column + v) * batch + n]
                        if value > best or value != value:
                            best = value
                            place = u * kernel_w + v
                y[c, i, at] = best
                argmax[c, i, at] = place


@kernel("float[:,:,::1], i4[:,:,::1], float[:,:,::1], i8, i8, i8, i8, i8, i8, i8")
def _max_pool2d_grad(dy, argmax, dx, batch, kernel_h, kernel_w, stride_h, stride_w, top, left):
    """One thread per pixel.

    for each pixel (c, row, column, n):
        add up dy of the windows that look at it and whose largest value it was
    """
    out_h, out_w = dy.shape[1], dy.shape[2] // batch
    for c in range(cuda.blockIdx.z, dx.shape[0], cuda.gridDim.z):
        for y in range(cuda.blockIdx.y, dx.shape[1], cuda.gridDim.y):
            row = y + top
            for at in range(cuda.grid(1), dx.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                column, n = at // batch + left, at % batch
                total = dx.dtype.type(0)
                for i in range(windows_start(row, kernel_h, stride_h), windows_stop(row, stride_h, out_h)):
                    for j in range(windows_start(column, kernel_w, stride_w), windows_stop(column, stride_w, out_w)):
                        place = (row - i * stride_h) * kernel_w + column - j * stride_w
                        if argmax[c, i, j * batch + n] == place:
                            total += dy[c, i, j * batch + n]
                dx[c, y, at] = total


@device_function
def _share(i, length, kernel_size, stride, before, after, count_include_pad):
    """How many places the mean of window i counts along an axis: in the image, or in the image and its padding."""
    start = i * stride - before
    stop = min(start + kernel_size, length + after)
    if count_include_pad:
        return stop - start
    return min(stop, length) - max(start, 0)


@kernel("float[:,:,::1], float[:,:,::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, i8")
def _avg_pool2d(
    x, y, batch, kernel_h, kernel_w, stride_h, stride_w, top, bottom, left, right, count_include_pad
):  # fmt: skip
    """One thread an output.

    for each output (c, i, j, n):
        add up the window, clipped to the image, and divide by the number of places that count
    """
    height, width = x.shape[1], x.shape[2] // batch
    for c in range(cuda.blockIdx.z, y.shape[0], cuda.gridDim.z):
        for i in range(cuda.blockIdx.y, y.shape[1], cuda.gridDim.y):
            down = _share(i, height, kernel_h, stride_h, top, bottom, count_include_pad)
            for at in range(cuda.grid(1), y.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                j, n = at // batch, at % batch
                row, column = i * stride_h - top, j * stride_w - left
                total = x.dtype.type(0)
                for u in range(max(0, -row), min(kernel_h, height - row)):
                    for v in range(max(0, -column), min(kernel_w, width - column)):
                        total += x[c, row + u, (column + v) * batch + n]
                across = _share(j, width, kernel_w, stride_w, left, right, count_include_pad)
                y[c, i, at] = total / x.dtype.type(down * across)


@kernel("float[:,:,::1], float[:,:,::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, i8")
def _avg_pool2d_grad(
    dy, dx, batch, kernel_h, kernel_w, stride_h, stride_w, top, bottom, left, right, count_include_pad
):  # fmt: skip
    """One thread per pixel.

    for each pixel (c, row, column, n):
        add up dy over the number of places that count, of the windows that look at it
    """
    height, width = dx.shape[1], dx.shape[2] // batch
    out_h, out_w = dy.shape[1], dy.shape[2] // batch
    for c in range(cuda.blockIdx.z, dx.shape[0], cuda.gridDim.z):
        for y in range(cuda.blockIdx.y, height, cuda.gridDim.y):
            row = y + top
            for at in range(cuda.grid(1), dx.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                column, n = at // batch + left, at % batch
                total = dx.dtype.type(0)
                for i in range(windows_start(row, kernel_h, stride_h), windows_stop(row, stride_h, out_h)):
                    down = _share(i, height, kernel_h, stride_h, top, bottom, count_include_pad)
                    for j in range(windows_start(column, kernel_w, stride_w), windows_stop(column, stride_w, out_w)):
                        across = _share(j, width, kernel_w, stride_w, left, right, count_include_pad)
                        total += dy[c, i, j * batch + n] / dx.dtype.type(down * across)
                dx[c, y, at] = total


def max_pool2d(
    x: DeviceArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    ceil_mode: bool,
) -> tuple[DeviceArray, DeviceArray]:
    window = pooling_window(
        kernel_size, stride, padding, pooling_size(x.shape, kernel_size, stride, padding, ceil_mode)
    )
    y = new((*x.shape[:2], window.out_h, window.out_w), x.dtype, x.device, chwn=True)
    argmax = new(y.shape, np.int32, x.device, chwn=True)
    arrays = flat_rows(stored(x, True)), flat_rows(y.data), flat_rows(argmax.data)
    launch(_max_pool2d, *row_grid(*arrays[1].shape), x.device, *arrays, x.shape[0], *window[:6])
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
    launch(_max_pool2d_grad, *row_grid(*arrays[2].shape), dy.device, *arrays, shape[0], *window[:6])
    return dx


def avg_pool2d(
    x: DeviceArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    ceil_mode: bool,
    count_include_pad: bool,
) -> DeviceArray:
    size = pooling_size(x.shape, kernel_size, stride, padding, ceil_mode)
    y = new((*x.shape[:2], *size), x.dtype, x.device, chwn=True)
    arrays = flat_rows(stored(x, True)), flat_rows(y.data)
    numbers = x.shape[0], *kernel_size, *stride, *padding, int(count_include_pad)
    launch(_avg_pool2d, *row_grid(*arrays[1].shape), x.device, *arrays, *numbers)
    return y


def avg_pool2d_grad(
    dy: DeviceArray,
    shape: tuple[int, ...],
    kernel_size: Pair,
    stride: Pair,
    padding: Sides,
    count_include_pad: bool,
) -> DeviceArray:
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    arrays = flat_rows(stored(dy, True)), flat_rows(dx.data)
    numbers = shape[0], *kernel_size, *stride, *padding, int(count_include_pad)
    launch(_avg_pool2d_grad, *row_grid(*arrays[1].shape), dy.device, *arrays, *numbers)
    return dx
