"""Convolution as im2col and one matrix multiply, on activations in CHWN order: any size, stride and dtype.

Column (position, image) of the im2col matrix holds the C x KH x KW numbers that the filters see there, so convolution
is weight (K x C KH KW) times columns, and lands in the result's memory as it stands. The matrix is made and used a few
positions at a time in a workspace that fits the cache; it never exists whole.

This is the plain algorithm, which the tests hold the faster ones to (see choose.py).
"""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.matrix import multiply
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import jitted
from minigrad.backends.cpu.window import add_row, flat_rows, gather_row, inside
from minigrad.backends.threads import parallel, scratch, spans
from minigrad.backends.window import Window, convolution_window

WORKSPACE = 1 << 18  # elements of the columns made at a time
LEAST_COLUMNS = 256  # a matrix multiply with fewer runs slowly
FEW_COLUMNS = 1024  # that are made all at once
PARTS = 16  # into how many parts, at most, a sum over the batch or a set of channels is cut
MULTIPLY_ADDS = 8  # in a nanosecond, about, where there are few


@jitted
def im2col(x, columns, start, stop, batch, window):
    """Gather what the filters see at output positions start to stop - 1 (counted row by row).

    x is C x H x (W N). for each row (c, u, v) of the columns:
        for each run of positions in one output row:
            copy the pixels under (u, v), zeros where they lie outside the image
    """
    channels, height, width = x.shape[0], x.shape[1], x.shape[2] // batch
    for c in range(channels):
        for u in range(window.kernel_h):
            for v in range(window.kernel_w):
                row = columns[(c * window.kernel_h + u) * window.kernel_w + v]
                position = start
                while position < stop:
                    i, j_start = position // window.out_w, position % window.out_w
                    j_stop = min(window.out_w, j_start + stop - position)
                    at = (position - start - j_start) * batch  # where output column 0 of this run would lie
                    seen_start, seen_stop = inside(window, i, u, v, j_start, j_stop, height, width)
                    row[at + j_start * batch : at + seen_start * batch] = 0
                    row[at + seen_stop * batch : at + j_stop * batch] = 0
                    if seen_start < seen_stop:
                        image_row = x[c, i * window.stride_h + u - window.top]
                        seen = row[at + seen_start * batch : at + seen_stop * batch]
                        gather_row(image_row, seen, seen_start, seen_stop, v, batch, window)
                    position += j_stop - j_start


@jitted
def col2im(columns, x, start, stop, batch, window):
    """The transpose of im2col: add each entry of the columns to the pixel that it came from. x is C x H x (W N).

    for each row (c, u, v) of the columns, for each run of positions in one output row: add to the pixels under (u, v)
    """
    channels, height, width = x.shape[0], x.shape[1], x.shape[2] // batch
    for c in range(channels):
        for u in range(window.kernel_h):
            for v in range(window.kernel_w):
                row = columns[(c * window.kernel_h + u) * window.kernel_w + v]
                position = start
                while position < stop:
                    i, j_start = position // window.out_w, position % window.out_w
                    j_stop = min(window.out_w, j_start + stop - position)
                    at = (position - start - j_start) * batch
                    seen_start, seen_stop = inside(window, i, u, v, j_start, j_stop, height, width)
                    if seen_start < seen_stop:
                        image_row = x[c, i * window.stride_h + u - window.top]
                        seen = row[at + seen_start * batch : at + seen_stop * batch]
                        add_row(seen, image_row, seen_start, seen_stop, v, batch, window)
                    position += j_stop - j_start


def _position_spans(positions: int, batch: int, depth: int) -> list[tuple[int, int]]:
    """Cut the output positions so that the columns of one part, `depth` x (positions * batch), fit the workspace."""
    columns = max(LEAST_COLUMNS, WORKSPACE // depth)
    at_once = max(1, columns // max(1, batch))
    parts = max(-(-positions // at_once), min(PARTS, positions * batch // LEAST_COLUMNS))
    return spans(positions, parts)


def _convolve_few(image: np.ndarray, matrix: np.ndarray, out: np.ndarray, batch: int, window: Window) -> None:
    """A group with few positions: all columns at once, the channels of the image and then the filters shared out."""
    places = window.kernel_h * window.kernel_w
    columns = scratch("all columns", (matrix.shape[1], window.positions * batch), image.dtype)
    blocks = spans(image.shape[0], PARTS)

    def gather(part: int) -> None:
        start, stop = blocks[part]
        own = columns[start * places : stop * places]
        im2col(image[start:stop], own, 0, window.positions, batch, window)

    parallel(gather, len(blocks), columns.size)
    multiply(matrix, columns, out)


def _finish(out: np.ndarray, bias: np.ndarray | None, relu: bool) -> None:
    """Add each filter's bias to its row, and apply ReLU."""
    if bias is not None:
        out += bias[:, None]
    if relu:
        np.maximum(out, 0, out=out)


def conv2d(
    x: DeviceArray,
    weight: DeviceArray,
    bias: DeviceArray | None,
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    groups: int,
    relu: bool,
) -> DeviceArray:
    batch, filters = x.shape[0], weight.shape[0]
    window = convolution_window(x.shape, weight.shape, stride, padding)
    y = new((batch, filters, window.out_h, window.out_w), x.dtype, x.device, chwn=True)
    image = flat_rows(stored(x, True))
    matrix = stored(weight, False).reshape(filters, -1)
    out = y.data.reshape(filters, window.positions * batch)
    depth = matrix.shape[1]
    channels, share = image.shape[0] // groups, filters // groups
    if window.positions * batch < FEW_COLUMNS:
        for group in range(groups):
            own, mine = slice(group * channels, (group + 1) * channels), slice(group * share, (group + 1) * share)
            _convolve_few(image[own], matrix[mine], out[mine], batch, window)
        _finish(out, None if bias is None else bias.data, relu)
        return y
    pieces = [(g, *span) for g in range(groups) for span in _position_spans(window.positions, batch, depth)]

    def run(part: int) -> None:
        group, start, stop = pieces[part]
        mine = slice(group * share, (group + 1) * share)
        columns = scratch("columns", (depth, (stop - start) * batch), x.dtype)
        im2col(image[group * channels : (group + 1) * channels], columns, start, stop, batch, window)
        target = out[mine, start * batch : stop * batch]
        np.matmul(matrix[mine], columns, out=target)
        _finish(target, None if bias is None else bias.data[mine], relu)

    parallel(run, len(pieces), out.size * depth / MULTIPLY_ADDS)
    return y


def conv2d_grad_weight(
    dy: DeviceArray,
    x: DeviceArray,
    shape: tuple[int, ...],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    groups: int,
) -> DeviceArray:
    """dy (K x positions) times the transposed columns, summed over parts of the positions, then over the parts."""
    batch, filters = x.shape[0], shape[0]
    window = convolution_window(x.shape, shape, stride, padding)
    image = flat_rows(stored(x, True))
    gradient = stored(dy, True).reshape(filters, window.positions * batch)
    channels, share = image.shape[0] // groups, filters // groups
    depth = shape[1] * shape[2] * shape[3]
    positions = _position_spans(window.positions, batch, depth)
    parts = spans(len(positions), max(1, PARTS // 2 // groups))
    partial = np.empty((len(parts), filters, depth), x.dtype)

    def run(task: int) -> None:
        group, part = divmod(task, len(parts))
        mine = slice(group * share, (group + 1) * share)
        total = partial[part, mine]
        product = scratch("product", total.shape, x.dtype)
        for index in range(*parts[part]):
            start, stop = positions[index]
            columns = scratch("columns", (depth, (stop - start) * batch), x.dtype)
            im2col(image[group * channels : (group + 1) * channels], columns, start, stop, batch, window)
            fresh = index == parts[part][0]
            np.matmul(gradient[mine, start * batch : stop * batch], columns.T, out=total if fresh else product)
            if not fresh:
                total += product

    parallel(run, groups * len(parts), gradient.size * depth / MULTIPLY_ADDS)
    dw = new(shape, x.dtype, x.device)
    np.sum(partial, axis=0, out=dw.data.reshape(filters, depth))
    return dw


def conv2d_grad_input(
    dy: DeviceArray,
    weight: DeviceArray,
    shape: tuple[int, ...],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    groups: int,
) -> DeviceArray:
    """Columns of the gradient, transposed weight times dy, added back to the pixels they came from.

    Windows overlap, so each part owns some channels of the result and adds to no others.
    """
    batch, filters = shape[0], weight.shape[0]
    window = convolution_window(shape, weight.shape, stride, padding)
    matrix = stored(weight, False).reshape(filters, weight.shape[1], -1)
    gradient = stored(dy, True).reshape(filters, window.positions * batch)
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    image = flat_rows(dx.data)
    channels, share = shape[1] // groups, filters // groups
    blocks = spans(channels, max(1, PARTS // 2 // groups))

    def run(task: int) -> None:
        group, block = divmod(task, len(blocks))
        c_start, c_stop = blocks[block]
        mine = slice(group * share, (group + 1) * share)
        weights = matrix[mine, c_start:c_stop].reshape(share, -1)
        target = image[group * channels + c_start : group * channels + c_stop]
        target[...] = 0
        for start, stop in _position_spans(window.positions, batch, weights.shape[1]):
            columns = scratch("columns", (weights.shape[1], (stop - start) * batch), dy.dtype)
            np.matmul(weights.T, gradient[mine, start * batch : stop * batch], out=columns)
            col2im(columns, target, start, stop, batch, window)

    parallel(run, groups * len(blocks), gradient.size * (weight.size // filters) / MULTIPLY_ADDS)
    return dx
