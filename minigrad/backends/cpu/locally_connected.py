"""Unshared convolution, on arrays in CHWN order: at each place a small product of its own.

There the weight is a matrix C KH KW x K, a group of it so many columns, and what the filters see is C KH KW rows of N
numbers, all images of a pixel side by side:

    value               K x N        the matrix transposed, times what it sees
    weight's gradient   C KH KW x K  what it sees, times dy transposed
    input's gradient    C x N        by pixels: the rows of each place that sees one, times dy at these places

In float32 nothing is gathered for that: the products of gemm.py read images and weights where they lie, and are told
where each row begins. Rows in the padding are left out. The input's gradient, too, is made pixel by pixel, so that no
part of the work adds to what another has made.

Small batches, float64 and few channels or filters take the plain way: the columns of a place gathered as in im2col.py,
and BLAS.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.convolution.direct import finish_line
from minigrad.backends.cpu.convolution.im2col import col2im, im2col
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.gemm import PANEL, ROWS, listed_depth_product, listed_rows_product, panel_vectors
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import FUSED, LANES, address, transpose_block
from minigrad.backends.cpu.window import copy, flat_rows
from minigrad.backends.threads import parallel, scratch, spans
from minigrad.backends.window import Pair, Sides, Window, local_window

Shape = tuple[int, ...]

LEAST_BATCH = 8  # images, for which half of the vectors' lanes are used
STRIP = 128  # images that are worked on at a time, a multiple of PANEL
PARTS = 32  # into how many the places are cut
MULTIPLY_ADDS = 30  # in a nanosecond, about


def _fit_vectors(batch: int, dtype: np.dtype[Any], rows: int) -> bool:
    """Whether products of so many rows and images are made in vectors."""
    return FUSED and dtype == np.float32 and batch >= LEAST_BATCH and rows >= ROWS


def _matrices(weight: np.ndarray) -> np.ndarray:
    """A weight as places x (C KH KW) x K."""
    out_h, out_w, channels, kernel_h, kernel_w, filters = weight.shape
    return weight.reshape(out_h * out_w, channels * kernel_h * kernel_w, filters)


def _at_places(y: np.ndarray) -> np.ndarray:
    """Results K x OH x OW x N, or their gradients, as K x places x N."""
    filters, out_h, out_w, batch = y.shape
    return y.reshape(filters, out_h * out_w, batch)


def locally_connected2d(
    x: DeviceArray,
    weight: DeviceArray,
    bias: DeviceArray | None,
    stride: Pair,
    padding: Sides,
    groups: int,
    relu: bool,
) -> DeviceArray:
    batch, filters = x.shape[0], weight.shape[5]
    window = local_window(weight.shape, stride, padding)
    y = new((batch, filters, window.out_h, window.out_w), x.dtype, x.device, chwn=True)
    offset = np.zeros((filters, window.positions), x.dtype)
    if bias is not None:
        offset = stored(bias, False).reshape(offset.shape)
    floor = x.dtype.type(0 if relu else -np.inf)
    arrays = stored(x, True), _matrices(stored(weight, False)), offset, floor, _at_places(y.data)
    fit = _fit_vectors(batch, x.dtype, filters // groups)
    (_make_values if fit else _make_values_by_blas)(*arrays, window, groups)
    return y


def locally_connected2d_grad_input(
    dy: DeviceArray, weight: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    window = local_window(weight.shape, stride, padding)
    dx = new(shape, dy.dtype, dy.device, chwn=True)
    arrays = _at_places(stored(dy, True)), _matrices(stored(weight, False)), dx.data
    fit = _fit_vectors(shape[0], dy.dtype, shape[1] // groups)
    (_make_input_gradients if fit else _make_input_gradients_by_blas)(*arrays, window, groups)
    return dx


def locally_connected2d_grad_weight(
    dy: DeviceArray, x: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
) -> DeviceArray:
    window = local_window(shape, stride, padding)
    dw = new(shape, x.dtype, x.device)
    arrays = _at_places(stored(dy, True)), stored(x, True), _matrices(dw.data)
    fit = _fit_vectors(x.shape[0], x.dtype, ROWS)
    (_make_weight_gradients if fit else _make_weight_gradients_by_blas)(*arrays, window, groups)
    return dw


# In vectors.


def _in_panels(array: np.ndarray) -> np.ndarray:
    """An array whose last axis is the batch, with images of zeros up to whole panels."""
    missing = -array.shape[-1] % PANEL
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)]) if missing else array


@inner
def _list_taps(image, channels, window, place, offsets, taps):
    """Which rows of a place's matrix see the image, and how far behind its first pixel, in bytes; how many they are."""
    _, height, width, batch = image.shape
    top = place // window.out_w * window.stride_h - window.top
    left = place % window.out_w * window.stride_w - window.left
    count = 0
    for c in range(channels):
        for u in range(max(0, -top), min(window.kernel_h, height - top)):
            for v in range(max(0, -left), min(window.kernel_w, width - left)):
                offsets[count] = 4 * ((c * height + top + u) * width + left + v) * batch
                taps[count] = (c * window.kernel_h + u) * window.kernel_w + v
                count += 1
    return count


@inner
def _multiply(a, b, products, columns, depth):
    """products = a b, of `columns` columns; a is (address, step, offsets) and b (address, offsets), rows follow.

    for each STRIP of columns, whose numbers stay in the second-level cache: all rows
    """
    rows = products.size // columns
    if depth == 0:
        products[:] = 0
        return
    for column in range(0, columns, STRIP):
        strip = (b[0] + 4 * column, b[1]), (address(products) + 4 * column, 4 * columns)
        listed_depth_product(a, *strip, (rows, min(STRIP, columns - column), depth))


@jitted
def _values(image, weight, bias, floor, y, window, groups, start, stop, offsets, taps, products):
    """The results at places start to stop - 1.

    for each place: list the rows that see the image
        for each group: multiply; add bias and apply the floor
    """
    channels, filters, batch = weight.shape[1] // (window.kernel_h * window.kernel_w), weight.shape[2], image.shape[3]
    share = filters // groups
    for place in range(start, stop):
        depth = _list_taps(image, channels, window, place, offsets, taps)
        for row in range(depth):
            taps[row] *= 4 * filters
        for group in range(groups):
            a = address(weight) + 4 * (place * weight.shape[1] * filters + group * share), 4, address(taps)
            b = address(image[group * channels :]), address(offsets)
            _multiply(a, b, products, batch, depth)
            for k in range(share):
                line = y[group * share + k, place]
                finish_line(products[k * batch : k * batch + line.size], bias[group * share + k, place], floor, line)


def _make_values(
    image: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    floor: np.floating[Any],
    y: np.ndarray,
    window: Window,
    groups: int,
) -> None:
    """y = max(products + bias, floor)."""
    image, share = _in_panels(image), y.shape[0] // groups
    parts = spans(window.positions, PARTS)

    def run(part: int) -> None:
        lists = [scratch(name, (weight.shape[1],), np.int64) for name in ("offsets", "taps")]
        products = scratch("products", (share * image.shape[3],), np.float32)
        _values(image, weight, bias, floor, y, window, groups, *parts[part], *lists, products)

    parallel(run, len(parts), y.size * weight.shape[1] / MULTIPLY_ADDS)


@inner
def _list_windows(gradient, share, window, channels, filters, row, column, of_weight, of_gradient):
    """Which of a channel's weights see a pixel, and where the gradients of their results begin, in bytes; how many.

    row and column are those of the pixel, padding counted. for each window that sees it, for each filter: both
    """
    batch, taps = gradient.shape[2], window.kernel_h * window.kernel_w
    i_start = max(0, (row - window.kernel_h + window.stride_h) // window.stride_h)
    j_start = max(0, (column - window.kernel_w + window.stride_w) // window.stride_w)
    count = 0
    for i in range(i_start, min(window.out_h, row // window.stride_h + 1)):
        for j in range(j_start, min(window.out_w, column // window.stride_w + 1)):
            place = i * window.out_w + j
            tap = (row - i * window.stride_h) * window.kernel_w + column - j * window.stride_w
            for k in range(share):
                of_weight[count] = 4 * ((place * channels * taps + tap) * filters + k)
                of_gradient[count] = 4 * (k * gradient.shape[1] + place) * batch
                count += 1
    return count


@jitted
def _input_gradients(gradient, weight, dx, window, groups, start, stop, of_weight, of_gradient, products):
    """The gradients of pixels start to stop - 1.

    for each pixel: list the weights that see it
        for each group: multiply; write what the products are
    """
    taps, filters, batch = window.kernel_h * window.kernel_w, weight.shape[2], gradient.shape[2]
    channels, share = weight.shape[1] // taps, filters // groups
    width = dx.shape[2]
    for pixel in range(start, stop):
        y, x = pixel // width, pixel % width
        depth = _list_windows(
            gradient, share, window, channels, filters, y + window.top, x + window.left, of_weight, of_gradient
        )
        for group in range(groups):
            a = address(weight) + 4 * group * share, 4 * taps * filters, address(of_weight)
            b = address(gradient[group * share :]), address(of_gradient)
            _multiply(a, b, products, batch, depth)
            for c in range(channels):
                line = dx[group * channels + c, y, x]
                copy(products[c * batch : c * batch + line.size], line)


def _make_input_gradients(
    gradient: np.ndarray, weight: np.ndarray, dx: np.ndarray, window: Window, groups: int
) -> None:
    gradient = _in_panels(gradient)
    channels, share = dx.shape[0] // groups, gradient.shape[0] // groups
    parts = spans(dx.shape[1] * dx.shape[2], PARTS)

    def run(part: int) -> None:
        room = share * window.kernel_h * window.kernel_w
        lists = [scratch(name, (room,), np.int64) for name in ("of weight", "of gradient")]
        products = scratch("products", (channels * gradient.shape[2],), np.float32)
        _input_gradients(gradient, weight, dx, window, groups, *parts[part], *lists, products)

    parallel(run, len(parts), gradient.size * weight.shape[1] / MULTIPLY_ADDS)


@inner
def _transpose_gradient(gradient, place, gathered, transposed, vectors):
    """The gradients at a place, some filters x N, as panels N x (vectors * LANES); what is beyond the filters is 0."""
    filters, batch = gradient.shape[0], gradient.shape[2]
    columns, width = -(-batch // LANES) * LANES, vectors * LANES
    gathered[:] = 0
    for k in range(filters):
        copy(gradient[k, place], gathered[k * columns : k * columns + batch])
    for k in range(0, gathered.size // columns, LANES):
        panel, lane = k // width, k % width
        for n in range(0, columns, LANES):
            to = address(transposed) + 4 * ((panel * batch + n) * width + lane)
            transpose_block(address(gathered) + 4 * (k * columns + n), 4 * columns, to, 4 * width)


@jitted
def _weight_gradients(
    gradient, image, dw, window, groups, vectors, start, stop, offsets, taps, gathered, transposed, sums
):
    """The gradients of the weights of places start to stop - 1.

    for each place: list the rows that see the image; those that do not have no gradient
        for each group: transpose its gradients, multiply, and copy the rows to where they belong
    """
    share, room = gradient.shape[0] // groups, sums.shape[1]
    channels = dw.shape[1] // (window.kernel_h * window.kernel_w)
    for place in range(start, stop):
        depth = _list_taps(image, channels, window, place, offsets, taps)
        rows = -(-depth // ROWS) * ROWS
        offsets[depth:rows] = offsets[0]  # rows that nobody asked for
        if depth < dw.shape[1]:
            dw[place] = 0
        for group in range(groups):
            own = gradient[group * share : (group + 1) * share]
            _transpose_gradient(own, place, gathered, transposed, vectors)
            sums[:rows] = 0
            a = address(image[group * channels :]), address(offsets)
            c = address(sums), 4 * room
            listed_rows_product(a, address(transposed), c, (rows, room, gradient.shape[2]), vectors)
            for row in range(depth):
                copy(sums[row, :share], dw[place, taps[row], group * share : (group + 1) * share])


def _make_weight_gradients(
    gradient: np.ndarray, image: np.ndarray, dw: np.ndarray, window: Window, groups: int
) -> None:
    share, batch = gradient.shape[0] // groups, image.shape[3]
    vectors = panel_vectors(share)
    room = -(-share // (vectors * LANES)) * vectors * LANES  # filters, up to whole panels
    columns = -(-batch // LANES) * LANES
    rows = -(-dw.shape[1] // ROWS) * ROWS
    parts = spans(window.positions, PARTS)

    def run(part: int) -> None:
        lists = [scratch(name, (rows,), np.int64) for name in ("offsets", "taps")]
        gathered = scratch("gradients", (room * columns,), np.float32)
        transposed = scratch("transposed", (room * (columns + LANES),), np.float32)
        sums = scratch("products", (rows, room), np.float32)
        arrays = *lists, gathered, transposed, sums
        _weight_gradients(gradient, image, dw, window, groups, vectors, *parts[part], *arrays)

    parallel(run, len(parts), gradient.size * dw.shape[1] / MULTIPLY_ADDS)


# By BLAS, on columns that are gathered: any dtype and size.


def _make_values_by_blas(
    image: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    floor: np.floating[Any],
    y: np.ndarray,
    window: Window,
    groups: int,
) -> None:
    batch, pixels = image.shape[3], flat_rows(image)
    channels, share = len(image) // groups, len(y) // groups
    parts = spans(window.positions, PARTS)

    def run(part: int) -> None:
        columns = scratch("columns", (weight.shape[1], batch), image.dtype)
        for place, group in itertools.product(range(*parts[part]), range(groups)):
            seen, mine = slice(group * channels, (group + 1) * channels), slice(group * share, (group + 1) * share)
            im2col(pixels[seen], columns, place, place + 1, batch, window)
            products = weight[place, :, mine].T @ columns
            np.maximum(products + bias[mine, place, None], floor, out=y[mine, place])

    parallel(run, len(parts), y.size * weight.shape[1] / MULTIPLY_ADDS)


def _make_input_gradients_by_blas(
    gradient: np.ndarray, weight: np.ndarray, dx: np.ndarray, window: Window, groups: int
) -> None:
    """Windows overlap, so each part owns some channels of the result and adds to no others."""
    batch, pixels = dx.shape[3], flat_rows(dx)
    channels, share, taps = len(dx) // groups, len(gradient) // groups, window.kernel_h * window.kernel_w
    blocks = spans(channels, max(1, PARTS // groups))

    def run(task: int) -> None:
        group, block = divmod(task, len(blocks))
        start, stop = blocks[block]
        target = pixels[group * channels + start : group * channels + stop]
        target[...] = 0
        mine, rows = slice(group * share, (group + 1) * share), slice(start * taps, stop * taps)
        for place in range(window.positions):
            columns = weight[place, rows, mine] @ gradient[mine, place]
            col2im(columns, target, place, place + 1, batch, window)

    parallel(run, groups * len(blocks), gradient.size * weight.shape[1] / MULTIPLY_ADDS)


def _make_weight_gradients_by_blas(
    gradient: np.ndarray, image: np.ndarray, dw: np.ndarray, window: Window, groups: int
) -> None:
    batch, pixels = image.shape[3], flat_rows(image)
    channels, share = len(image) // groups, len(gradient) // groups
    parts = spans(window.positions, PARTS)

    def run(part: int) -> None:
        columns = scratch("columns", (dw.shape[1], batch), image.dtype)
        for place, group in itertools.product(range(*parts[part]), range(groups)):
            seen, mine = slice(group * channels, (group + 1) * channels), slice(group * share, (group + 1) * share)
            im2col(pixels[seen], columns, place, place + 1, batch, window)
            dw[place, :, mine] = columns @ gradient[mine, place].T

    parallel(run, len(parts), gradient.size * dw.shape[1] / MULTIPLY_ADDS)
