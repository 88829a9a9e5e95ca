"""Matrix products: tiles in shared memory, and on each thread a block of the result in registers."""

from __future__ import annotations

from typing import NamedTuple

from numba import cuda

from minigrad.arrays import Device, DeviceArray
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.launch import device_function, kernel, launch, launch_1d
from minigrad.backends.cuda.memory import blocks_for, new, stored
from minigrad.backends.cuda.reduction import THREADS as REDUCTION_THREADS
from minigrad.backends.cuda.reduction import add_other, reduce_block, strip_width, sum_along
from minigrad.backends.cuda.window import row_grid

TILE = 64  # rows and columns of the result that a block makes
DEPTH = 16  # how many rows or columns of the operands are in shared memory at a time
OWN_ROWS, OWN_COLUMNS = 8, 4  # of the result in each thread's registers: 12 reads feed 32 multiplications
ACROSS = TILE // OWN_COLUMNS  # threads along a row of the tile
THREADS = TILE // OWN_ROWS * ACROSS
LINE = TILE + 4  # of a tile in shared memory: longer than TILE, so that writes to a column meet in few banks

BLOCKS_WANTED = 256  # with fewer, a GPU idles: a deep product is then cut into parts
LEAST_PART = 256  # depth of a part

NOTHING, BIAS, ITSELF = 0, 1, 2  # what a product starts from


@device_function
def _element(matrix, i, j, height, width, column, transposed):
    """Element (i, j) of an operand of that height and width, zero beyond; each stored line of the
    operand begins at `column` of the matrix's."""
    if i >= height or j >= width:
        return matrix.dtype.type(0)
    if transposed:
        return matrix[j, column + i]
    return matrix[i, column + j]


@kernel("float[:,::1], float[:,::1], float[:,:,::1], float[::1], i8, i8, i8, i8, i8, i8, i8, i8")
def _product(a, b, c, bias, width, depth, a_column, b_column, c_column, a_transposed, b_transposed, initial):
    """c[part, i, c_column + j] = initial + sum of a[i, k] b[k, j] over that part of k, for i < c.shape[1], j < width.

    for each tile of c (one block) and each step of DEPTH along k:
        all threads fetch a piece of a (turned, k first) and a piece of b, along memory, zeros beyond the edges
        (barrier: both pieces are there)
        each thread adds DEPTH products to each of its numbers
        (barrier: nobody reads any more when the next pieces come)
    The mask on `thread` and the plain `while` show the compiler that an index is not negative: otherwise each access
    would first ask whether to count from the end.
    """
    a_tile = cuda.shared.array((DEPTH, LINE), a.dtype, 16)  # aligned: a thread reads four numbers at once
    b_tile = cuda.shared.array((DEPTH, LINE), b.dtype, 16)
    total = cuda.local.array((OWN_ROWS, OWN_COLUMNS), a.dtype)
    thread = cuda.threadIdx.x & (THREADS - 1)
    row, column = thread // ACROSS * OWN_ROWS, thread % ACROSS * OWN_COLUMNS
    height = c.shape[1]
    span = (depth + c.shape[0] - 1) // c.shape[0]
    across, down = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    for number in range(cuda.blockIdx.x, c.shape[0] * down * across, cuda.gridDim.x):
        part = number // (down * across)
        top, left = number // across % down * TILE, number % across * TILE
        stop = min(depth, (part + 1) * span)
        for i in range(OWN_ROWS):
            for j in range(OWN_COLUMNS):
                total[i, j] = 0
        for k in range(part * span, stop, DEPTH):
            for at in range(thread, TILE * DEPTH, THREADS):
                along, aside = at % TILE, at // TILE
                if not a_transposed:
                    along, aside = at // DEPTH, at % DEPTH
                a_tile[aside, along] = _element(a, top + along, k + aside, height, stop, a_column, a_transposed)
            for at in range(thread, TILE * DEPTH, THREADS):
                along, aside = at % TILE, at // TILE
                if b_transposed:
                    along, aside = at // DEPTH, at % DEPTH
                b_tile[aside, along] = _element(b, k + aside, left + along, stop, width, b_column, b_transposed)
            cuda.syncthreads()
            step = 0 if top + row < height and left + column < width else DEPTH  # nothing to add beyond the edges
            while step < DEPTH:
                for i in range(OWN_ROWS):
                    for j in range(OWN_COLUMNS):
                        total[i, j] += a_tile[step, row + i] * b_tile[step, column + j]
                step += 1
            cuda.syncthreads()
        for i in range(OWN_ROWS):
            for j in range(OWN_COLUMNS):
                y, x = top + row + i, left + column + j
                if y < height and x < width:
                    value = total[i, j]
                    if initial == BIAS:
                        value += bias[y]
                    elif initial == ITSELF:
                        value += c[part, y, c_column + x]
                    c[part, y, c_column + x] = value


class Operand(NamedTuple):
    """A matrix as it takes part in a product: whether it is transposed, and the stored column in which it begins."""

    data: ArrayView
    transposed: bool = False
    column: int = 0


def product(
    a: Operand,
    b: Operand,
    c: ArrayView,
    width: int,
    depth: int,
    device: Device,
    *,
    column: int = 0,
    bias: ArrayView | None = None,
    add: bool = False,
) -> None:
    """c = a b: each part of c gets the products of its share of the depth.

    Args:
        a: height x depth.
        b: depth x width.
        c: parts x height x (width and more).
        width: columns of the result.
        depth: terms of each sum.
        device: where all of it lives.
        column: the column of c in which the result begins.
        bias: a number for each row of the result, added to it.
        add: whether to add to c instead of replacing it.
    """
    parts, height, _ = c.shape
    blocks = parts * -(-height // TILE) * -(-width // TILE)
    initial = ITSELF if add else NOTHING if bias is None else BIAS
    numbers = width, depth, a.column, b.column, column, int(a.transposed), int(b.transposed), initial
    if bias is None:
        bias = c.reshape(c.size)  # not looked at
    launch(_product, blocks_for(blocks), THREADS, device, a.data, b.data, c, bias, *numbers)


def parts_for(height: int, width: int, depth: int) -> int:
    """Into how many parts to cut the depth of a product: it follows from the shape alone."""
    tiles = -(-height // TILE) * -(-width // TILE)
    return max(1, min(BLOCKS_WANTED // max(tiles, 1), depth // LEAST_PART))


def multiply(a: Operand, b: Operand, c: ArrayView, depth: int, device: Device, bias: ArrayView | None = None) -> None:
    """c = a b + bias; deep and narrow products in parts that are added up in order."""
    height, width = c.shape
    parts = parts_for(height, width, depth)
    if parts == 1:
        product(a, b, c.reshape(1, height, width), width, depth, device, bias=bias)
        return
    partial = driver.allocate((parts, height, width), c.dtype, device)
    product(a, b, partial, width, depth, device)
    sum_along(partial.reshape(1, parts, height * width), device, c.reshape(1, 1, c.size))
    if bias is not None:
        launch_1d(_add_bias, c.size, device, c, bias)


@kernel("float[:,::1], float[::1]")
def _add_bias(y, bias):
    """for each element (o, n): y += bias[o]"""
    width = y.shape[1]
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        y[i // width, i % width] += bias[i // width]


# A batch of one: tiles would be nearly empty, and what counts is to pass over the matrix once.


@kernel("float[:,:,::1], float[::1], float[:,::1], i8")
def _weighted_sum(matrix, weights, y, width):
    """y[o, i] = sum over r of matrix[o, r, i] weights[r].

    for each outer place o and strip of inner places i (one block):
        each thread adds up its slice of r
        join the slices
    """
    partial = cuda.shared.array(REDUCTION_THREADS, matrix.dtype)
    thread = cuda.threadIdx.x
    column, own, slices = thread % width, thread // width, REDUCTION_THREADS // width
    outer, length, inner = matrix.shape
    strips = (inner + width - 1) // width
    for task in range(cuda.blockIdx.x, outer * strips, cuda.gridDim.x):
        o, i = task // strips, task % strips * width + column
        total = matrix.dtype.type(0)
        if i < inner:
            for r in range(own, length, slices):
                total += matrix[o, r, i] * weights[r]
        partial[thread] = total
        reduce_block(add_other, partial, width)
        if own == 0 and i < inner:
            y[o, i] = partial[thread]


def _matrix_vector(matrix: ArrayView, transposed: bool, x: ArrayView, y: ArrayView, device: Device) -> None:
    """y = matrix x, or matrix^T x."""
    height, width = matrix.shape
    outer, length, inner = (1, height, width) if transposed else (height, width, 1)
    strip = strip_width(inner)
    blocks = blocks_for(outer * -(-inner // strip))
    arrays = matrix.reshape(outer, length, inner), x.reshape(length), y.reshape(outer, inner)
    launch(_weighted_sum, blocks, REDUCTION_THREADS, device, *arrays, strip)


@kernel("float[::1], float[::1], float[:,::1]")
def _outer(x, y, z):
    """for each row and column, neighbouring threads at neighbouring columns: z[i, j] = x[i] y[j]"""
    for i in range(cuda.blockIdx.y, z.shape[0], cuda.gridDim.y):
        for j in range(cuda.grid(1), z.shape[1], cuda.blockDim.x * cuda.gridDim.x):
            z[i, j] = x[i] * y[j]


def matmul(x: DeviceArray, y: DeviceArray, transpose_x: bool, transpose_y: bool) -> DeviceArray:
    """A matrix stored in CHWN order lies transposed in memory."""
    height, depth = reversed(x.shape) if transpose_x else x.shape
    width = y.shape[0] if transpose_y else y.shape[1]
    z = new((height, width), x.dtype, x.device)
    a, b = Operand(x.data, transpose_x != x.chwn), Operand(y.data, transpose_y != y.chwn)
    multiply(a, b, z.data, depth, x.device)
    return z


def _columns(x: DeviceArray, transposed: bool = False) -> Operand:
    """x, N x D, as the matrix D x N, or transposed once more."""
    return Operand(x.data, x.chwn == transposed)


def linear(x: DeviceArray, weight: DeviceArray, bias: DeviceArray | None) -> DeviceArray:
    y = new((x.shape[0], weight.shape[0]), x.dtype, x.device, chwn=True)
    matrix, offset = stored(weight, False), None if bias is None else bias.data
    if x.shape[0] != 1:
        multiply(Operand(matrix), _columns(x), y.data, x.shape[1], x.device, offset)
        return y
    _matrix_vector(matrix, False, x.data, y.data, x.device)
    if offset is not None:
        launch_1d(_add_bias, y.size, y.device, y.data, offset)
    return y


def linear_grad_input(dy: DeviceArray, weight: DeviceArray) -> DeviceArray:
    dx = new((dy.shape[0], weight.shape[1]), dy.dtype, dy.device, chwn=True)
    matrix = stored(weight, False)
    if dy.shape[0] != 1:
        multiply(Operand(matrix, True), _columns(dy), dx.data, dy.shape[1], dy.device)
    else:
        _matrix_vector(matrix, True, dy.data, dx.data, dy.device)
    return dx


def linear_grad_weight(dy: DeviceArray, x: DeviceArray) -> DeviceArray:
    dw = new((dy.shape[1], x.shape[1]), dy.dtype, dy.device)
    if x.shape[0] != 1:
        multiply(_columns(dy), _columns(x, True), dw.data, dy.shape[0], dy.device)
    else:
        arrays = dy.data.reshape(dy.size), x.data.reshape(x.size), dw.data
        launch(_outer, *row_grid(1, *dw.shape), dw.device, *arrays)
    return dw
