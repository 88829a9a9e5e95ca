"""Local response normalisation: across channels, at each pixel by itself, and within each channel."""

from __future__ import annotations

import math

from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.launch import device_function, kernel, launch
from minigrad.backends.cuda.memory import new, stored
from minigrad.backends.cuda.window import flat_rows, row_grid


@device_function
def _scale(x, c, pixel, before, after, alpha, k):
    """s = k + alpha * sum of squares of channels c - before to c + after."""
    total = x.dtype.type(0)
    for near in range(max(0, c - before), min(x.shape[0], c + after + 1)):
        total += x[near, pixel] * x[near, pixel]
    return k + alpha * total


@device_function
def _inverse_power(scale, beta):
    """scale^-beta; the usual 3/4 from two square roots, which are cheaper than a general power."""
    if beta == 0.75:
        root = type(scale)(1) / math.sqrt(scale)
        return root * math.sqrt(root)
    return math.pow(scale, -beta)


@kernel("float[:,::1], float[:,::1], i8, i8, float, float, float")
def _local_response_norm(x, y, before, after, alpha, beta, k):
    """x and y are C x pixels. One thread per element; the channels around it come from the cache.

    for each channel and pixel: y = x * s^-beta
    """
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for pixel in range(cuda.grid(1), x.shape[1], cuda.blockDim.x * cuda.gridDim.x):
            y[c, pixel] = x[c, pixel] * _inverse_power(_scale(x, c, pixel, before, after, alpha, k), beta)


@kernel("float[:,::1], float[:,::1], float[:,::1], float[:,::1], i8, i8, float, float, float")
def _terms(dy, x, direct, shared, before, after, alpha, beta, k):
    """The two terms of the gradient.

    for each channel and pixel: direct = dy s^-beta; shared = dy x s^-(beta + 1)
    """
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for pixel in range(cuda.grid(1), x.shape[1], cuda.blockDim.x * cuda.gridDim.x):
            scale = _scale(x, c, pixel, before, after, alpha, k)
            term = dy[c, pixel] * _inverse_power(scale, beta)
            direct[c, pixel] = term
            shared[c, pixel] = term * x[c, pixel] / scale


@kernel("float[:,::1], float[:,::1], float[:,::1], i8, i8, float")
def _subtract_shared(x, shared, dx, before, after, factor):
    """dx holds the direct term.

    for each channel and pixel: dx -= factor * x * sum of `shared` over the channels whose windows hold this one
    """
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for pixel in range(cuda.grid(1), x.shape[1], cuda.blockDim.x * cuda.gridDim.x):
            total = x.dtype.type(0)
            for near in range(max(0, c - after), min(x.shape[0], c + before + 1)):
                total += shared[near, pixel]
            dx[c, pixel] -= factor * x[c, pixel] * total


@device_function
def _window_scale(x, c, i, at, batch, before, after, alpha, k):
    """s = k + alpha * sum of squares over the window around place `at` of row i; columns are `batch` places apart."""
    width, j = x.shape[2] // batch, at // batch
    total = x.dtype.type(0)
    for row in range(max(0, i - before), min(x.shape[1], i + after + 1)):
        for column in range(max(0, j - before), min(width, j + after + 1)):
            value = x[c, row, at + (column - j) * batch]
            total += value * value
    return k + alpha * total


@kernel("float[:,:,::1], float[:,:,::1], i8, i8, i8, float, float, float")
def _within_map_response_norm(x, y, batch, before, after, alpha, beta, k):
    """x and y are C x H x (W N). One thread per element; the pixels around it come from the cache.

    for each channel, row and place along (W N): y = x * s^-beta
    """
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for i in range(cuda.blockIdx.y, x.shape[1], cuda.gridDim.y):
            for at in range(cuda.grid(1), x.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                scale = _window_scale(x, c, i, at, batch, before, after, alpha, k)
                y[c, i, at] = x[c, i, at] * _inverse_power(scale, beta)


@kernel("float[:,:,::1], float[:,:,::1], float[:,:,::1], float[:,:,::1], i8, i8, i8, float, float, float")
def _within_map_terms(dy, x, direct, shared, batch, before, after, alpha, beta, k):
    """The two terms of the gradient.

    for each channel, row and place: direct = dy s^-beta; shared = dy x s^-(beta + 1)
    """
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for i in range(cuda.blockIdx.y, x.shape[1], cuda.gridDim.y):
            for at in range(cuda.grid(1), x.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                scale = _window_scale(x, c, i, at, batch, before, after, alpha, k)
                term = dy[c, i, at] * _inverse_power(scale, beta)
                direct[c, i, at] = term
                shared[c, i, at] = term * x[c, i, at] / scale


@kernel("float[:,:,::1], float[:,:,::1], float[:,:,::1], i8, i8, i8, float")
def _subtract_within_map(x, shared, dx, batch, before, after, factor):
    """dx holds the direct term.

    for each channel, row and place: dx -= factor * x * sum of `shared` over the pixels whose windows hold this one
    """
    width = x.shape[2] // batch
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for i in range(cuda.blockIdx.y, x.shape[1], cuda.gridDim.y):
            for at in range(cuda.grid(1), x.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                j = at // batch
                total = x.dtype.type(0)
                for row in range(max(0, i - after), min(x.shape[1], i + before + 1)):
                    for column in range(max(0, j - after), min(width, j + before + 1)):
                        total += shared[c, row, at + (column - j) * batch]
                dx[c, i, at] -= factor * x[c, i, at] * total


def local_response_norm(x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, chwn=True)
    image, out = (array.reshape(x.shape[1], -1) for array in (stored(x, True), y.data))
    grid = row_grid(image.shape[0], 1, image.shape[1])
    launch(_local_response_norm, *grid, x.device, image, out, size // 2, (size - 1) // 2, alpha / size, beta, k)
    return y


def local_response_norm_grad(
    dy: DeviceArray, x: DeviceArray, size: int, alpha: float, beta: float, k: float
) -> DeviceArray:
    """dx_i = dy_i s_i^-beta - 2 alpha beta x_i * sum of dy_j x_j s_j^-(beta + 1) over the windows j that hold i."""
    dx = new(x.shape, x.dtype, x.device, chwn=True)
    gradient, image, out = (a.reshape(x.shape[1], -1) for a in (stored(dy, True), stored(x, True), dx.data))
    shared = driver.allocate(image.shape, x.dtype, x.device)
    grid = row_grid(image.shape[0], 1, image.shape[1])
    reach = size // 2, (size - 1) // 2
    launch(_terms, *grid, x.device, gradient, image, out, shared, *reach, alpha / size, beta, k)
    launch(_subtract_shared, *grid, x.device, image, shared, out, *reach, 2 * alpha / size * beta)
    return dx


def within_map_response_norm(x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, chwn=True)
    image, out = (flat_rows(array) for array in (stored(x, True), y.data))
    numbers = x.shape[0], size // 2, (size - 1) // 2, alpha / size**2, beta, k
    launch(_within_map_response_norm, *row_grid(*image.shape), x.device, image, out, *numbers)
    return y


def within_map_response_norm_grad(
    dy: DeviceArray, x: DeviceArray, size: int, alpha: float, beta: float, k: float
) -> DeviceArray:
    """dx_p = dy_p s_p^-beta - 2 alpha beta x_p * sum of dy_q x_q s_q^-(beta + 1) over the windows q that hold p."""
    dx = new(x.shape, x.dtype, x.device, chwn=True)
    gradient, image, out = (flat_rows(array) for array in (stored(dy, True), stored(x, True), dx.data))
    shared = driver.allocate(image.shape, x.dtype, x.device)
    grid, reach = row_grid(*image.shape), (x.shape[0], size // 2, (size - 1) // 2)
    launch(_within_map_terms, *grid, x.device, gradient, image, out, shared, *reach, alpha / size**2, beta, k)
    launch(_subtract_within_map, *grid, x.device, image, shared, out, *reach, 2 * alpha / size**2 * beta)
    return dx
