"""Convolution at stride 1 with fewer multiplications, by the transforms of cook_toom.py, on images in CHWN order.

The output is cut into tiles, some images of a tile at a time. A transform turns the pixels of a tile along an axis into
as many numbers, one for each point at which polynomials are evaluated (cook_toom.py): there a sliding sum is a product,
as it is for frequencies. For each: transform what the tile sees (V = B^T d B, a
matrix channels x columns for each of the points, a column being an image of a tile), multiply by the transformed
filters (M = U V, point by point), and transform back (y = A^T M A), adding bias and applying ReLU on the way out.
What lies in between is a few megabytes, which the caches hold.

The gradient of the input is the same with the filters turned round; that of the filters multiplies transformed
gradients by transformed data, sums over all tiles, and transforms the sum back once.

The whole algorithm comes first, in plain NumPy; all that follows is the same at speed. A larger stride is turned into
stride 1 first, see space_to_depth.py. The largest error is some 2e-5 to 9e-5 of the result's standard deviation
(im2col: 2e-6): float64 always takes im2col.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from minigrad.arrays import Device
from minigrad.backends.cpu.convolution.cook_toom import (
    POINTS,
    TileSize,
    data_matrix,
    filter_matrix,
    output_matrix,
    tile_sizes,
)
from minigrad.backends.cpu.convolution.transforms import (
    ALL_LANES,
    PLAIN,
    TRANSFORM,
    Lines,
    transform,
    transform_number,
)
from minigrad.backends.cpu.memory import allocate
from minigrad.backends.cpu.runtime.gemm import PANEL, ROWS, panel_vectors, product
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import (
    LANES,
    VECTOR_BYTES,
    address,
    prefetch_to_read,
    prefetch_to_write,
    transpose_block,
)
from minigrad.backends.cpu.window import add_to
from minigrad.backends.threads import parallel, scratch, spans, turns
from minigrad.backends.window import Pair

Shape = tuple[int, ...]


# The algorithm, in NumPy. Letters: i, j pixels; u, v taps; p, q points; k filters, c channels, n images.


def convolve_in_numpy(padded: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """y[k, i, j, n] = sum over c, u, v of weight[k, c, u, v] padded[c, i + u, j + v, n], by Winograd's transforms.

    padded is C x H x W x N with its padding, weight K x C x KH x KW with 3 or 5 taps either way.
    """
    taps = weight.shape[2], weight.shape[3]
    out_size = padded.shape[1] - taps[0] + 1, padded.shape[2] - taps[1] + 1
    y = np.empty((len(weight), *out_size, padded.shape[3]))
    g_h, g_w = (np.array(filter_matrix(each), float) for each in taps)
    filters = np.einsum("pu,qv,kcuv->pqkc", g_h, g_w, weight)  # U = G w G^T
    for i, j, tile_h, tile_w in _tiles(out_size, taps):
        data = _transformed(padded, i, j, tile_h, tile_w)  # V = B^T d B
        products = filters[np.ix_(tile_h.points, tile_w.points)] @ data  # M = U V: for each point, K x C times C x N
        a_h, a_w = (np.array(output_matrix(tile), float) for tile in (tile_h, tile_w))
        outputs = np.einsum("ip,jq,pqkn->kijn", a_h, a_w, products)  # y = A^T M A
        y[:, i : i + tile_h.outputs, j : j + tile_w.outputs] = outputs
    return y


def grad_weight_in_numpy(dy: np.ndarray, padded: np.ndarray, taps: Pair) -> np.ndarray:
    """The gradient of the weight, from that of y: dw = G^T [sum over tiles of (A dy A^T) V^T] G."""
    g_h, g_w = (np.array(filter_matrix(each), float) for each in taps)
    sums = np.zeros((len(g_h), len(g_w), len(dy), len(padded)))
    for i, j, tile_h, tile_w in _tiles((dy.shape[1], dy.shape[2]), taps):
        data = _transformed(padded, i, j, tile_h, tile_w)
        a_h, a_w = (np.array(output_matrix(tile), float) for tile in (tile_h, tile_w))
        own = dy[:, i : i + tile_h.outputs, j : j + tile_w.outputs]
        gradients = np.einsum("ip,jq,kijn->pqkn", a_h, a_w, own)
        sums[np.ix_(tile_h.points, tile_w.points)] += gradients @ data.transpose(0, 1, 3, 2)
    return np.einsum("pu,qv,pqkc->kcuv", g_h, g_w, sums)


def _transformed(padded: np.ndarray, i: int, j: int, tile_h: TileSize, tile_w: TileSize) -> np.ndarray:
    """V = B^T d B, where d is what the tile at (i, j) sees."""
    b_h, b_w = (np.array(data_matrix(tile), float) for tile in (tile_h, tile_w))
    return np.einsum("pi,qj,cijn->pqcn", b_h, b_w, padded[:, i : i + len(b_h), j : j + len(b_w)])


def _tiles(out_size: Pair, taps: Pair) -> Iterator[tuple[int, int, TileSize, TileSize]]:
    """The tiles of an output: where each starts, and its size, along both axes."""
    for i, tile_h in _tiles_along(out_size[0], taps[0]):
        for j, tile_w in _tiles_along(out_size[1], taps[1]):
            yield i, j, tile_h, tile_w


def _tiles_along(length: int, taps: int) -> Iterator[tuple[int, TileSize]]:
    """The tiles along an axis, each with where its outputs start."""
    start = 0
    for size in tile_sizes(length, taps) or []:
        yield start, size
        start += size.outputs


# The same at speed: what is done at a time.

COLUMNS = 64  # columns (images of tiles) worked on at a time for the gradient of the filters
LEAST_COLUMNS, MOST_COLUMNS = 32, 128  # the same for a result; between the two, DATA_BYTES decides
DATA_BYTES = 5 << 18  # of transformed data worked on at a time: about what a second-level cache holds
FILTERS = 4 * ROWS  # filters whose products are made and transformed back at a time
LEAST_CHANNELS = 8  # with fewer, the transforms cost more than the products save
LEAST_BATCH = 8  # with fewer images, too many lanes are empty
LEAST_JOBS = 4  # of a part of the gradient of the filters
PARTS = 8  # a power of two, as most numbers of cores are
LEAST_FILTERS = 1 << 12  # planes of filters whose transformation is worth a thread
PARTIAL_BYTES = 40 << 20  # memory for the sums of the gradient of the filters, of which each part has its own


def fits(batch: int, weight_shape: Shape, out_size: Pair, groups: int) -> bool:
    """Whether these functions take such a convolution of float32 at stride 1, and gain by it."""
    covered = all(tile_sizes(*axis) is not None for axis in zip(out_size, weight_shape[2:], strict=True))
    enough = min(weight_shape[1], weight_shape[0] // groups) >= LEAST_CHANNELS and batch >= LEAST_BATCH
    return covered and enough


class Tile(NamedTuple):
    """The shape of a tile, and the numbers of its transforms, along each axis."""

    outputs_h: int
    outputs_w: int
    points_h: int
    points_w: int
    data_h: int  # B^T
    data_w: int
    output_h: int  # A^T
    output_w: int
    output_gradient_h: int  # A
    output_gradient_w: int


class Job(NamedTuple):
    """A piece of work: tiles of one shape, some images of each.

    Attributes:
        tile: their shape.
        points: for each of the tile's points, its number among those of the filters.
        runs: LANES images of a tile each: (row, column, first image).
    """

    tile: Tile
    points: np.ndarray
    runs: np.ndarray


def _tile(size_h: TileSize, size_w: TileSize) -> Tile:
    numbers = [
        transform_number(name, size) for name in ("data", "output", "output gradient") for size in (size_h, size_w)
    ]
    return Tile(size_h.outputs, size_w.outputs, len(size_h.points), len(size_w.points), *numbers)


@cache
def _jobs(out_h: int, out_w: int, taps_h: int, taps_w: int, batch: int, columns: int) -> tuple[Job, ...]:
    """Cut an output into jobs of at most `columns`, the dearest first; of equal ones, neighbours share pixels."""
    jobs = []
    along_h, along_w = _starts_by_size(out_h, taps_h), _starts_by_size(out_w, taps_w)
    every = len(POINTS[taps_w])
    for (size_h, starts_h), (size_w, starts_w) in itertools.product(along_h.items(), along_w.items()):
        points = np.array([i * every + j for i in size_h.points for j in size_w.points])
        tiles = list(itertools.product(starts_h, starts_w))
        some_images = spans(-(-batch // LANES), -(-batch // columns))
        runs = np.array([(*tile, LANES * n) for some in some_images for tile in tiles for n in range(*some)])
        jobs += [
            Job(_tile(size_h, size_w), points, runs[at : at + columns // LANES])
            for at in range(0, len(runs), columns // LANES)
        ]
    return tuple(sorted(jobs, key=_cost, reverse=True))


def _cost(job: Job) -> int:
    """What a job costs, in products of vectors."""
    return job.points.size * len(job.runs)


def _shares(jobs: Sequence[Job], parts: int) -> list[Sequence[Job]]:
    """Jobs cut into parts that cost about the same; some may be empty."""
    costs = np.cumsum([_cost(job) for job in jobs])
    edges = [int(np.argmin(np.abs(costs - costs[-1] * part / parts))) + 1 for part in range(1, parts)]
    return [jobs[start:stop] for start, stop in itertools.pairwise([0, *edges, len(jobs)])]


def _starts_by_size(length: int, taps: int) -> dict[TileSize, list[int]]:
    """The sizes of tiles along an axis, each with where its tiles start."""
    starts: dict[TileSize, list[int]] = {}
    for start, size in _tiles_along(length, taps):
        starts.setdefault(size, []).append(start)
    return starts


# The loops. `function` is the address of all transforms; a transform along columns, then one along rows.


@inner
def _prefetch(place, rows, columns, to_write):
    """Have pixels fetched, LANES images of each; rows and columns are how many and how many bytes apart.

    The pixels of a tile lie in as many places of memory, which a processor does not foresee: so the loops below ask for
    those of the next channel while they work on one.
    """
    for i in range(rows[0]):
        for j in range(columns[0]):
            pixel = place + i * rows[1] + j * columns[1]
            if to_write:
                prefetch_to_write(pixel)
            else:
                prefetch_to_read(pixel)


@inner
def _transform_in(
    function, image, runs, top, left, extent, numbers, points, room, per_panel, lines, target, point_step
):
    """Transform what tiles see, extent[0] x extent[1] pixels, into a matrix for each of points[0] x points[1].

    The matrix has a row for each channel (and room for `room`) and a column for each image, in panels of
    per_panel * LANES columns. `numbers` are those of the transforms along columns and along rows.

    for each channel, for each LANES images of a tile:
        transform the columns of pixels that are in the image, then the rows of what comes out
    """
    channels, height, width, batch = image.shape
    pixel_below, pixel_right, line = 4 * width * batch, 4 * batch, VECTOR_BYTES * extent[1]
    lines[:] = 0  # columns outside the image are never written, and stay so
    for c in range(channels):
        for run in range(runs.shape[0]):
            y, x, n = runs[run, 0] - top, runs[run, 1] - left, runs[run, 2]
            start_h, stop_h = max(0, -y), min(extent[0], height - y)
            start_w, stop_w = max(0, -x), min(extent[1], width - x)
            pixels = address(image) + 4 * (((c * height + y) * width + x + start_w) * batch + n)
            following = pixels + height * pixel_below
            _prefetch(following, (stop_h - start_h, pixel_below), (stop_w - start_w, pixel_right), False)
            between = address(lines) + run * points[0] * line
            source = Lines(pixels, pixel_right, pixel_below)
            to = Lines(between + start_w * VECTOR_BYTES, VECTOR_BYTES, line)
            lanes = batch - n, LANES
            transform(function, numbers[0], stop_w - start_w, source, to, (start_h, stop_h), lanes, PLAIN)
            place = target + (((run // per_panel) * room + c) * per_panel + run % per_panel) * VECTOR_BYTES
            source, to = Lines(between, line, VECTOR_BYTES), Lines(place, points[1] * point_step, point_step)
            transform(function, numbers[1], points[0], source, to, (0, extent[1]), ALL_LANES, PLAIN)


@inner
def _transform_out(function, products, point_step, columns, out, runs, tile, bias, floor, lines):
    """Transform the products of some filters back, into their maps `out`.

    for each filter, for each LANES images of a tile: transform columns of points, then rows; add bias, apply the floor
    """
    filters, height, width, batch = out.shape
    pixel_below, pixel_right, line = 4 * width * batch, 4 * batch, VECTOR_BYTES * tile.points_w
    between = address(lines)
    for k in range(filters):
        for run in range(runs.shape[0]):
            y, x, n = runs[run]
            place = products + 4 * k * columns + run * VECTOR_BYTES
            source = Lines(place, point_step, tile.points_w * point_step)
            to = Lines(between, VECTOR_BYTES, line)
            transform(function, tile.output_h, tile.points_w, source, to, (0, tile.points_h), ALL_LANES, PLAIN)
            pixels = address(out) + 4 * (((k * height + y) * width + x) * batch + n)
            following = pixels + height * pixel_below
            _prefetch(following, (tile.outputs_h, pixel_below), (tile.outputs_w, pixel_right), True)
            source, to = Lines(between, line, VECTOR_BYTES), Lines(pixels, pixel_below, pixel_right)
            finish, lanes = (bias[k], floor), (LANES, batch - n)
            transform(function, tile.output_w, tile.outputs_h, source, to, (0, tile.points_w), lanes, finish)


@jitted
def _convolve(function, image, u, bias, floor, out, job, top, left, v, m, lines):
    """One job of a convolution; u is points x (filters * channels and some more), v and m are working memory.

    transform in, V = B^T d B
    for each block of filters: multiply, M = U V, for each point; transform out, y = A^T M A
    """
    tile, points, runs = job
    channels, count = image.shape[0], out.shape[0]
    columns = -(-runs.shape[0] // (PANEL // LANES)) * PANEL
    extent, numbers = (tile.points_h, tile.points_w), (tile.data_h, tile.data_w)
    u_step, v_step, m_step = 4 * u.shape[1], 4 * v.shape[1], 4 * m.shape[1]
    target, per_panel = address(v), PANEL // LANES
    _transform_in(function, image, runs, top, left, extent, numbers, extent, channels, per_panel, lines, target, v_step)
    for start in range(0, count, FILTERS):
        stop = min(start + FILTERS, count)
        rows = -(-(stop - start) // ROWS) * ROWS
        for p in range(points.size):
            a = address(u) + points[p] * u_step + 4 * start * channels, 4 * channels
            c = address(m) + p * m_step, 4 * columns
            product(a, address(v) + p * v_step, c, (rows, columns, channels), PANEL // LANES, 0)
        maps, offset = out[start:stop], bias[start:stop]
        _transform_out(function, address(m), m_step, columns, maps, runs, tile, offset, floor, lines)


@jitted
def _transform_filters(function, weight, turned, u, start, stop, numbers, points, patch, lines):
    """U = G w G^T for filters start to stop - 1; `turned`: the filters that carry gradients back to the input.

    for each filter, for each LANES channels: gather the taps, channels side by side; transform columns, then rows
    """
    _, _, taps_h, taps_w = weight.shape
    channels = weight.shape[0] if turned else weight.shape[1]
    point_step, line = 4 * u.shape[1], taps_w * VECTOR_BYTES
    taps, between = address(patch), address(lines)
    for k in range(start, stop):
        for c in range(0, channels, LANES):
            lanes = min(LANES, channels - c)
            for lane in range(lanes):
                for i in range(taps_h):
                    for j in range(taps_w):
                        if turned:
                            value = weight[c + lane, k, taps_h - 1 - i, taps_w - 1 - j]
                        else:
                            value = weight[k, c + lane, i, j]
                        patch[(i * taps_w + j) * LANES + lane] = value
            source, to = Lines(taps, VECTOR_BYTES, line), Lines(between, VECTOR_BYTES, line)
            transform(function, numbers[0], taps_w, source, to, (0, taps_h), ALL_LANES, PLAIN)
            place = address(u) + 4 * (k * channels + c)
            source, to = Lines(between, line, VECTOR_BYTES), Lines(place, points[1] * point_step, point_step)
            transform(function, numbers[1], points[0], source, to, (0, taps_w), (LANES, lanes), PLAIN)


@jitted
def _add_gradients(function, image, gradient, sums, begun, job, top, left, vectors, v, v_transposed, m, lines):
    """Add one job's share to the gradient of the transformed filters, points x (filters * channels).

    `begun` says which points have a sum already: the first product of a point is written, not added.

    transform the data, V = B^T d B, and transpose them
    for each block of filters: transform their gradients, M = A dy A^T; sums += M V^T, for each point
    """
    tile, points, runs = job
    channels, count = image.shape[0], gradient.shape[0]
    columns, width = runs.shape[0] * LANES, vectors * LANES
    room = -(-channels // width) * width
    v_step, m_step, sums_step = 4 * v.shape[1], 4 * m.shape[1], 4 * sums.shape[1]
    extent, numbers = (tile.points_h, tile.points_w), (tile.data_h, tile.data_w)
    target, per_panel = address(v), runs.shape[0]
    _transform_in(function, image, runs, top, left, extent, numbers, extent, room, per_panel, lines, target, v_step)
    for p in range(points.size):
        for c in range(0, room, LANES):
            panel, lane = c // width, c % width
            for n in range(0, columns, LANES):
                source = address(v) + p * v_step + 4 * (c * columns + n)
                to = address(v_transposed) + p * v_step + 4 * ((panel * columns + n) * width + lane)
                transpose_block(source, 4 * columns, to, 4 * width)
    outputs, numbers = (tile.outputs_h, tile.outputs_w), (tile.output_gradient_h, tile.output_gradient_w)
    for start in range(0, count, FILTERS):
        stop = min(start + FILTERS, count)
        rows = -(-(stop - start) // ROWS) * ROWS
        block, target = gradient[start:stop], address(m)
        _transform_in(function, block, runs, 0, 0, outputs, numbers, extent, rows, per_panel, lines, target, m_step)
        for p in range(points.size):
            a = address(m) + p * m_step, 4 * columns
            c = address(sums) + points[p] * sums_step + 4 * start * room, 4 * room
            product(a, address(v_transposed) + p * v_step, c, (rows, room, columns), vectors, begun[points[p]])
    begun[points] = 1


@jitted
def _transform_gradients(function, sums, room, dw, start, stop, numbers, points, patch, lines):
    """dw = G^T (sum of the parts) G for filters start to stop - 1; the sum is made in the first part.

    for each filter, for each LANES channels: gather the points; transform columns, then rows; hand the taps out
    """
    _, channels, taps_h, taps_w = dw.shape
    own = slice(start * room, stop * room)
    for part in range(1, sums.shape[0]):
        for p in range(sums.shape[1]):
            add_to(sums[part, p, own], sums[0, p, own])
    line = points[1] * VECTOR_BYTES
    gathered, between = address(patch), address(lines)
    for k in range(start, stop):
        for c in range(0, channels, LANES):
            for p in range(sums.shape[1]):
                at = k * room + c
                for lane in range(LANES):
                    patch[p * LANES + lane] = sums[0, p, at + lane]
            source, to = Lines(gathered, VECTOR_BYTES, line), Lines(between, VECTOR_BYTES, line)
            transform(function, numbers[0], points[1], source, to, (0, points[0]), ALL_LANES, PLAIN)
            source, to = Lines(between, line, VECTOR_BYTES), Lines(gathered, taps_w * VECTOR_BYTES, VECTOR_BYTES)
            transform(function, numbers[1], taps_h, source, to, (0, points[1]), ALL_LANES, PLAIN)
            for lane in range(min(LANES, channels - c)):
                for i in range(taps_h):
                    for j in range(taps_w):
                        dw[k, c + lane, i, j] = patch[(i * taps_w + j) * LANES + lane]


# What the host does: working memory, and the loops shared out.


def _matrix_stack(name: str, count: int, size: int) -> np.ndarray:
    """Working memory for `count` matrices, one a point; some bytes between them keep them off the same cache sets."""
    return scratch(name, (count, -(-size // LANES) * LANES + LANES), np.float32)


def _points(taps: Pair) -> Pair:
    return len(POINTS[taps[0]]), len(POINTS[taps[1]])


def _patch(points: Pair) -> np.ndarray:
    """Working memory for the numbers of a tile."""
    return scratch("patch", (max(points) ** 2 * LANES,), np.float32)


def _lines(points: Pair, columns: int = LANES) -> np.ndarray:
    """Working memory for those of some tiles between the two transforms."""
    return scratch("lines", (max(points) ** 2 * columns,), np.float32)


def _columns(points: Pair, channels: int) -> int:
    """How many columns of a result to work on at a time."""
    columns = MOST_COLUMNS
    while columns > LEAST_COLUMNS and 4 * points[0] * points[1] * channels * columns > DATA_BYTES:
        columns //= 2
    return columns


def convolve(
    image: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
    top: int,
    left: int,
    groups: int,
    device: Device,
    turned: bool = False,
    relu: bool = False,
) -> None:
    """out = image * weight + bias, in float32.

    Args:
        image: C x H x W x N, taken as padded with zeros, `top` rows above and `left` columns before it.
        weight: K x C/groups x KH x KW, as it was for the forward pass also where `turned`.
        bias: K numbers.
        out: K x H' x W' x N.
        device: whose memory holds the transformed filters meanwhile.
        turned: take each filter turned round and input and output channels exchanged (the gradient of the input).
        relu: max(out, 0).
    """
    function, taps = TRANSFORM.address, (weight.shape[2], weight.shape[3])
    points, numbers = _points(taps), tuple(transform_number("filter", each) for each in taps)
    channels, count, share = image.shape[0] // groups, out.shape[0] // groups, weight.shape[0] // groups
    size = -(-count // ROWS) * ROWS * channels + LANES  # filters * channels and some more
    u = allocate((groups, points[0] * points[1], size), weight.dtype, device)
    blocks = spans(count, min(PARTS, max(1, count * channels // LEAST_FILTERS)))

    def transform_filters(task: int) -> None:
        group, block = divmod(task, len(blocks))
        mine = weight[group * share : (group + 1) * share]
        _transform_filters(
            function, mine, turned, u[group], *blocks[block], numbers, points, _patch(points), _lines(points)
        )

    parallel(transform_filters, groups * len(blocks))
    columns = _columns(points, channels)
    jobs = _jobs(*out.shape[1:3], *taps, out.shape[3], columns)
    ranges = turns(len(jobs))
    floor = np.float32(0 if relu else -np.inf)

    def run(task: int) -> None:
        turn, group = divmod(task, groups)
        v = _matrix_stack("data", points[0] * points[1], channels * columns)
        m = _matrix_stack("products", points[0] * points[1], FILTERS * columns)
        lines = _lines(points, columns)
        own, made = slice(group * channels, (group + 1) * channels), slice(group * count, (group + 1) * count)
        for job in jobs[slice(*ranges[turn])]:
            _convolve(function, image[own], u[group], bias[made], floor, out[made], job, top, left, v, m, lines)

    parallel(run, len(ranges) * groups)


def grad_weight(
    gradient: np.ndarray, image: np.ndarray, dw: np.ndarray, top: int, left: int, groups: int, device: Device
) -> None:
    """dw = the gradient of the filters, K x C/groups x KH x KW, from that of the results, K x H' x W' x N.

    image, top, left and device are as for `convolve`.
    """
    function, taps = TRANSFORM.address, (dw.shape[2], dw.shape[3])
    points = _points(taps)
    channels, share = image.shape[0] // groups, dw.shape[0] // groups
    vectors = panel_vectors(channels)
    room = -(-channels // (vectors * LANES)) * vectors * LANES
    jobs = _jobs(*gradient.shape[1:3], *taps, image.shape[3], COLUMNS)
    sums = allocate(_sums_shape(share, room, points, len(jobs), groups), dw.dtype, device)
    parts = sums.shape[1]
    shares = _shares(jobs, parts)

    def run(task: int) -> None:
        group, part = divmod(task, parts)
        own, made = slice(group * channels, (group + 1) * channels), slice(group * share, (group + 1) * share)
        v, transposed = (_matrix_stack(name, sums.shape[2], room * COLUMNS) for name in ("data", "transposed"))
        m, lines = _matrix_stack("products", sums.shape[2], FILTERS * COLUMNS), _lines(points, COLUMNS)
        total, begun = sums[group, part], np.zeros(sums.shape[2], np.int64)
        for job in shares[part]:
            _add_gradients(
                function, image[own], gradient[made], total, begun, job, top, left, vectors, v, transposed, m, lines
            )
        total[begun == 0] = 0

    parallel(run, groups * parts)
    numbers = tuple(transform_number("filter gradient", each) for each in taps)
    blocks = spans(share, PARTS)

    def finish(task: int) -> None:
        group, block = divmod(task, len(blocks))
        made = dw[group * share : (group + 1) * share]
        _transform_gradients(
            function, sums[group], room, made, *blocks[block], numbers, points, _patch(points), _lines(points)
        )

    parallel(finish, groups * len(blocks))


def _sums_shape(filters: int, room: int, points: Pair, jobs: int, groups: int) -> Shape:
    """Groups, parts, points, filters * channels and some more.

    There are PARTS, or half of them, or a quarter ...: at most as many as there are jobs and memory for.
    """
    size = -(-filters // ROWS) * ROWS * room + LANES
    most, parts = min(jobs // LEAST_JOBS, PARTIAL_BYTES // (4 * points[0] * points[1] * size * groups)), PARTS
    while parts > max(most, 1):
        parts //= 2
    return groups, parts, points[0] * points[1], size
