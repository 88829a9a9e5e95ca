"""Dropout (section 4.2)."""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive
from minigrad.random import philox


def random_words(count: int, seed: int, counter: int) -> np.ndarray:
    """The first `count` words of the random stream (seed, counter), below 2^32: Philox makes four from each number."""
    blocks = np.arange(-(-count // 4))
    return np.stack(philox(blocks, seed, counter), axis=-1).reshape(-1)[:count]


@primitive
def dropout(x: Array, p: float, scale: float, seed: int, counter: int) -> Array:
    """y = scale x with probability 1 - p, else 0: element number i, in C order, stays if word i is at least p 2^32"""
    stays = random_words(x.size, seed, counter).reshape(x.shape) >= round(p * 2**32)
    return np.where(stays, scale * x, 0)
