"""Local response normalisation: across channels, at each pixel by itself, and within each channel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.simd import bits_of, float_of
from minigrad.backends.cpu.window import add_to, flat_rows
from minigrad.backends.threads import parallel, spans

PARTS = 64
LEAST_PIXELS = 256  # of a part
CHANNEL_PARTS = 32  # of normalisation within maps, where a thread owns whole channels
STRIP = 1024  # pixels worked on together: few enough for the caches, many enough that starting a loop costs little

# The bits of a float32, read as an integer, are nearly its logarithm, so (5/4 of the bits of 1) - bits / 4 is nearly
# the inverse fourth root (Blinn, "Floating-Point Tricks", 1997). A little less than that halves the largest error.
FIRST_GUESS = 1331219175
LEAST_QUICK = 1e-30  # the guess holds for normal numbers


@inner
def _inverse_fourth_root(scale):
    """scale^-1/4 of a float32: a guess from the bits, and three of Newton's steps, from 3e-2 to rounding.

    No square root and no division, which take ten times as long as a multiplication.
    """
    root = float_of(np.int32(FIRST_GUESS - (bits_of(scale) >> np.int32(2))))
    quarter = np.float32(0.25) * scale
    for _ in range(3):
        square = root * root
        root *= np.float32(1.25) - quarter * square * square
    return root


@inner
def _quick_power(scale):
    """scale^-3/4"""
    root = _inverse_fourth_root(scale)
    return root * root * root


@inner
def _quick_pair(dy, x, scale):
    """The two terms of the gradient at one pixel, see `_terms`, for beta = 3/4 and without a division."""
    root = _inverse_fourth_root(scale)
    square = root * root
    direct = dy * square * root
    return direct, direct * x * square * square


@inner
def _scale_power(scale, beta, power):
    """power = scale^-beta; the usual 3/4 from two square roots, which vectorise where a general power does not."""
    if beta == 0.75:
        for m in range(scale.size):
            root = 1 / np.sqrt(scale[m])
            power[m] = root * np.sqrt(root)
    else:
        for m in range(scale.size):
            power[m] = scale[m] ** -beta


# Loops over pixels stand in functions of their own, on one-dimensional slices: so they vectorise.


@inner
def _add_square(values, alpha, total):
    """total += alpha * values^2"""
    for m in range(total.size):
        total[m] += alpha * values[m] * values[m]


@inner
def _multiply(values, factors, product):
    """product = values * factors"""
    for m in range(product.size):
        product[m] = values[m] * factors[m]


@inner
def _quick_multiply(values, scale, product):
    """product = values * scale^-3/4"""
    for m in range(product.size):
        product[m] = values[m] * _quick_power(scale[m])


@inner
def _scale(x, c, at, before, after, alpha, k, scale):
    """scale = k + alpha * sum of squares of channels c - before to c + after, for pixels from `at`."""
    scale[:] = k
    for near in range(max(0, c - before), min(x.shape[0], c + after + 1)):
        _add_square(x[near, at : at + scale.size], alpha, scale)


@jitted
def _local_response_norm(x, y, before, after, alpha, beta, k, quick, start, stop):
    """x and y are C x pixels, of which start to stop - 1 are made.

    for STRIP pixels at a time, for each channel: scale = k + alpha * sum of squares; y = x * scale^-beta
    """
    for at in range(start, stop, STRIP):
        count = min(STRIP, stop - at)
        scale, power = np.empty(count, x.dtype), np.empty(count, x.dtype)
        for c in range(x.shape[0]):
            _scale(x, c, at, before, after, alpha, k, scale)
            if quick:
                _quick_multiply(x[c, at : at + count], scale, y[c, at : at + count])
            else:
                _scale_power(scale, beta, power)
                _multiply(x[c, at : at + count], power, y[c, at : at + count])


@inner
def _terms(dy, x, direct, shared, scale, power):
    """The two terms of one channel: dy s^-beta, and dy x s^-(beta + 1)."""
    for m in range(dy.size):
        direct[m] = dy[m] * power[m]
        shared[m] = dy[m] * power[m] * x[m] / scale[m]


@inner
def _quick_terms(dy, x, direct, shared, scale):
    """The same for beta = 3/4."""
    for m in range(dy.size):
        direct[m], shared[m] = _quick_pair(dy[m], x[m], scale[m])


@inner
def _subtract_product(values, factors, twice, total):
    """total -= twice * values * factors"""
    for m in range(total.size):
        total[m] -= twice * values[m] * factors[m]


@jitted
def _local_response_norm_grad(dy, x, dx, before, after, alpha, beta, k, quick, start, stop):
    """dx_i = dy_i s_i^-beta - 2 alpha beta x_i * sum of dy_j x_j s_j^-(beta + 1) over the windows j that hold i.

    for STRIP pixels at a time: make both terms of every channel, then sum the second over the windows
    """
    channels = x.shape[0]
    twice = 2 * alpha * beta
    for at in range(start, stop, STRIP):
        count = min(STRIP, stop - at)
        scale, power = np.empty(count, x.dtype), np.empty(count, x.dtype)
        shared = np.empty((channels, count), x.dtype)
        for c in range(channels):
            _scale(x, c, at, before, after, alpha, k, scale)
            arrays = dy[c, at : at + count], x[c, at : at + count], dx[c, at : at + count], shared[c]
            if quick:
                _quick_terms(*arrays, scale)
            else:
                _scale_power(scale, beta, power)
                _terms(*arrays, scale, power)
        for c in range(channels):
            scale[:] = 0
            # channel c lies in the windows of channels c - after to c + before
            for near in range(max(0, c - after), min(channels, c + before + 1)):
                add_to(shared[near], scale)
            _subtract_product(x[c, at : at + count], scale, twice, dx[c, at : at + count])


# The paper's window of five maps, in float32 and with beta = 3/4. What five maps give to a sum lies in the five rows of
# a ring, map c in row c % 5; maps outside the image give 0. So each square is taken once, and a sum never leaves the
# registers between its terms.


@inner
def squares_into(ring, x, c, at, count, alpha):
    """The row of map c in the ring: alpha * x^2."""
    row = ring[c % 5]
    row[:] = 0
    if c < x.shape[0]:
        _add_square(x[c, at : at + count], alpha, row[:count])


@inner
def _of_ring(ring, m):
    """The sum of the five rows at pixel m."""
    return ring[0, m] + ring[1, m] + ring[2, m] + ring[3, m] + ring[4, m]


@inner
def _five_multiply(ring, x, y, k):
    """y = x * scale^-3/4, with scale = k + the sum of the ring."""
    for m in range(y.size):
        y[m] = x[m] * _quick_power(k + _of_ring(ring, m))


@inner
def five_terms(ring, dy, x, direct, shared, k):
    """The two terms of the gradient, see `_terms`."""
    for m in range(dy.size):
        direct[m], shared[m] = _quick_pair(dy[m], x[m], k + _of_ring(ring, m))


@inner
def five_subtract(ring, x, twice, total):
    """total -= twice * x * the sum of the ring"""
    for m in range(total.size):
        total[m] -= twice * x[m] * _of_ring(ring, m)


@inner
def five_maps(ring, x, at, y, to, count, alpha, k):
    """`count` pixels of y, from `to` on, are those of x from `at` on, normalised; x and y are C x pixels.

    for each channel: the squares of channel c + 2 into the ring; y = x * scale^-3/4
    """
    ring[:] = 0
    for c in range(2):
        squares_into(ring, x, c, at, count, alpha)
    for c in range(x.shape[0]):
        squares_into(ring, x, c + 2, at, count, alpha)
        _five_multiply(ring, x[c, at : at + count], y[c, to : to + count], k)


@jitted
def _five_maps_norm(x, y, alpha, k, start, stop):
    """What `_local_response_norm` does, for STRIP pixels at a time."""
    ring = np.empty((5, STRIP), np.float32)
    for at in range(start, stop, STRIP):
        five_maps(ring, x, at, y, at, min(STRIP, stop - at), alpha, k)


@jitted
def _five_maps_norm_grad(dy, x, dx, alpha, k, start, stop):
    """What `_local_response_norm_grad` does; the shared terms have a ring of their own.

    for STRIP pixels at a time, for each channel c: squares of c + 2, both terms of c, and the gradient of c - 2 is done
    """
    ring, shared = np.empty((5, STRIP), np.float32), np.empty((5, STRIP), np.float32)
    twice = np.float32(1.5) * alpha
    for at in range(start, stop, STRIP):
        count = min(STRIP, stop - at)
        ring[:] = 0
        shared[:] = 0
        for c in range(2):
            squares_into(ring, x, c, at, count, alpha)
        for c in range(x.shape[0] + 2):
            squares_into(ring, x, c + 2, at, count, alpha)
            if c < x.shape[0]:
                own = slice(at, at + count)
                five_terms(ring, dy[c, own], x[c, own], dx[c, own], shared[c % 5], k)
            else:
                shared[c % 5] = 0
            if c >= 2:
                five_subtract(shared, x[c - 2, at : at + count], twice, dx[c - 2, at : at + count])


@inner
def _sum_along(row, batch, before, after, sums):
    """sums = for each pixel of a row, `row` added up from `before` pixels left of it to `after` right of it."""
    sums[:] = 0
    for step in range(-before, after + 1):
        shift = abs(step) * batch
        if shift < row.size:
            if step < 0:
                add_to(row[: row.size - shift], sums[shift:])
            else:
                add_to(row[shift:], sums[: row.size - shift])


@inner
def _sum_down(rows, i, before, after, total):
    """total += rows i - before to i + after"""
    for near in range(max(0, i - before), min(rows.shape[0], i + after + 1)):
        add_to(rows[near], total)


@inner
def _sums_of_squares(image, batch, before, after, alpha, squares, sums):
    """sums = alpha times the sums of squares along each row of an image; `squares` is for one row."""
    for i in range(image.shape[0]):
        squares[:] = 0
        _add_square(image[i], alpha, squares)
        _sum_along(squares, batch, before, after, sums[i])


@jitted
def _within_map_response_norm(x, y, batch, before, after, alpha, beta, k, quick, start, stop):
    """x and y are C x H x (W N).

    for each channel:
        add up squares along its rows
        for each row: scale = k + those sums of the rows around; y = x * scale^-beta
    """
    line = x.shape[2]
    sums, scale, power = np.empty(x.shape[1:], x.dtype), np.empty(line, x.dtype), np.empty(line, x.dtype)
    for c in range(start, stop):
        _sums_of_squares(x[c], batch, before, after, alpha, power, sums)
        for i in range(x.shape[1]):
            scale[:] = k
            _sum_down(sums, i, before, after, scale)
            if quick:
                _quick_multiply(x[c, i], scale, y[c, i])
            else:
                _scale_power(scale, beta, power)
                _multiply(x[c, i], power, y[c, i])


@jitted
def _within_map_response_norm_grad(dy, x, dx, batch, before, after, alpha, beta, k, quick, start, stop):
    """dx_p = dy_p s_p^-beta - 2 alpha beta x_p * sum of dy_q x_q s_q^-(beta + 1) over the windows q that hold p.

    for each channel: make both terms of every row, add up the second along rows, then over the rows around
    """
    twice, line = 2 * alpha * beta, x.shape[2]
    sums, shared = np.empty(x.shape[1:], x.dtype), np.empty(x.shape[1:], x.dtype)
    scale, power = np.empty(line, x.dtype), np.empty(line, x.dtype)
    for c in range(start, stop):
        _sums_of_squares(x[c], batch, before, after, alpha, power, sums)
        for i in range(x.shape[1]):
            scale[:] = k
            _sum_down(sums, i, before, after, scale)
            if quick:
                _quick_terms(dy[c, i], x[c, i], dx[c, i], shared[i], scale)
            else:
                _scale_power(scale, beta, power)
                _terms(dy[c, i], x[c, i], dx[c, i], shared[i], scale, power)
        # a pixel lies in the windows of the pixels from `after` before it to `before` after it
        for i in range(x.shape[1]):
            _sum_along(shared[i], batch, after, before, sums[i])
        for i in range(x.shape[1]):
            scale[:] = 0
            _sum_down(sums, i, after, before, scale)
            _subtract_product(x[c, i], scale, twice, dx[c, i])


class Numbers(NamedTuple):
    """What a normalisation is given, as its loops take it.

    Attributes:
        before, after: reach of the window on either side.
        alpha, beta, k: in the array's precision, alpha for each term.
        quick: whether the quick root serves.
    """

    before: int
    after: int
    alpha: np.floating[Any]
    beta: np.floating[Any]
    k: np.floating[Any]
    quick: bool


def numbers_of(x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> Numbers:
    number = x.dtype.type
    quick = x.dtype == np.float32 and beta == 0.75 and k > LEAST_QUICK and alpha >= 0
    return Numbers(size // 2, (size - 1) // 2, number(alpha), number(beta), number(k), quick)


def _parts(pixels: int) -> list[tuple[int, int]]:
    return spans(pixels, min(PARTS, -(-pixels // LEAST_PIXELS)))


def local_response_norm(x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, chwn=True)
    image, out = (array.reshape(x.shape[1], -1) for array in (stored(x, True), y.data))
    numbers = numbers_of(x, size, alpha / size, beta, k)
    parts = _parts(image.shape[1])
    if size == 5 and numbers.quick:
        parallel(lambda part: _five_maps_norm(image, out, numbers.alpha, numbers.k, *parts[part]), len(parts))
    else:
        parallel(lambda part: _local_response_norm(image, out, *numbers, *parts[part]), len(parts))
    return y


def local_response_norm_grad(
    dy: DeviceArray, x: DeviceArray, size: int, alpha: float, beta: float, k: float
) -> DeviceArray:
    dx = new(x.shape, x.dtype, x.device, chwn=True)
    gradient, image, out = (a.reshape(x.shape[1], -1) for a in (stored(dy, True), stored(x, True), dx.data))
    numbers = numbers_of(x, size, alpha / size, beta, k)
    parts = _parts(image.shape[1])
    arrays = gradient, image, out
    if size == 5 and numbers.quick:
        parallel(lambda part: _five_maps_norm_grad(*arrays, numbers.alpha, numbers.k, *parts[part]), len(parts))
    else:
        parallel(lambda part: _local_response_norm_grad(*arrays, *numbers, *parts[part]), len(parts))
    return dx


def within_map_response_norm(x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, chwn=True)
    arrays = flat_rows(stored(x, True)), flat_rows(y.data)
    numbers = numbers_of(x, size, alpha / size**2, beta, k)
    parts = spans(x.shape[1], CHANNEL_PARTS)
    parallel(lambda part: _within_map_response_norm(*arrays, x.shape[0], *numbers, *parts[part]), len(parts))
    return y


def within_map_response_norm_grad(
    dy: DeviceArray, x: DeviceArray, size: int, alpha: float, beta: float, k: float
) -> DeviceArray:
    dx = new(x.shape, x.dtype, x.device, chwn=True)
    arrays = flat_rows(stored(dy, True)), flat_rows(stored(x, True)), flat_rows(dx.data)
    numbers = numbers_of(x, size, alpha / size**2, beta, k)
    parts = spans(x.shape[1], CHANNEL_PARTS)
    parallel(lambda part: _within_map_response_norm_grad(*arrays, x.shape[0], *numbers, *parts[part]), len(parts))
    return dx
