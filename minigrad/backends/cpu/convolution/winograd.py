"""Convolution at stride 1 by the transforms of cook_toom.py, on batch-last activations: with fewer multiplications.

The output is cut into tiles, some images of a tile at a time. For each: transform what the tile sees (V = B^T d B, a
matrix channels x columns for each of the points, a column being an image of a tile), multiply by the transformed
filters (M = U V, point by point), and transform back (y = A^T M A), adding bias and applying ReLU on the way out.
What lies in between is a few megabytes, which the caches hold.

The gradient of the input is the same with the filters turned round; that of the filters multiplies transformed
gradients by transformed data, sums over all tiles, and transforms the sum back once.

A larger stride is turned into stride 1 first, see space_to_depth.py.
The largest error is some 2e-5 to 9e-5 of the result's standard deviation (im2col: 2e-6): float64 always takes im2col.
"""

from __future__ import annotations

from functools import cache
from itertools import product as pairs_of
from typing import NamedTuple

import numpy as np
from numba import types

from minigrad.backends.cpu.convolution.cook_toom import (
    POINTS,
    SUBSETS,
    TileSize,
    data_matrix,
    filter_matrix,
    output_matrix,
    tile_sizes,
    transpose,
)
from minigrad.backends.cpu.runtime.jit import Shared, inner, jitted
from minigrad.backends.cpu.runtime.simd import (
    FUSED,
    LANES,
    PANEL,
    ROWS,
    address,
    call,
    panel_vectors,
    product,
    transform_function,
    transpose_block,
)
from minigrad.backends.cpu.runtime.threads import parallel, scratch, spans
from minigrad.backends.cpu.window import add_to
from minigrad.backends.window import Pair

COLUMNS = 64  # columns (images of tiles) worked on at a time
FILTERS = 8 * ROWS  # filters whose products are made and transformed back at a time
LEAST_CHANNELS = 8  # with fewer, the transforms cost more than the products save
LEAST_BATCH = 8  # with fewer images, too many lanes are empty
PARTS = 8
MOST_TURNS = 16  # into which the jobs of a group are shared out: a turn costs Python's time
LEAST_FILTERS = 1 << 12  # planes of filters whose transformation is worth a thread
PARTIAL_BYTES = 40 << 20  # memory for the sums of the gradient of the filters, of which each part has its own

_SIZES = [TileSize(taps, m, tuple(points)) for taps in SUBSETS for m, points in SUBSETS[taps].items()]
_TAPS = list(SUBSETS)

# the transforms by number: three for each size of tile, two for each number of taps
_DATA, _OUTPUT, _GRADIENT = 0, 1, 2
_FILTER = 3 * len(_SIZES)
_matrices = [m for s in _SIZES for m in (data_matrix(s), output_matrix(s), transpose(output_matrix(s)))]
_matrices += [m for taps in _TAPS for m in (filter_matrix(taps), transpose(filter_matrix(taps)))]
_transform_function = transform_function(
    _matrices, [number < _FILTER and number % 3 == _OUTPUT for number in range(len(_matrices))]
)


def _transform_lines(number, lines, source, line, element, target, to_line, to_element, low, high, load, store, b, f):
    source, target = (source, line, element), (target, to_line, to_element)
    _transform_function(number, lines, source, target, (low, high), (load, store), (b, f))


# Half of what there is to compile here: every loop below calls it by its address.
TRANSFORM = Shared(_transform_lines, [types.int64] * 12 + [types.float32] * 2)


@inner
def _apply(transform, number, lines, source, target, bounds, lanes, finish):
    """See vectors.transform_function; `transform` is the address of TRANSFORM."""
    call(transform, (number, lines, *source, *target, *bounds, *lanes, *finish))


_WHOLE = LANES, LANES
_LINE = 4 * LANES  # bytes of a vector
_PLAIN = np.float32(0), np.float32(-np.inf)  # bias and floor that change nothing


class Tile(NamedTuple):
    """The shape of a tile: its outputs, its points, and the number of its size, along each axis."""

    outputs_h: int
    outputs_w: int
    points_h: int
    points_w: int
    size_h: int
    size_w: int


class Job(NamedTuple):
    """A piece of work: tiles of one shape, some images of each.

    Attributes:
        tile: their shape.
        points: for each of the tile's points, its number among those of the filters.
        groups: LANES images of a tile each: (row, column, first image).
    """

    tile: Tile
    points: np.ndarray
    groups: np.ndarray


@cache
def _jobs(out_h: int, out_w: int, taps_h: int, taps_w: int, batch: int) -> tuple[Job, ...]:
    """Cut an output into jobs, the dearest first."""
    jobs = []
    along_h, along_w = (_positions(tile_sizes(length, taps)) for length, taps in ((out_h, taps_h), (out_w, taps_w)))
    every = len(POINTS[taps_w])
    for (size_h, starts_h), (size_w, starts_w) in pairs_of(along_h, along_w):
        tile = Tile(
            *(size_h.outputs, size_w.outputs, len(size_h.points), len(size_w.points)),
            *(_SIZES.index(size_h), _SIZES.index(size_w)),
        )
        points = np.array([i * every + j for i in size_h.points for j in size_w.points])
        groups = np.array([(i, j, n) for i in starts_h for j in starts_w for n in range(0, batch, LANES)])
        jobs += [
            Job(tile, points, groups[at : at + COLUMNS // LANES]) for at in range(0, len(groups), COLUMNS // LANES)
        ]
    return tuple(sorted(jobs, key=lambda job: -job.points.size * len(job.groups)))


def _positions(sizes: list[TileSize] | None) -> list[tuple[TileSize, list[int]]]:
    """The sizes along an axis, each with where its tiles start."""
    starts: dict[TileSize, list[int]] = {}
    at = 0
    for size in sizes or []:
        starts.setdefault(size, []).append(at)
        at += size.outputs
    return list(starts.items())


@inner
def _transform_in(
    transform, image, groups, top, left, extent, points, numbers, rows, per_panel, lines, target, point_step
):
    """Transform what tiles see, extent[0] x extent[1] pixels, into a matrix for each of points[0] x points[1].

    The matrix has a row a channel (and room for `rows`), a column an image, in panels of per_panel * LANES columns.

    for each channel, for each LANES images of a tile:
        transform the columns of pixels that are in the image, then the rows of what comes out
    """
    channels, height, width, batch = image.shape
    line_h, line_w, row = 4 * width * batch, 4 * batch, _LINE * extent[1]
    lines[:] = 0  # columns outside the image are never written, and stay so
    for c in range(channels):
        for group in range(groups.shape[0]):
            y, x, n = groups[group, 0] - top, groups[group, 1] - left, groups[group, 2]
            low_h, high_h = max(0, -y), min(extent[0], height - y)
            low_w, high_w = max(0, -x), min(extent[1], width - x)
            inner = address(lines) + group * points[0] * row
            source = address(image) + 4 * (((c * height + y) * width + x + low_w) * batch + n)
            _apply(
                transform,
                numbers[0],
                high_w - low_w,
                (source, line_w, line_h),
                (inner + low_w * _LINE, _LINE, row),
                (low_h, high_h),
                (batch - n, LANES),
                _PLAIN,
            )
            place = target + (((group // per_panel) * rows + c) * per_panel + group % per_panel) * _LINE
            to = place, points[1] * point_step, point_step
            _apply(transform, numbers[1], points[0], (inner, row, _LINE), to, (0, extent[1]), _WHOLE, _PLAIN)


@inner
def _transform_out(transform, products, point_step, columns, out, groups, tile, bias, floor, lines):
    """Transform the products of some filters back, into their maps `out`.

    for each filter, for each LANES images of a tile: transform columns of points, then rows; add bias, apply the floor
    """
    filters, height, width, batch = out.shape
    row = _LINE * tile.points_w
    inner = address(lines)
    number_h, number_w = 3 * tile.size_h + _OUTPUT, 3 * tile.size_w + _OUTPUT
    for k in range(filters):
        for group in range(groups.shape[0]):
            y, x, n = groups[group]
            source = products + 4 * k * columns + group * _LINE, point_step, tile.points_w * point_step
            _apply(
                transform,
                number_h,
                tile.points_w,
                source,
                (inner, _LINE, row),
                (0, tile.points_h),
                _WHOLE,
                _PLAIN,
            )
            place = address(out) + 4 * (((k * height + y) * width + x) * batch + n)
            to = place, 4 * width * batch, 4 * batch
            _apply(
                transform,
                number_w,
                tile.outputs_h,
                (inner, row, _LINE),
                to,
                (0, tile.points_w),
                (LANES, batch - n),
                (bias[k], floor),
            )


@jitted
def _convolve(transform, image, filters, bias, floor, out, job, top, left, v, m, lines):
    """One job of a convolution: transform in, multiply by each block of filters, transform out.

    filters is points x (filters * channels and some more).
    """
    tile, points, groups = job
    channels, count = image.shape[0], out.shape[0]
    columns = -(-groups.shape[0] // (PANEL // LANES)) * PANEL
    numbers = 3 * tile.size_h + _DATA, 3 * tile.size_w + _DATA
    extent = tile.points_h, tile.points_w
    v_step, m_step, u_step = 4 * v.shape[1], 4 * m.shape[1], 4 * filters.shape[1]
    _transform_in(
        transform,
        image,
        groups,
        top,
        left,
        extent,
        extent,
        numbers,
        channels,
        PANEL // LANES,
        lines,
        address(v),
        v_step,
    )
    for first in range(0, count, FILTERS):
        last = min(first + FILTERS, count)
        rows = -(-(last - first) // ROWS) * ROWS
        for p in range(points.size):
            a = address(filters) + points[p] * u_step + 4 * first * channels, 4 * channels
            c = address(m) + p * m_step, 4 * columns
            product(a, address(v) + p * v_step, c, (rows, columns, channels), PANEL // LANES, 0)
        _transform_out(
            transform, address(m), m_step, columns, out[first:last], groups, tile, bias[first:last], floor, lines
        )


@jitted
def _transform_filters(transform, weight, turned, filters, first, last, numbers, points, patch, lines):
    """U = G w G^T for filters first to last - 1; `turned`: the filters that carry gradients back to the input."""
    _, _, taps_h, taps_w = weight.shape
    channels = weight.shape[0] if turned else weight.shape[1]
    step, row = 4 * filters.shape[1], taps_w * _LINE
    for k in range(first, last):
        for c in range(0, channels, LANES):
            lanes = min(LANES, channels - c)
            for lane in range(lanes):
                for u in range(taps_h):
                    for v in range(taps_w):
                        if turned:
                            value = weight[c + lane, k, taps_h - 1 - u, taps_w - 1 - v]
                        else:
                            value = weight[k, c + lane, u, v]
                        patch[(u * taps_w + v) * LANES + lane] = value
            source, inner = address(patch), address(lines)
            _apply(
                transform, numbers[0], taps_w, (source, _LINE, row), (inner, _LINE, row), (0, taps_h), _WHOLE, _PLAIN
            )
            to = address(filters) + 4 * (k * channels + c), points[1] * step, step
            _apply(transform, numbers[1], points[0], (inner, row, _LINE), to, (0, taps_w), (LANES, lanes), _PLAIN)


@jitted
def _add_gradients(transform, image, gradient, sums, job, top, left, vectors, v, turned, m, lines):
    """Add one job's share to the gradient of the transformed filters, points x (filters * channels).

    transform the data and transpose them; for each block of filters: transform their gradients, multiply, add
    """
    tile, points, groups = job
    channels, count = image.shape[0], gradient.shape[0]
    columns = groups.shape[0] * LANES
    room = -(-channels // (vectors * LANES)) * vectors * LANES
    v_step, m_step, sums_step = 4 * v.shape[1], 4 * m.shape[1], 4 * sums.shape[1]
    extent = tile.points_h, tile.points_w
    numbers = 3 * tile.size_h + _DATA, 3 * tile.size_w + _DATA
    _transform_in(
        transform, image, groups, top, left, extent, extent, numbers, room, groups.shape[0], lines, address(v), v_step
    )
    for p in range(points.size):
        for c in range(0, room, LANES):
            panel, lane = c // (vectors * LANES), c % (vectors * LANES)
            for n in range(0, columns, LANES):
                source = address(v) + p * v_step + 4 * (c * columns + n)
                to = address(turned) + p * v_step + 4 * ((panel * columns + n) * vectors * LANES + lane)
                transpose_block(source, 4 * columns, to, vectors * _LINE)
    numbers = 3 * tile.size_h + _GRADIENT, 3 * tile.size_w + _GRADIENT
    outputs = tile.outputs_h, tile.outputs_w
    for first in range(0, count, FILTERS):
        last = min(first + FILTERS, count)
        rows = -(-(last - first) // ROWS) * ROWS
        block = gradient[first:last]
        _transform_in(
            transform, block, groups, 0, 0, outputs, extent, numbers, rows, groups.shape[0], lines, address(m), m_step
        )
        for p in range(points.size):
            a = address(m) + p * m_step, 4 * columns
            c = address(sums) + points[p] * sums_step + 4 * first * room, 4 * room
            product(a, address(turned) + p * v_step, c, (rows, room, columns), vectors, 1)


@jitted
def _transform_gradients(transform, sums, room, dw, first, last, numbers, points, patch, lines):
    """dw = G^T (sum of the parts) G for filters first to last - 1; the sum is made in the first part."""
    _, channels, taps_h, taps_w = dw.shape
    own = slice(first * room, last * room)
    for part in range(1, sums.shape[0]):
        for p in range(sums.shape[1]):
            add_to(sums[part, p, own], sums[0, p, own])
    for k in range(first, last):
        for c in range(0, channels, LANES):
            for p in range(sums.shape[1]):
                at = k * room + c
                for lane in range(LANES):
                    patch[p * LANES + lane] = sums[0, p, at + lane]
            row = points[1] * _LINE
            source, inner = address(patch), address(lines)
            _apply(
                transform,
                numbers[0],
                points[1],
                (source, _LINE, row),
                (inner, _LINE, row),
                (0, points[0]),
                _WHOLE,
                _PLAIN,
            )
            to = source, taps_w * _LINE, _LINE
            _apply(transform, numbers[1], taps_h, (inner, row, _LINE), to, (0, points[1]), _WHOLE, _PLAIN)
            for lane in range(min(LANES, channels - c)):
                for u in range(taps_h):
                    for v in range(taps_w):
                        dw[k, c + lane, u, v] = patch[(u * taps_w + v) * LANES + lane]


def fits(batch: int, weight_shape: tuple[int, ...], out_size: Pair, groups: int) -> bool:
    """Whether these functions take such a convolution of float32 at stride 1, and gain by it."""
    covered = all(tile_sizes(*axis) is not None for axis in zip(out_size, weight_shape[2:], strict=True))
    enough = min(weight_shape[1], weight_shape[0] // groups) >= LEAST_CHANNELS and batch >= LEAST_BATCH
    return FUSED and covered and enough


def _matrix_stack(name: str, count: int, size: int) -> np.ndarray:
    """Working memory for `count` matrices, one a point; some bytes between them keep them off the same cache sets."""
    return scratch(name, (count, -(-size // LANES) * LANES + LANES), np.float32)


def _points(taps_h: int, taps_w: int) -> Pair:
    return len(POINTS[taps_h]), len(POINTS[taps_w])


def _lines(points: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Working memory: for the numbers of a tile before the transforms, and of a job's tiles between the two."""
    size = max(points) ** 2 * LANES
    return scratch("patch", (size,), np.float32), scratch("lines", (size * (COLUMNS // LANES),), np.float32)


def convolve(
    image: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
    top: int,
    left: int,
    groups: int,
    filters: np.ndarray,
    turned: bool = False,
    relu: bool = False,
) -> None:
    """out = image * weight + bias, in float32.

    Args:
        image: C x H x W x N, taken as padded with zeros, `top` rows above and `left` columns before it.
        weight: K x C/groups x KH x KW, as it was for the forward pass also where `turned`.
        bias: K numbers.
        out: K x H' x W' x N.
        filters: room for the transformed filters, see `filters_shape`.
        turned: take each filter turned round and input and output channels exchanged (the gradient of the input).
        relu: max(out, 0).
    """
    transform = TRANSFORM.address
    taps_h, taps_w = weight.shape[2:]
    points = _points(taps_h, taps_w)
    channels, count = image.shape[0] // groups, out.shape[0] // groups
    numbers = tuple(_FILTER + 2 * _TAPS.index(taps) for taps in (taps_h, taps_w))
    share = weight.shape[0] // groups
    blocks = spans(count, min(PARTS, max(1, count * channels // LEAST_FILTERS)))

    def transform_filters(part: int) -> None:
        group, block = divmod(part, len(blocks))
        mine = weight[group * share : (group + 1) * share]
        _transform_filters(transform, mine, turned, filters[group], *blocks[block], numbers, points, *_lines(points))

    parallel(transform_filters, groups * len(blocks))
    jobs = _jobs(*out.shape[1:3], taps_h, taps_w, out.shape[3])
    floor = np.float32(0 if relu else -np.inf)

    turns = spans(len(jobs), MOST_TURNS)  # neighbours see the same pixels

    def run(part: int) -> None:
        turn, group = divmod(part, groups)
        v = _matrix_stack("data", points[0] * points[1], channels * COLUMNS)
        m = _matrix_stack("products", points[0] * points[1], FILTERS * COLUMNS)
        lines = _lines(points)[1]
        own, made = slice(group * channels, (group + 1) * channels), slice(group * count, (group + 1) * count)
        for job in jobs[slice(*turns[turn])]:
            _convolve(transform, image[own], filters[group], bias[made], floor, out[made], job, top, left, v, m, lines)

    parallel(run, len(turns) * groups)


def filters_shape(weight_shape: tuple[int, ...], groups: int, turned: bool = False) -> tuple[int, int, int]:
    """The shape of the transformed filters: groups, points, filters * channels and some more."""
    channels, share = weight_shape[1], weight_shape[0] // groups
    channels, share = (share, channels) if turned else (channels, share)
    points = _points(*weight_shape[2:])
    return groups, points[0] * points[1], -(-share // ROWS) * ROWS * channels + LANES


def grad_weight(
    gradient: np.ndarray, image: np.ndarray, dw: np.ndarray, top: int, left: int, groups: int, sums: np.ndarray
) -> None:
    """dw = the gradient of the filters, K x C/groups x KH x KW; `sums` is working memory, see `sums_shape`."""
    transform = TRANSFORM.address
    taps_h, taps_w = dw.shape[2:]
    points = _points(taps_h, taps_w)
    channels, share = image.shape[0] // groups, dw.shape[0] // groups
    vectors = panel_vectors(channels)
    room = -(-channels // (vectors * LANES)) * vectors * LANES
    jobs = _jobs(*gradient.shape[1:3], taps_h, taps_w, image.shape[3])
    parts = sums.shape[1]

    def run(task: int) -> None:
        group, part = divmod(task, parts)
        own, made = slice(group * channels, (group + 1) * channels), slice(group * share, (group + 1) * share)
        v, turned = (_matrix_stack(name, sums.shape[2], room * COLUMNS) for name in ("data", "transposed"))
        m = _matrix_stack("products", sums.shape[2], FILTERS * COLUMNS)
        lines = _lines(points)[1]
        sums[group, part] = 0
        for job in jobs[part::parts]:
            _add_gradients(
                transform, image[own], gradient[made], sums[group, part], job, top, left, vectors, v, turned, m, lines
            )

    parallel(run, groups * parts)
    numbers = tuple(_FILTER + 2 * _TAPS.index(taps) + 1 for taps in (taps_h, taps_w))
    blocks = spans(share, 8)

    def finish(task: int) -> None:
        group, block = divmod(task, len(blocks))
        made = dw[group * share : (group + 1) * share]
        _transform_gradients(transform, sums[group], room, made, *blocks[block], numbers, points, *_lines(points))

    parallel(finish, groups * len(blocks))


def sums_shape(dw_shape: tuple[int, ...], out_size: Pair, batch: int, groups: int) -> tuple[int, ...]:
    """The shape of the sums of `grad_weight`: groups, parts, points, filters * channels and some more."""
    channels, share = dw_shape[1], dw_shape[0] // groups
    width = panel_vectors(channels) * LANES
    points = _points(*dw_shape[2:])
    size = -(-share // ROWS) * ROWS * -(-channels // width) * width + LANES
    jobs = len(_jobs(*out_size, *dw_shape[2:], batch))
    parts = max(1, min(jobs, PARTS, PARTIAL_BYTES // (4 * points[0] * points[1] * size * groups)))
    return groups, parts, points[0] * points[1], size
