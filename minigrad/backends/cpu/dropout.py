"""Dropout: an element is kept or not by a random word of its own, the same in either memory order (section 4.2)."""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.memory import new
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.threads import parallel, spans
from minigrad.random import philox

PARTS = 16
WORTH_THREADS = 1 << 16  # elements


_random_words = inner(philox)


@jitted
def _dropout(x, y, images, features, threshold, scale, seed, counter, first, start, stop):
    """x and y are flat storage; element i of image n has logical index n * features + i, and lies at i * images + n.

    for blocks of four words, start to stop - 1: keep the elements whose random word is at least the threshold, scaled
    Word `first` is that of index 0.
    """
    zero = x.dtype.type(0)
    for block in range(start, stop):
        words = _random_words(block, seed, counter)
        for w in range(4):
            index = 4 * block + w - first
            if 0 <= index < x.size:
                at = index % features * images + index // features
                y[at] = x[at] * scale if words[w] >= threshold else zero


@jitted
def _dropout_rows(x, y, threshold, scale, seed, counter, first, start, stop):
    """The same for CHWN order, features x images, along the images: features and `first` are multiples of 4."""
    features, images = x.shape
    zero = x.dtype.type(0)
    for i in range(start, stop):
        for n in range(images):
            words = _random_words((first + n * features) // 4 + i, seed, counter)
            for w in range(4):
                y[4 * i + w, n] = x[4 * i + w, n] * scale if words[w] >= threshold else zero


def dropout(x: DeviceArray, p: float, scale: float, seed: int, counter: int, first: int) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.chwn)
    threshold, number = np.uint64(round(p * 2**32)), x.dtype.type(scale)
    images = x.shape[0] if x.chwn else 1
    features = x.size // images if images else 0
    if images > 1 and features % 4 == first % 4 == 0:
        matrix, out = (array.reshape(features, images) for array in (x.data, y.data))
        rows = spans(features // 4, PARTS if x.size >= WORTH_THREADS else 1)
        numbers = threshold, number, seed, counter, first
        parallel(lambda part: _dropout_rows(matrix, out, *numbers, *rows[part]), len(rows))
        return y
    flat, result = x.data.reshape(-1), y.data.reshape(-1)
    begin = first // 4
    parts = spans(-(-(first + x.size) // 4) - begin, PARTS if x.size >= WORTH_THREADS else 1)
    blocks = [(begin + start, begin + stop) for start, stop in parts]
    where = images, features
    parallel(
        lambda part: _dropout(flat, result, *where, threshold, number, seed, counter, first, *blocks[part]), len(blocks)
    )
    return y
