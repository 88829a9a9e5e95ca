"""Dropout (section 4.2)."""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive
from minigrad.random import philox


def random_words(first: int, count: int, seed: int, counter: int) -> np.ndarray:
    """`count` words, from number `first` on, of the random stream (seed, counter): Philox makes four from each number.

    They are below 2^32.
    """
    blocks = np.arange(first // 4, -(-(first + count) // 4))
    return np.stack(philox(blocks, seed, counter), axis=-1).reshape(-1)[first % 4 :][:count]


@primitive
def dropout(x: Array, p: float, scale: float, seed: int, counter: int, first: int) -> Array:
    """y = scale x with probability 1 - p, else 0: element i, in C order, stays if word first + i is at least p 2^32"""
    stays = random_words(first, x.size, seed, counter).reshape(x.shape) >= round(p * 2**32)
    return np.where(stays, scale * x, 0)
