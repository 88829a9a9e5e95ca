"""Convolution as im2col and one matrix multiply, on activations in CHWN order.

Column (position, image) of the im2col matrix holds the C x KH x KW numbers that the filters see there, so convolution
is weight (K x C KH KW) times columns, and lands in the result's memory as it stands. The matrix is made and used a span
of positions at a time in a workspace; it never exists whole. Of the launches on a device, each waits for the one
before, so one workspace serves all spans.
"""

from __future__ import annotations

from collections.abc import Iterator

from numba import cuda

from minigrad.arrays import Device, DeviceArray
from minigrad.backends.cuda import driver, elementwise
from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.launch import kernel, launch, launch_1d
from minigrad.backends.cuda.matrix import Operand, parts_for, product
from minigrad.backends.cuda.memory import fill, flat, new, stored
from minigrad.backends.cuda.reduction import sum, sum_along
from minigrad.backends.cuda.window import flat_rows, row_grid, windows_start, windows_stop
from minigrad.backends.window import Pair, Sides, Window, convolution_window

WORKSPACE = 1 << 23  # elements of the columns made at a time


@kernel("float[:,:,::1], float[:,::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, i8")
def _im2col(
    x, columns, batch, start, stop, kernel_h, kernel_w, stride_h, stride_w, top, left, out_w
):  # fmt: skip
    """Gather what the filters see at positions start to stop - 1, counted row by row. x is C x H x (W N).

    for each channel and column (position, image), neighbouring threads at neighbouring columns:
        copy the pixels under the window one below the other, zeros where they lie outside the image
    """
    image_h, image_w = x.shape[1], x.shape[2] // batch
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for at in range(cuda.grid(1), (stop - start) * batch, cuda.blockDim.x * cuda.gridDim.x):
            position, n = start + at // batch, at % batch
            row, column = position // out_w * stride_h - top, position % out_w * stride_w - left
            for u in range(kernel_h):
                for v in range(kernel_w):
                    value = x.dtype.type(0)
                    if row + u >= 0 and row + u < image_h and column + v >= 0 and column + v < image_w:
                        value = x[c, row + u, (column + v) * batch + n]
                    columns[(c * kernel_h + u) * kernel_w + v, at] = value


@kernel("float[:,::1], float[:,:,::1], i8, i8, i8, i8, i8, i8, i8, i8, i8, i8, i8, i8, i8")
def _col2im(
    columns, x, batch, start, stop, y_start, y_stop, kernel_h, kernel_w, stride_h, stride_w, top, left, out_h, out_w
):  # fmt: skip
    """The transpose of im2col as a gather: a thread owns a pixel of x, of the rows y_start to y_stop - 1.

    for each pixel (c, y, column, n):
        for each window that looks at it and is at positions start to stop - 1: add this pixel's entry in its column
    """
    for c in range(cuda.blockIdx.z, x.shape[0], cuda.gridDim.z):
        for y in range(y_start + cuda.blockIdx.y, y_stop, cuda.gridDim.y):
            row = y + top
            for at in range(cuda.grid(1), x.shape[2], cuda.blockDim.x * cuda.gridDim.x):
                column, n = at // batch + left, at % batch
                total = x[c, y, at]
                for i in range(windows_start(row, kernel_h, stride_h), windows_stop(row, stride_h, out_h)):
                    for j in range(windows_start(column, kernel_w, stride_w), windows_stop(column, stride_w, out_w)):
                        position = i * out_w + j
                        if position >= start and position < stop:
                            place = (c * kernel_h + row - i * stride_h) * kernel_w + column - j * stride_w
                            total += columns[place, (position - start) * batch + n]
                x[c, y, at] = total


class _Spans:
    """The positions of a window cut into spans whose columns fit the workspace."""

    def __init__(self, window: Window, batch: int, depth: int) -> None:
        self.window, self.batch, self.depth = window, batch, depth
        self.length = max(1, min(window.positions, WORKSPACE // max(1, depth * batch)))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """(start, stop) of each span."""
        for start in range(0, self.window.positions, self.length):
            yield start, min(start + self.length, self.window.positions)

    def workspace(self, like: DeviceArray) -> ArrayView:
        """Room for the columns of the longest span."""
        return driver.allocate((self.depth * self.length * self.batch,), like.dtype, like.device)

    def columns(self, workspace: ArrayView, positions: int) -> ArrayView:
        """The part of the workspace for a span of that many positions, as a matrix."""
        width = positions * self.batch
        return workspace.part(0, self.depth * width).reshape(self.depth, width)


def _gather(image: ArrayView, columns: ArrayView, spans: _Spans, start: int, stop: int, device: Device) -> None:
    """Fill the columns of the span from start to stop."""
    grid = row_grid(image.shape[0], 1, columns.shape[1])
    window = spans.window
    launch(_im2col, *grid, device, image, columns, spans.batch, start, stop, *window[:6], window.out_w)


def _scatter(columns: ArrayView, image: ArrayView, spans: _Spans, start: int, stop: int, device: Device) -> None:
    """Add the columns of the span from start to stop to the rows of the image that they come from."""
    window = spans.window
    channels, height, line = image.shape
    y_start = max(0, start // window.out_w * window.stride_h - window.top)
    y_stop = min(height, (stop - 1) // window.out_w * window.stride_h - window.top + window.kernel_h)
    grid = row_grid(channels, max(0, y_stop - y_start), line)  # none where all windows stand in the padding
    launch(_col2im, *grid, device, columns, image, spans.batch, start, stop, y_start, y_stop, *window)


def _group(array: ArrayView, group: int, groups: int) -> ArrayView:
    """The share of one group in the rows of a matrix or the channels of an image."""
    share = array.shape[0] // groups
    return array.part(group * share, (group + 1) * share)


def conv2d(
    x: DeviceArray,
    weight: DeviceArray,
    bias: DeviceArray | None,
    stride: Pair,
    padding: Sides,
    groups: int,
    relu: bool,
) -> DeviceArray:
    batch, out_channels = x.shape[0], weight.shape[0]
    window = convolution_window(x.shape, weight.shape, stride, padding)
    y = new((batch, out_channels, window.out_h, window.out_w), x.dtype, x.device, chwn=True)
    if y.size == 0:
        return y
    image, out = flat_rows(stored(x, True)), y.data.reshape(out_channels, window.positions * batch)
    matrix = stored(weight, False).reshape(out_channels, -1)
    spans = _Spans(window, batch, matrix.shape[1])
    workspace = spans.workspace(x)
    for group in range(groups):
        pixels, filters, result = (_group(array, group, groups) for array in (image, matrix, out))
        offset = None if bias is None else _group(bias.data, group, groups)
        for start, stop in spans:
            columns = spans.columns(workspace, stop - start)
            _gather(pixels, columns, spans, start, stop, x.device)
            operands = Operand(filters), Operand(columns), result.reshape(1, *result.shape)
            product(*operands, columns.shape[1], spans.depth, x.device, column=start * batch, bias=offset)
    return elementwise.relu(y) if relu else y


def relu_bias_grad(dy: DeviceArray, y: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    dx = elementwise.relu_grad(dy, y)
    return dx, sum(dx, (0, 2, 3), False)


def conv2d_grad_weight(
    dy: DeviceArray, x: DeviceArray, shape: tuple[int, ...], stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    """dy (K x positions) times the transposed columns: in parts of each span, added up over the spans, then together.

    The result is small and the sums are long, so the parts are what gives a GPU enough to do.
    """
    batch, out_channels = x.shape[0], shape[0]
    window = convolution_window(x.shape, shape, stride, padding)
    dw = new(shape, x.dtype, x.device)
    if dy.size == 0:
        launch_1d(fill, dw.size, dw.device, flat(dw), 0.0)
        return dw
    image = flat_rows(stored(x, True))
    gradient = stored(dy, True).reshape(out_channels, window.positions * batch)
    out = dw.data.reshape(out_channels, -1)
    spans = _Spans(window, batch, out.shape[1])
    workspace = spans.workspace(x)
    share = out_channels // groups
    parts = parts_for(share, spans.depth, spans.length * batch)
    partial = driver.allocate((parts, share, spans.depth), x.dtype, x.device)
    for group in range(groups):
        pixels, gradients, filters = (_group(array, group, groups) for array in (image, gradient, out))
        for start, stop in spans:
            columns = spans.columns(workspace, stop - start)
            _gather(pixels, columns, spans, start, stop, x.device)
            operands = Operand(gradients, column=start * batch), Operand(columns, transposed=True), partial
            product(*operands, spans.depth, columns.shape[1], x.device, add=start > 0)
        sum_along(partial.reshape(1, parts, filters.size), x.device, filters.reshape(1, 1, filters.size))
    return dw


def conv2d_grad_input(
    dy: DeviceArray, weight: DeviceArray, shape: tuple[int, ...], stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    """Columns of the gradient, transposed weight times dy, added to the pixels that they come from."""
    batch, out_channels = shape[0], weight.shape[0]
    window = convolution_window(shape, weight.shape, stride, padding)
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    launch_1d(fill, dx.size, dx.device, flat(dx), 0.0)
    if dy.size == 0:
        return dx
    image, matrix = flat_rows(dx.data), stored(weight, False).reshape(out_channels, -1)
    gradient = stored(dy, True).reshape(out_channels, window.positions * batch)
    spans = _Spans(window, batch, matrix.shape[1])
    workspace = spans.workspace(dy)
    for group in range(groups):
        pixels, filters, gradients = (_group(array, group, groups) for array in (image, matrix, gradient))
        for start, stop in spans:
            columns = spans.columns(workspace, stop - start)
            operands = Operand(filters, transposed=True), Operand(gradients, column=start * batch)
            product(*operands, columns.reshape(1, *columns.shape), columns.shape[1], gradients.shape[0], dy.device)
            _scatter(columns, pixels, spans, start, stop, dy.device)
    return dx
