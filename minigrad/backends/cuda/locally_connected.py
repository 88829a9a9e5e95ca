"""Unshared convolution, on arrays in CHWN order: neighbouring threads work on neighbouring images.

All kernels see images C x H x W x N, results K x places x N and weights places x (C KH KW) x K, a group of filters as
so many columns. Nothing is shared by places, so that each weight is read once for all images: values and the input's
gradients keep OWN sums in a thread's registers, for each of which a number that is read along the images serves; all
threads of a warp read the same weights. The weight's gradients are sums over images: tiles in shared memory.
"""

from __future__ import annotations

from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.launch import kernel, launch
from minigrad.backends.cuda.memory import blocks_for, full, new, stored
from minigrad.backends.cuda.window import row_grid, windows_start, windows_stop
from minigrad.backends.window import Pair, Sides, local_window

OWN = 8  # sums of a thread, for neighbouring filters or channels
TILE = 16  # rows and columns of a weight's gradient that a block makes
DEPTH = 32  # images in shared memory at a time: a warp reads so many of a pixel
LINE = DEPTH + 1  # of a tile in shared memory: one number more, so that no two threads meet in a bank


@kernel("float[:,:,:,::1], float[:,:,::1], float[:,::1], float[:,:,::1], i8, i8, i8, i8, i8, i8, i8, i8, i8")
def _local_values(
    x, weight, bias, y, groups, kernel_h, kernel_w, stride_h, stride_w, top, left, out_w, relu
):  # fmt: skip
    """A thread makes OWN neighbouring filters' results at a place of an image.

    for each block of filters of a group, each place, each image:
        for each pixel of the group's channels under the window that is in the image: add it, times OWN weights
        add the bias; below 0 it is 0 if `relu`
    """
    total = cuda.local.array(OWN, x.dtype)
    channels, share = x.shape[0] // groups, y.shape[0] // groups
    blocks = (share + OWN - 1) // OWN
    for block in range(cuda.blockIdx.z, groups * blocks, cuda.gridDim.z):
        group, first = block // blocks, block // blocks * share + block % blocks * OWN
        count = min(OWN, (group + 1) * share - first)
        for place in range(cuda.blockIdx.y, y.shape[1], cuda.gridDim.y):
            row, column = place // out_w * stride_h - top, place % out_w * stride_w - left
            for n in range(cuda.grid(1), y.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                for k in range(OWN):
                    total[k] = 0
                for c in range(channels):
                    for u in range(max(0, -row), min(kernel_h, x.shape[1] - row)):
                        for v in range(max(0, -column), min(kernel_w, x.shape[2] - column)):
                            value = x[group * channels + c, row + u, column + v, n]
                            tap = (c * kernel_h + u) * kernel_w + v
                            for k in range(OWN):
                                if k < count:
                                    total[k] += weight[place, tap, first + k] * value
                for k in range(OWN):
                    if k < count:
                        value = total[k] + bias[first + k, place]
                        if relu and value < 0:
                            value = x.dtype.type(0)
                        y[first + k, place, n] = value


@kernel("float[:,:,::1], float[:,:,::1], float[:,:,:,::1], i8, i8, i8, i8, i8, i8, i8, i8, i8")
def _local_input_gradients(
    dy, weight, dx, groups, kernel_h, kernel_w, stride_h, stride_w, top, left, out_h, out_w
):  # fmt: skip
    """A thread makes the gradients of a pixel of an image in OWN neighbouring channels.

    for each block of channels of a group, each pixel, each image:
        for each window that looks at the pixel, for each filter of the group: add its gradient, times OWN weights
    """
    total = cuda.local.array(OWN, dy.dtype)
    channels, share = dx.shape[0] // groups, dy.shape[0] // groups
    blocks = (channels + OWN - 1) // OWN
    width = dx.shape[2]
    for block in range(cuda.blockIdx.z, groups * blocks, cuda.gridDim.z):
        group, first = block // blocks, block % blocks * OWN
        count = min(OWN, channels - first)
        for pixel in range(cuda.blockIdx.y, dx.shape[1] * width, cuda.gridDim.y):
            row, column = pixel // width + top, pixel % width + left
            for n in range(cuda.grid(1), dx.shape[3], cuda.blockDim.x * cuda.gridDim.x):
                for c in range(OWN):
                    total[c] = 0
                for i in range(windows_start(row, kernel_h, stride_h), windows_stop(row, stride_h, out_h)):
                    for j in range(windows_start(column, kernel_w, stride_w), windows_stop(column, stride_w, out_w)):
                        place = i * out_w + j
                        tap = (first * kernel_h + row - i * stride_h) * kernel_w + column - j * stride_w
                        for k in range(group * share, (group + 1) * share):
                            value = dy[k, place, n]
                            for c in range(OWN):
                                if c < count:
                                    total[c] += weight[place, tap + c * kernel_h * kernel_w, k] * value
                for c in range(OWN):
                    if c < count:
                        dx[group * channels + first + c, row - top, column - left, n] = total[c]


@kernel("float[:,:,::1], float[:,:,:,::1], float[:,:,::1], i8, i8, i8, i8, i8, i8, i8, i8")
def _local_weight_gradients(dy, x, dw, groups, kernel_h, kernel_w, stride_h, stride_w, top, left, out_w):
    """A block makes a tile of a place's matrix, a thread one number of it: the sum over images of pixel times dy.

    for each tile (one block) and each DEPTH images:
        all threads fetch the pixels of the tile's rows and the gradients of its filters, zeros beyond the edges
        (barrier: both are there)
        each thread adds DEPTH products to its number
        (barrier: nobody reads any more when the next images come)
    """
    pixels = cuda.shared.array((TILE, LINE), x.dtype)
    gradients = cuda.shared.array((TILE, LINE), x.dtype)
    thread = cuda.threadIdx.x
    across, down = thread % TILE, thread // TILE
    channels, share, batch = x.shape[0] // groups, dy.shape[0] // groups, x.shape[3]
    columns, rows = (share + TILE - 1) // TILE, (dw.shape[1] + TILE - 1) // TILE
    for number in range(cuda.blockIdx.x, dw.shape[0] * rows * groups * columns, cuda.gridDim.x):
        group, first = number // columns % groups, number % columns * TILE
        tap, place = number // columns // groups % rows * TILE, number // columns // groups // rows
        total = x.dtype.type(0)
        for start in range(0, batch, DEPTH):
            for at in range(thread, TILE * DEPTH, TILE * TILE):
                line, n = at // DEPTH, start + at % DEPTH
                c, u = (tap + line) // kernel_w // kernel_h, (tap + line) // kernel_w % kernel_h
                row, column = place // out_w * stride_h - top + u, place % out_w * stride_w - left
                column += (tap + line) % kernel_w
                value, gradient = x.dtype.type(0), x.dtype.type(0)
                if n < batch and c < channels and 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                    value = x[group * channels + c, row, column, n]
                if n < batch and first + line < share:
                    gradient = dy[group * share + first + line, place, n]
                pixels[line, at % DEPTH] = value
                gradients[line, at % DEPTH] = gradient
            cuda.syncthreads()
            for n in range(DEPTH):
                total += pixels[down, n] * gradients[across, n]
            cuda.syncthreads()
        if tap + down < dw.shape[1] and first + across < share:
            dw[place, tap + down, group * share + first + across] = total


def _matrices(weight: ArrayView) -> ArrayView:
    """A weight as places x (C KH KW) x K."""
    out_h, out_w, channels, kernel_h, kernel_w, filters = weight.shape
    return weight.reshape(out_h * out_w, channels * kernel_h * kernel_w, filters)


def _at_places(y: ArrayView) -> ArrayView:
    """Results K x OH x OW x N, or their gradients, as K x places x N."""
    filters, out_h, out_w, batch = y.shape
    return y.reshape(filters, out_h * out_w, batch)


def _blocks(count: int, groups: int) -> int:
    """Blocks of OWN filters or channels, each of one group."""
    return groups * -(-count // groups // OWN)


def locally_connected2d(
    x: DeviceArray,
    weight: DeviceArray,
    bias: DeviceArray | None,
    stride: Pair,
    padding: Sides,
    groups: int,
    relu: bool,
) -> DeviceArray:
    batch, filters, window = x.shape[0], weight.shape[5], local_window(weight.shape, stride, padding)
    y = new((batch, filters, window.out_h, window.out_w), x.dtype, x.device, chwn=True)
    offset = full((filters, window.out_h, window.out_w), 0, x.dtype, x.device) if bias is None else bias
    offsets = stored(offset, False).reshape(filters, window.positions)
    arrays = stored(x, True), _matrices(stored(weight, False)), offsets, _at_places(y.data)
    grid = row_grid(_blocks(filters, groups), window.positions, batch)
    launch(_local_values, *grid, x.device, *arrays, groups, *window[:6], window.out_w, int(relu))
    return y


def locally_connected2d_grad_input(
    dy: DeviceArray, weight: DeviceArray, shape: tuple[int, ...], stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    window = local_window(weight.shape, stride, padding)
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    arrays = _at_places(stored(dy, True)), _matrices(stored(weight, False)), dx.data
    grid = row_grid(_blocks(shape[1], groups), shape[2] * shape[3], shape[0])
    launch(_local_input_gradients, *grid, dy.device, *arrays, groups, *window)
    return dx


def locally_connected2d_grad_weight(
    dy: DeviceArray, x: DeviceArray, shape: tuple[int, ...], stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    window = local_window(shape, stride, padding)
    dw = new(shape, x.dtype, x.device)
    arrays = _at_places(stored(dy, True)), stored(x, True), _matrices(dw.data)
    tiles = window.positions * groups * -(-arrays[2].shape[1] // TILE) * -(-shape[5] // groups // TILE)
    numbers = groups, *window[:6], window.out_w
    launch(_local_weight_gradients, blocks_for(tiles), TILE * TILE, x.device, *arrays, *numbers)
    return dw
