"""What follows a convolution, in few passes over its maps: normalisation with pooling, and their gradients with ReLU's.

At batch 128 the maps of conv1 are 150 MB, far more than the caches hold, and each pass that reads or writes them takes
about 10 ms. One at a time, normalisation and pooling are seven such passes forward and back, and the gradients of ReLU
and bias three more. So these primitives do not compute at once. What they return is made when somebody asks for its
elements (`DeviceArray.pending`), and who asks is mostly the next of them, which then does its own part on the way:

    forward    normalise a few rows, pool them while the caches hold them; the normalised maps are never written
    backward   for some pixels: gather what pooling hands back, take it through the gradient of normalisation, mask it
               by ReLU, and add it up for the bias

Anybody else who asks gets the whole array, of the same numbers. All this is for the paper's case: float32, a window of
five maps and beta = 3/4, and enough images to fill the vectors. Everything else, and what each step means, is in
normalisation.py, pooling.py and convolution/relu_bias.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu import elementwise, normalisation, pooling
from minigrad.backends.cpu.convolution import relu_bias
from minigrad.backends.cpu.convolution.relu_bias import SUMS
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.normalisation import STRIP, five_maps, five_subtract, five_terms, squares_into
from minigrad.backends.cpu.pooling import max_row
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.window import add_to, copy, flat_rows
from minigrad.backends.threads import parallel, scratch, spans, turns
from minigrad.backends.window import Pair, Sides, Window, pooling_size, pooling_window

LEAST_BATCH = 16  # images, for which loops along the images of a pixel are long enough
BANDS = 3  # rows of a pooled map that are made together, at least: their normalised rows overlap those of the next
PARTS = 64  # of the pixels
CHANNEL_PARTS = 16
LEAST_PART = 1 << 12  # numbers of a map
RUN = 64  # numbers that are added up in float32, before their sum goes on in float64
NOTHING, NO_PLACES = np.zeros((1, 1), np.float32), np.zeros((1, 1), np.uint8)


class Norm(NamedTuple):
    """A normalisation over five maps of x, with beta = 3/4.

    Attributes:
        x: the maps.
        arguments: what the primitive was given besides.
        alpha, k: in float32, alpha for each term.
    """

    x: DeviceArray
    arguments: tuple[int, float, float, float]
    alpha: np.floating[Any]
    k: np.floating[Any]


class Pooling(NamedTuple):
    """A max pooling: which place of each window was the largest, and what the primitive was given besides."""

    argmax: DeviceArray
    geometry: tuple[Pair, Pair, Sides]


def _norm(x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> Norm | None:
    """The normalisation, if it is one that is done here."""
    numbers = normalisation.numbers_of(x, size, alpha / size, beta, k)
    if size != 5 or not numbers.quick or x.shape[0] < LEAST_BATCH:
        return None
    return Norm(x, (size, alpha, beta, k), numbers.alpha, numbers.k)


# Forward.


@jitted
def _norm_and_max_pool2d(x, line, height, width, alpha, k, normalised, y, argmax, window, start, stop):
    """Rows start to stop - 1 of the result; x is C x (H W N), y and argmax are C x H' x (W' N), `line` is W N.

    `normalised`, C x kernel_h x line, holds as many rows of normalised maps as a window sees, row r in r % kernel_h.

    for each row of the result:
        normalise those rows of the image that its windows see and that are not there yet
        for each channel: pool
    """
    batch, channels = line // width, x.shape[0]
    rows = normalised.reshape(channels, window.kernel_h * line)
    ring, gathered = np.empty((5, STRIP), x.dtype), np.empty(y.shape[2], x.dtype)
    done = 0
    for i in range(start, stop):
        top = i * window.stride_h - window.top
        below = min(top + window.kernel_h, height)
        for row in range(max(top, done), below):
            source, target = row * line, row % window.kernel_h * line
            for at in range(0, line, STRIP):
                five_maps(ring, x, source + at, rows, target + at, min(STRIP, line - at), alpha, k)
        done = max(done, below)
        for c in range(channels):
            max_row(normalised[c], height, width, i, y[c, i], argmax[c, i], gathered, batch, window)


class Normalised:
    """The result of a normalisation that nobody has asked for: `DeviceArray.pending`."""

    def __init__(self, norm: Norm) -> None:
        self.norm = norm

    def __call__(self) -> np.ndarray:
        """The array."""
        made: np.ndarray = normalisation.local_response_norm(self.norm.x, *self.norm.arguments).data
        return made

    def max_pool2d(self, window: Window) -> tuple[DeviceArray, DeviceArray]:
        """Its pooling, without the array."""
        x, _, alpha, k = self.norm
        batch, channels, height, width = x.shape
        y = new((batch, channels, window.out_h, window.out_w), x.dtype, x.device, chwn=True)
        argmax = new(y.shape, np.uint8, x.device, chwn=True)
        image, line = stored(x, True).reshape(channels, -1), width * batch
        arrays = flat_rows(y.data), flat_rows(argmax.data)
        bands = [(BANDS * start, min(BANDS * stop, window.out_h)) for start, stop in turns(-(-window.out_h // BANDS))]

        def run(band: int) -> None:
            normalised = scratch("normalised rows", (channels, window.kernel_h, line), np.float32)
            _norm_and_max_pool2d(image, line, height, width, alpha, k, normalised, *arrays, window, *bands[band])

        parallel(run, len(bands))
        return y, argmax


def local_response_norm(x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
    norm = _norm(x, size, alpha, beta, k)
    if norm is None:
        return normalisation.local_response_norm(x, size, alpha, beta, k)
    return DeviceArray(Normalised(norm), x.shape, x.dtype, x.device, chwn=True)


def max_pool2d(
    x: DeviceArray, kernel_size: Pair, stride: Pair, padding: Sides, ceil_mode: bool
) -> tuple[DeviceArray, DeviceArray]:
    if not isinstance(x.pending, Normalised) or kernel_size[0] * kernel_size[1] > 256:
        return pooling.max_pool2d(x, kernel_size, stride, padding, ceil_mode)
    size = pooling_size(x.shape, kernel_size, stride, padding, ceil_mode)
    return x.pending.max_pool2d(pooling_window(kernel_size, stride, padding, size))


# Backward.


@inner
def _gather_won(dy, argmax, window, out_line, pixel, width, batch, gathered):
    """gathered = what the windows over some pixels, from `pixel` on, hand back to them; dy and argmax of one channel.

    for each pixel, for each window that sees it: add its gradient, where the pixel was the largest
    """
    gathered[:] = 0
    for at in range(0, gathered.size, batch):
        row, column = divmod(pixel + at // batch, width)
        row, column = row + window.top, column + window.left
        target = gathered[at : at + batch]
        first_i = max(0, row - window.kernel_h + window.stride_h) // window.stride_h
        first_j = max(0, column - window.kernel_w + window.stride_w) // window.stride_w
        last_j = min(column // window.stride_w, window.out_w - 1)
        for i in range(first_i, min(row // window.stride_h + 1, window.out_h)):
            u = row - i * window.stride_h
            for j in range(last_j, first_j - 1, -1):  # in the order of their places in the windows
                place = argmax.dtype.type(u * window.kernel_w + column - j * window.stride_w)
                own = slice(i * out_line + j * batch, i * out_line + (j + 1) * batch)
                _add_won(dy[own], argmax[own], place, target)


@inner
def _add_won(gradient, argmax, place, total):
    """total += gradient where argmax is place."""
    zero = gradient.dtype.type(0)
    for m in range(total.size):
        total[m] += gradient[m] if argmax[m] == place else zero


@inner
def _mask_and_add(dx, y, sums):
    """dx = 0 where y is 0, and number m of what is left is added to sum m % SUMS."""
    for at in range(0, dx.size, SUMS):
        few = slice(at, min(at + SUMS, dx.size))
        _mask_few(dx[few], y[few], sums)


@inner
def _mask_few(dx, y, sums):
    """The same for at most SUMS numbers. As in relu_bias.py, but in place: the loop vectorises only with one dx."""
    for m in range(dx.size):
        value = dx[m] if y[m] != 0 else dx.dtype.type(0)
        dx[m] = value
        sums[m] += value


@inner
def _total(sums):
    """The sum of SUMS numbers, by halves, which are lost."""
    width = SUMS
    while width > 1:
        width //= 2
        add_to(sums[width : 2 * width], sums[:width])
    return sums[0]


@jitted
def _stage_grad(dy, argmax, x, y, dx, db, steps, alpha, k, batch, width, window, edges, parts, channels):
    """Some channels of dx for some parts of the pixels, all channels if normed; and the sums of each part for db.

    Part p is pixels edges[p] to edges[p + 1] - 1; `parts` and `channels` are the first and the one behind the last. dx,
    y, and x if it is needed, are C x pixels of all images; dy and argmax too, or of the windows if pooled. `steps` says
    which of the two gradients there are to make before that of ReLU.

    for some pixels of a part at a time, for each channel:
        pooled: gather what the windows hand back; else: take dy
        normed: make both terms of the gradient; that of the channel two before is then complete
        mask it and add it up
    """
    pooled, normed = steps
    several, reach, twice = max(1, STRIP // batch), 2 if normed else 0, np.float32(1.5) * alpha
    ring, shared = np.empty((5, several * batch), dx.dtype), np.empty((5, several * batch), dx.dtype)
    gathered, sums = np.empty(several * batch, dx.dtype), np.zeros((dx.shape[0], SUMS), dx.dtype)
    for part in range(*parts):
        added = 0
        for pixel in range(edges[part], edges[part + 1], several):
            at, count = pixel * batch, min(several, edges[part + 1] - pixel) * batch
            own = slice(at, at + count)
            if normed:
                ring[:] = 0
                shared[:] = 0
            for c in range(reach):
                squares_into(ring, x, c, at, count, alpha)
            for c in range(channels[0], channels[1] + reach):
                done = c - reach
                if c < channels[1]:
                    line = gathered[:count]
                    if pooled:
                        _gather_won(dy[c], argmax[c], window, window.out_w * batch, pixel, width, batch, line)
                    else:
                        line = dy[c, own]
                    if normed:
                        squares_into(ring, x, c + 2, at, count, alpha)
                        five_terms(ring, line, x[c, own], dx[c, own], shared[c % 5], k)
                    else:
                        copy(line, dx[c, own])
                else:
                    shared[c % 5] = 0
                if normed and done >= 0:
                    five_subtract(shared, x[done, own], twice, dx[done, own])
                if done >= channels[0]:
                    _mask_and_add(dx[done, own], y[done, own], sums[done])
            added += -(-count // SUMS)
            if added >= RUN or at + count >= edges[part + 1] * batch:
                for c in range(*channels):
                    db[part, c] += _total(sums[c])
                    sums[c] = 0
                added = 0


class StageGradient:
    """The gradient of max pooling, of normalisation, or both, that nobody has asked for: `DeviceArray.pending`."""

    def __init__(self, dy: DeviceArray, shape: tuple[int, ...], pooling: Pooling | None, norm: Norm | None) -> None:
        self.dy, self.shape, self.pooling, self.norm = dy, shape, pooling, norm

    def __call__(self) -> np.ndarray:
        """The array, step by step."""
        dx = self.dy
        if self.pooling is not None:
            dx = pooling.max_pool2d_grad(dx, self.pooling.argmax, self.shape, *self.pooling.geometry)
        if self.norm is not None:
            dx = normalisation.local_response_norm_grad(dx, self.norm.x, *self.norm.arguments)
        return stored(dx, True)

    def masked(self, y: DeviceArray) -> tuple[DeviceArray, np.ndarray]:
        """It where y is not 0, and 0 elsewhere, in one pass; and the sums of its maps, in float64."""
        batch, channels = self.shape[:2]
        dx = new(self.shape, self.dy.dtype, self.dy.device, chwn=True)
        dy, mask, out = (array.reshape(channels, -1) for array in (stored(self.dy, True), stored(y, True), dx.data))
        argmax, window, width = NO_PLACES, Window(*[1] * 8), 1
        x, alpha, k = NOTHING, np.float32(0), np.float32(0)
        if self.pooling is not None:
            argmax = stored(self.pooling.argmax, True).reshape(channels, -1)
            width, window = self.shape[3], pooling_window(*self.pooling.geometry, (self.dy.shape[2], self.dy.shape[3]))
        if self.norm is not None:
            x, alpha, k = stored(self.norm.x, True).reshape(channels, -1), self.norm.alpha, self.norm.k
        steps = self.pooling is not None, self.norm is not None
        parts = spans(out.shape[1] // batch, min(PARTS, -(-out.shape[1] // LEAST_PART)))
        edges, db = np.array([0, *(stop for _, stop in parts)]), np.zeros((len(parts), channels))
        # a channel lies in one piece of memory, and is made in one where no other is needed
        tasks = [((0, len(parts)), span) for span in spans(channels, CHANNEL_PARTS)]
        if self.norm is not None:
            tasks = [((part, part + 1), (0, channels)) for part in range(len(parts))]

        def run(task: int) -> None:
            numbers = alpha, k, batch, width, window, edges
            _stage_grad(dy, argmax, x, mask, out, db, steps, *numbers, *tasks[task])

        parallel(run, len(tasks), 2 * out.size)
        return dx, db.sum(0)


def max_pool2d_grad(
    dy: DeviceArray, argmax: DeviceArray, shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides
) -> DeviceArray:
    if dy.dtype != np.float32 or argmax.dtype != np.uint8 or shape[0] < LEAST_BATCH:
        return pooling.max_pool2d_grad(dy, argmax, shape, kernel_size, stride, padding)
    pooled = Pooling(argmax, (kernel_size, stride, padding))
    return DeviceArray(StageGradient(dy, shape, pooled, None), shape, dy.dtype, dy.device, chwn=True)


def local_response_norm_grad(
    dy: DeviceArray, x: DeviceArray, size: int, alpha: float, beta: float, k: float
) -> DeviceArray:
    norm = _norm(x, size, alpha, beta, k)
    if norm is None:
        return normalisation.local_response_norm_grad(dy, x, size, alpha, beta, k)
    before, pooled = dy.pending, None
    if isinstance(before, StageGradient) and before.norm is None:
        dy, pooled = before.dy, before.pooling
    return DeviceArray(StageGradient(dy, x.shape, pooled, norm), x.shape, dy.dtype, dy.device, chwn=True)


def relu_grad(dy: DeviceArray, y: DeviceArray) -> DeviceArray:
    return dy.pending.masked(y)[0] if isinstance(dy.pending, StageGradient) else elementwise.relu_grad(dy, y)


def relu_bias_grad(dy: DeviceArray, y: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    if dy.dtype != np.float32 or dy.shape[0] < LEAST_BATCH:
        return relu_bias.relu_bias_grad(dy, y)
    # also where somebody has looked at dy: the order of the sums must not depend on that
    pending = dy.pending if isinstance(dy.pending, StageGradient) else StageGradient(dy, dy.shape, None, None)
    dx, sums = pending.masked(y)
    db = new((dy.shape[1],), dy.dtype, dy.device)
    db.data[...] = sums
    return dx, db
