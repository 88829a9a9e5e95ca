"""Dropout (section 4.2)."""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive
from minigrad.random import philox4x32


def random_words(count: int, seed: int, counter: int) -> np.ndarray:
    """The first `count` words of the random stream (seed, counter), below 2^32: Philox makes four from each number."""
    number = np.arange(-(-count // 4), dtype=np.int64)
    stream = np.full_like(number, counter)
    quarters = [number % 2**32, number // 2**32, stream % 2**32, stream // 2**32]  # 32 bits each
    blocks = philox4x32(np.stack(quarters, axis=-1), (seed % 2**32, seed // 2**32))
    return blocks.reshape(-1)[:count]


@primitive
def dropout(x: Array, p: float, scale: float, seed: int, counter: int) -> Array:
    """y = scale x with probability 1 - p, else 0: element number i, in C order, stays if word i is at least p 2^32"""
    stays = random_words(x.size, seed, counter).reshape(x.shape) >= round(p * 2**32)
    return np.where(stays, scale * x, 0)
