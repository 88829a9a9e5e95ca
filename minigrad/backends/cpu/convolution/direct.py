"""Convolution straight from the padded image: the product of im2col.py without its matrix, in float32 at stride 1.

Counted along the rows of the padded image, all images of a pixel side by side, position q of the im2col matrix's row
(c, u, v) is the number q places behind pixel (c, u, v). So no matrix is made: the product reads the image itself, and
is told where each row of the matrix begins. Positions whose window would reach over the end of a row are computed with
the others where rows are short, and left out when results are written.

For first layers at stride 1, whose few channels Winograd's transforms do not pay for, and for small batches, for which
they find no lanes.
"""

from __future__ import annotations

import itertools
from functools import cache
from math import prod

import numpy as np

from minigrad.arrays import Device
from minigrad.backends.cpu.memory import allocate
from minigrad.backends.cpu.runtime.gemm import (
    PANEL,
    ROWS,
    listed_depth_product,
    listed_rows_product,
    panel_vectors,
)
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import LANES, address, transpose_block
from minigrad.backends.cpu.window import add_to, copy
from minigrad.backends.threads import parallel, scratch, spans
from minigrad.backends.window import Pair

Shape = tuple[int, ...]

STRIP = 512  # positions (times images) worked on at a time
ALIASED = 256  # numbers: rows a multiple of these apart would meet in the same few sets of the first-level cache
LONG = 256  # results in a row from which on rows are worked on one by one
FILTERS = 8 * ROWS  # whose results are made at a time, at most
PARTS = 16  # into how many the work is cut
SUM_PARTS = 8  # of the gradient of the filters, each with memory of its own
PARTIAL_BYTES = 40 << 20
MULTIPLY_ADDS = 8  # in a nanosecond, about, where there are few


def fits(count: int) -> bool:
    """Whether these functions take a convolution with so many filters a group."""
    return count >= ROWS


def with_margin(shape: Shape, taps_w: int, batch: int, device: Device) -> np.ndarray:
    """An uninitialised padded image C x H x (W N), with zeros behind it, since the product reads beyond its end."""
    size = prod(shape)
    memory = allocate((size + taps_w * batch + PANEL,), np.dtype(np.float32), device)
    memory[size:] = 0
    return memory[:size].reshape(shape)


@jitted
def _pad(image, padded, top, left, start, stop):
    """Channels start to stop - 1 of an image C x H x W x N, with `top` rows and `left` columns of zeros before it.

    for each row of the padded image: zeros, the pixels that stand in it, zeros
    """
    _, height, width, batch = image.shape
    image_start = max(0, left * batch)
    image_stop = max(image_start, min(padded.shape[2], (left + width) * batch))
    for c in range(start, stop):
        for y in range(padded.shape[1]):
            row = padded[c, y]
            if 0 <= y - top < height:
                row[:image_start] = 0
                pixels = image[c, y - top].reshape(-1)[image_start - left * batch :]
                copy(pixels, row[image_start:image_stop])
                row[image_stop:] = 0
            else:
                row[:] = 0


def pad(image: np.ndarray, out_size: Pair, taps: Pair, top: int, left: int, device: Device) -> np.ndarray:
    """The part of a padded image C x H x W x N that filters see, as C x H' x (W' N), and perhaps some more in a row."""
    channels, batch = image.shape[0], image.shape[3]
    row = (out_size[1] + taps[1] - 1) * batch
    if row % ALIASED == 0:
        row += PANEL
    padded = with_margin((channels, out_size[0] + taps[0] - 1, row), taps[1], batch, device)
    parts = spans(channels, PARTS)
    parallel(lambda part: _pad(image, padded, top, left, *parts[part]), len(parts), padded.size)
    return padded


@cache
def _strips(out_size: Pair, row: int, batch: int) -> np.ndarray:
    """The positions cut into strips (start, stop), counted along padded rows of so many numbers."""
    used = out_size[1] * batch
    if used >= LONG:
        lines = [(i * row, used) for i in range(out_size[0])]
    else:
        lines = [(0, (out_size[0] - 1) * row + used)]
    strips = [
        (line + start, line + stop) for line, length in lines for start, stop in spans(length, -(-length // STRIP))
    ]
    return np.array(strips, np.int64)


@cache
def _tap_offsets(padded: Shape, taps: Pair, channels: int, batch: int) -> np.ndarray:
    """Where, in bytes behind the first pixel, row (c, u, v) of the im2col matrix begins."""
    _, height, row = padded
    c, u, v = np.ogrid[:channels, : taps[0], : taps[1]]
    return np.ascontiguousarray(4 * ((c * height + u) * row + v * batch), np.int64).reshape(-1)


@cache
def _weight_offsets(weight: Shape, turned: bool) -> np.ndarray:
    """Where, in bytes behind the first weight of a filter, that of row (c, u, v) of the im2col matrix lies.

    A weight is K x C x KH x KW; `turned` for the gradient of the input, for which the filters are the channels.
    """
    filters, channels, kernel_h, kernel_w = weight
    if not turned:
        return 4 * np.arange(channels * kernel_h * kernel_w, dtype=np.int64)
    k, u, v = np.ogrid[:filters, :kernel_h, :kernel_w]
    offsets = (k * channels * kernel_h + kernel_h - 1 - u) * kernel_w + kernel_w - 1 - v
    return np.ascontiguousarray(4 * offsets, np.int64).reshape(-1)


@inner
def finish_line(sums, bias, floor, out):
    """out = max(sums + bias, floor); NaN comes through."""
    for m in range(out.size):
        value = sums[m] + bias
        out[m] = floor if value < floor else value


@jitted
def _convolve(padded, filters, step, weight_offsets, tap_offsets, bias, floor, out, strips, products):
    """The results of some filters, `step` bytes apart from the address `filters` on, at some strips of positions.

    for each strip: multiply all filters by it; add bias and apply the floor where positions are results
    """
    count, _, out_w, batch = out.shape
    row, used = padded.shape[2], out_w * batch
    a, offsets = (filters, step, address(weight_offsets)), address(tap_offsets)
    for start, stop in strips:
        columns = -(-(stop - start) // PANEL) * PANEL
        b = address(padded) + 4 * start, offsets
        listed_depth_product(a, b, (address(products), 4 * columns), (count, columns, tap_offsets.size))
        for k in range(count):
            line = k * columns - start  # where position 0 would lie
            for i in range(start // row, -(-stop // row)):
                part_start, part_stop = max(start, i * row), min(stop, i * row + used)
                if part_start < part_stop:
                    target = out[k, i].reshape(-1)[part_start - i * row : part_stop - i * row]
                    finish_line(products[line + part_start : line + part_stop], bias[k], floor, target)


def _filter_blocks(count: int, parts: int) -> list[tuple[int, int]]:
    """Filters cut into blocks of at least ROWS, of which the last may meet the one before."""
    blocks = spans(-(-count // ROWS), parts)
    return [(min(ROWS * start, count - ROWS), min(ROWS * stop, count)) for start, stop in blocks]


def convolve(
    padded: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
    groups: int,
    turned: bool = False,
    relu: bool = False,
) -> None:
    """out = image * weight + bias.

    Args:
        padded: C x H x (W N), see `pad`.
        weight: K x C/groups x KH x KW, as it was for the forward pass also where `turned`.
        bias: K numbers.
        out: K x H' x W' x N.
        groups: of channels, and of filters.
        turned: take each filter turned round and input and output channels exchanged (the gradient of the input).
        relu: max(out, 0).
    """
    channels, count, share = padded.shape[0] // groups, out.shape[0] // groups, weight.shape[0] // groups
    taps = weight.shape[2:]
    tap_offsets = _tap_offsets(padded.shape, taps, channels, out.shape[3])
    weight_offsets = _weight_offsets((share, *weight.shape[1:]), turned)
    step = 4 * prod(taps) * (1 if turned else weight.shape[1])  # from filter to filter
    strips = _strips(out.shape[1:3], padded.shape[2], out.shape[3])
    blocks = _filter_blocks(count, max(-(-count // FILTERS), PARTS // groups // len(strips)))
    runs = spans(len(strips), max(1, PARTS // groups // len(blocks)))
    tasks = list(itertools.product(range(groups), blocks, runs))
    widest = -(-int(np.max(strips[:, 1] - strips[:, 0])) // PANEL) * PANEL
    floor = np.float32(0 if relu else -np.inf)

    def run(task: int) -> None:
        group, (k_start, k_stop), own_strips = tasks[task]
        filters = weight[group * share : (group + 1) * share].ctypes.data + k_start * step
        made = slice(group * count + k_start, group * count + k_stop)
        image = padded[group * channels : (group + 1) * channels]
        products = scratch("products", ((k_stop - k_start) * widest,), np.float32)
        own = strips[slice(*own_strips)]
        _convolve(image, filters, step, weight_offsets, tap_offsets, bias[made], floor, out[made], own, products)

    parallel(run, len(tasks), out.size * channels * prod(taps) / MULTIPLY_ADDS)


@inner
def _gather_gradient(gradient, row, start, stop, columns, gathered):
    """gathered = the gradient at positions start to stop - 1, filters x columns; 0 where there is none."""
    used = gradient.shape[2] * gradient.shape[3]
    gathered[:] = 0
    for k in range(gradient.shape[0]):
        line = k * columns - start  # where position 0 would lie
        for i in range(start // row, -(-stop // row)):
            part_start, part_stop = max(start, i * row), min(stop, i * row + used)
            if part_start < part_stop:
                source = gradient[k, i].reshape(-1)[part_start - i * row : part_stop - i * row]
                copy(source, gathered[line + part_start : line + part_stop])


@jitted
def _add_gradients(padded, tap_offsets, gradient, strips, vectors, gathered, transposed, sums):
    """Add to `sums`, rows of the im2col matrix x filters, what some strips of positions give.

    for each strip: gather its gradients, transpose them, multiply
    """
    row, room, width = padded.shape[2], sums.shape[1], vectors * LANES
    for start, stop in strips:
        length = stop - start
        columns = -(-length // LANES) * LANES
        _gather_gradient(gradient, row, start, stop, columns, gathered[: room * columns])
        for k in range(0, room, LANES):
            panel, lane = k // width, k % width
            for q in range(0, columns, LANES):
                to = address(transposed) + 4 * ((panel * length + q) * width + lane)
                transpose_block(address(gathered) + 4 * (k * columns + q), 4 * columns, to, 4 * width)
        a, shape = (address(padded) + 4 * start, address(tap_offsets)), (sums.shape[0], room, length)
        listed_rows_product(a, address(transposed), (address(sums), 4 * room), shape, vectors)


@jitted
def _collect(sums, dw, start, stop):
    """dw[k, r] = the sum of sums[:, r, k], for filters start to stop - 1; it is made in sums[0].

    for each row r of the im2col matrix: add up the parts, hand the numbers out
    """
    for r in range(dw.shape[1]):
        for part in range(1, sums.shape[0]):
            add_to(sums[part, r, start:stop], sums[0, r, start:stop])
        for k in range(start, stop):
            dw[k, r] = sums[0, r, k]


def grad_weight(gradient: np.ndarray, padded: np.ndarray, dw: np.ndarray, groups: int) -> None:
    """dw = the gradient of the filters, K x C/groups x KH x KW, from that of the results, K x H' x W' x N."""
    channels, count, taps = padded.shape[0] // groups, dw.shape[0] // groups, dw.shape[2:]
    offsets = _tap_offsets(padded.shape, taps, channels, gradient.shape[3])
    depth = offsets.size
    offsets = np.concatenate([offsets, np.repeat(offsets[-1:], -depth % ROWS)])  # rows that nobody asked for
    strips = _strips(gradient.shape[1:3], padded.shape[2], gradient.shape[3])
    widest = -(-int(np.max(strips[:, 1] - strips[:, 0])) // LANES) * LANES
    vectors = panel_vectors(count)
    room = -(-count // (vectors * LANES)) * vectors * LANES  # filters, up to whole panels
    parts = max(1, min(len(strips), SUM_PARTS, PARTIAL_BYTES // (4 * groups * offsets.size * room)))
    runs = spans(len(strips), parts)
    blocks = spans(offsets.size // ROWS, max(1, PARTS // groups // parts))  # of ROWS rows of the im2col matrix
    tasks = list(itertools.product(range(groups), range(parts), blocks))
    sums = np.empty((groups, parts, offsets.size, room), np.float32)

    def run(task: int) -> None:
        group, part, (start, stop) = tasks[task]
        rows, mine = slice(ROWS * start, ROWS * stop), strips[slice(*runs[part])]
        own = sums[group, part, rows]
        own[...] = 0
        image = padded[group * channels : (group + 1) * channels]
        made = gradient[group * count : (group + 1) * count]
        gathered = scratch("gradients", (room * widest,), np.float32)
        transposed = scratch("transposed", (room * (widest + LANES),), np.float32)
        _add_gradients(image, offsets[rows], made, mine, vectors, gathered, transposed, own)

    parallel(run, len(tasks), gradient.size * depth / MULTIPLY_ADDS)
    filters = spans(count, PARTS // groups)

    def collect(task: int) -> None:
        group, block = divmod(task, len(filters))
        made = dw[group * count : (group + 1) * count].reshape(count, -1)
        _collect(sums[group], made, *filters[block])

    parallel(collect, groups * len(filters), sums.size)
