"""Matrix products. BLAS multiplies, one thread per call; the rows of the result are shared out among the threads.

The gradient of a weight with many elements goes by gemm.product instead, and only when it is asked for: so the
update of the weight (sgd.sgd_update) can make it block by block and use each at once, and the largest arrays of a
training step, as large as the weights, are never written.
"""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.memory import allocate, new, reorder, rows, stored
from minigrad.backends.cpu.runtime.gemm import DOTS, PANEL, ROWS, dots, product
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import FUSED, LANES, address, transpose_block
from minigrad.backends.layout import view
from minigrad.backends.threads import parallel, scratch, spans

WORTH_THREADS = 1 << 18  # multiply-adds
MULTIPLY_ADDS = 30  # of BLAS in a nanosecond, about
LEAST_LENGTH = 96  # of a part, for which BLAS packs the other operand anew
PARTS = 16

FEW_IMAGES = 2  # for which the time goes into reading the weight, which a plain loop does faster than BLAS
LARGE = 1 << 20  # elements of a weight whose gradient waits to be asked for
LEAST_BATCH = 8
BLOCK_ROWS, BLOCK_COLUMNS = 8 * ROWS, 512  # of a gradient made at a time: it stays in the second-level cache


def multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a b, for matrices of any strides that BLAS takes (transposed views among them)."""
    products = a.shape[0] * a.shape[1] * b.shape[1]
    if products < WORTH_THREADS:
        np.matmul(a, b, out=out)
        return
    wide = out.shape[1] > out.shape[0]
    length = out.shape[1] if wide else out.shape[0]
    count = 1  # powers of two: a core gets as many as others
    while count < PARTS and length >= 2 * count * LEAST_LENGTH:
        count *= 2
    parts = spans(length, count)

    def run(part: int) -> None:
        span = slice(*parts[part])
        if wide:
            np.matmul(a, b[:, span], out=out[:, span])
        else:
            np.matmul(a[span], b, out=out[span])

    parallel(run, len(parts), products / MULTIPLY_ADDS)


def matmul(x: DeviceArray, y: DeviceArray, transpose_x: bool, transpose_y: bool) -> DeviceArray:
    a, b = view(x), view(y)
    a, b = a.T if transpose_x else a, b.T if transpose_y else b
    z = new((a.shape[0], b.shape[1]), x.dtype, x.device)
    multiply(a, b, z.data)
    return z


@jitted
def _dot_rows(weight, x, y, start, stop):
    """y[o, n] = sum over d of weight[o, d] x[n, d], for rows start to stop - 1 of the weight, each read once.

    for each DOTS rows, for each image: whole vectors by `dots`, what is left number by number
    Where fewer than DOTS rows are left, those before them are multiplied once more, and not written.
    """
    length = x.shape[1]
    whole = length // LANES * LANES
    for row in range(start, stop, DOTS):
        o = min(row, stop - DOTS)
        for n in range(x.shape[0]):
            totals = dots(address(weight) + 4 * o * length, 4 * length, address(x) + 4 * n * length, whole // LANES)
            for i in range(row - o, DOTS):
                total = totals[i]
                for d in range(whole, length):
                    total += weight[o + i, d] * x[n, d]
                y[o + i, n] = total


def _columns(x: DeviceArray) -> np.ndarray:
    """x, N x D, as the matrix D x N: the storage itself in CHWN order, a transposed view of it if not."""
    return rows(x) if x.chwn else x.data.T


def linear(x: DeviceArray, weight: DeviceArray, bias: DeviceArray | None) -> DeviceArray:
    y = new((x.shape[0], weight.shape[0]), x.dtype, x.device, chwn=True)
    matrix = stored(weight, False)
    outputs = matrix.shape[0]
    large = weight.size >= WORTH_THREADS and outputs >= DOTS
    if FUSED and x.dtype == np.float32 and x.shape[0] <= FEW_IMAGES and large:
        images = stored(x, False)
        parts = [(DOTS * start, min(DOTS * stop, outputs)) for start, stop in spans(-(-outputs // DOTS), PARTS)]
        parallel(lambda part: _dot_rows(matrix, images, y.data, *parts[part]), len(parts))
    else:
        multiply(matrix, _columns(x), y.data)
    if bias is not None:
        y.data += bias.data[:, None]
    return y


def linear_grad_input(dy: DeviceArray, weight: DeviceArray) -> DeviceArray:
    dx = new((dy.shape[0], weight.shape[1]), dy.dtype, dy.device, chwn=True)
    multiply(stored(weight, False).T, _columns(dy), dx.data)
    return dx


@jitted
def _pack_transposed(x, panels, start, stop):
    """x^T, N x D, as panels D/PANEL x N x PANEL, for panels start to stop - 1; columns beyond D are 0.

    for each LANES columns: LANES images at a time in registers, those that are left number by number
    """
    length, batch = x.shape
    for d in range(start * PANEL, stop * PANEL, LANES):
        panel, lane = d // PANEL, d % PANEL
        in_registers = batch // LANES * LANES if d + LANES <= length else 0
        for n in range(0, in_registers, LANES):
            source = address(x) + 4 * (d * batch + n)
            transpose_block(source, 4 * batch, address(panels) + 4 * ((panel * batch + n) * PANEL + lane), 4 * PANEL)
        for n in range(in_registers, batch):
            for i in range(LANES):
                panels[panel, n, lane + i] = x[d + i, n] if d + i < length else x.dtype.type(0)


@inner
def gradient_block(dy, panels, block, row, column):
    """block = rows from `row` and columns from `column` on of the gradient dy x^T; panels are x^T.

    Rows are as many as dy has room for, at most BLOCK_ROWS; columns at most BLOCK_COLUMNS.
    """
    batch = dy.shape[1]
    count = min(BLOCK_ROWS, dy.shape[0] - row)
    columns = min(BLOCK_COLUMNS, panels.shape[0] * PANEL - column)
    b = address(panels) + 4 * column * batch
    a = address(dy) + 4 * row * batch, 4 * batch
    product(a, b, (address(block), 4 * block.shape[1]), (count, columns, batch), PANEL // LANES, 0)


@jitted
def _write_gradient(dy, panels, block, dw, start, stop):
    """Rows start to stop - 1 of dw.

    for each block: multiply, and copy the part that is in dw
    """
    for row in range(start, stop, BLOCK_ROWS):
        for column in range(0, dw.shape[1], BLOCK_COLUMNS):
            gradient_block(dy, panels, block, row, column)
            for i in range(min(BLOCK_ROWS, stop - row)):
                for j in range(min(BLOCK_COLUMNS, dw.shape[1] - column)):
                    dw[row + i, column + j] = block[i, j]


class WeightGradient:
    """dy^T x, the gradient of a weight, to be multiplied when asked for: DeviceArray.data may be one.

    Whoever calls it gets the whole array; `sgd_update` takes it by blocks. The numbers are the same.
    """

    def __init__(self, dy: DeviceArray, x: DeviceArray) -> None:
        self.dy, self.x = dy, x

    def operands(self) -> tuple[np.ndarray, np.ndarray]:
        """What `gradient_block` takes: dy as O x N, with rows of 0 up to a multiple of ROWS, and the panels of x^T."""
        dy, x = rows(reorder(self.dy, True)), rows(reorder(self.x, True))
        missing = -dy.shape[0] % ROWS
        if missing:
            dy = np.concatenate([dy, np.zeros((missing, dy.shape[1]), dy.dtype)])
        panels = allocate((-(-x.shape[0] // PANEL), x.shape[1], PANEL), x.dtype, self.x.device)
        parts = spans(panels.shape[0], PARTS)
        parallel(lambda part: _pack_transposed(x, panels, *parts[part]), len(parts))
        return dy, panels

    def __call__(self) -> np.ndarray:
        """The array, in C order."""
        shape = self.dy.shape[1], self.x.shape[1]
        dw = allocate(shape, self.dy.dtype, self.dy.device)
        dy, panels = self.operands()
        parts = block_spans(shape[0])
        parallel(lambda part: _write_gradient(dy, panels, gradient_room(), dw, *parts[part]), len(parts))
        return dw


def block_spans(length: int) -> list[tuple[int, int]]:
    """Rows of a gradient cut into parts of whole blocks."""
    blocks = spans(-(-length // BLOCK_ROWS), PARTS)
    return [(BLOCK_ROWS * start, min(BLOCK_ROWS * stop, length)) for start, stop in blocks]


def gradient_room() -> np.ndarray:
    """The calling thread's room for a block of a gradient."""
    return scratch("gradient", (BLOCK_ROWS, BLOCK_COLUMNS), np.float32)


def linear_grad_weight(dy: DeviceArray, x: DeviceArray) -> DeviceArray:
    shape = dy.shape[1], x.shape[1]
    if FUSED and dy.dtype == np.float32 and shape[0] * shape[1] >= LARGE and dy.shape[0] >= LEAST_BATCH:
        return DeviceArray(WeightGradient(dy, x), shape, dy.dtype, dy.device)
    dw = new(shape, dy.dtype, dy.device)
    multiply(_columns(dy), _columns(x).T, dw.data)
    return dw
