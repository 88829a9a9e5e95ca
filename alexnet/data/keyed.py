"""Random numbers that are looked up instead of drawn: the same seed, epoch, purpose and picture give the same words.

That makes augmentation and shuffling independent of batches, of threads and of the order in which pictures come.
"""

from __future__ import annotations

import numpy as np

from minigrad.random import philox4x32

__all__ = ["COLOUR", "CROP", "DISTORTION", "RATE", "REPLACEMENT", "SHUFFLE", "SPLIT", "normals", "permutation", "words"]

# What the words are for; the third word of the counter, so that no two purposes share numbers.
CROP, COLOUR, SHUFFLE, SPLIT, REPLACEMENT, RATE, DISTORTION = range(7)

_DRAWN_AT_ONCE = 2**16  # words: what permuting a million pictures needs stays small


def words(seed: int, epoch: int, purpose: int, indices: np.ndarray, blocks: int | np.ndarray = 0) -> np.ndarray:
    """Four random 32-bit words for each index.

    Args:
        seed: a non-negative integer below 2^64.
        epoch: a non-negative integer below 2^32.
        purpose: one of the constants above.
        indices: integers (n,), below 2^32.
        blocks: integers (n,) below 2^31, where an index needs more than four words: which four.

    Returns:
        uint32 (n, 4).
    """
    counter = np.zeros((len(indices), 4), dtype=np.uint64)
    counter[:, 0] = indices
    counter[:, 1] = epoch
    counter[:, 2] = purpose
    counter[:, 3] = (1 << 31) + blocks  # apart from the streams of dropout, whose last word is small
    return philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))


def normals(random_words: np.ndarray) -> np.ndarray:
    """Standard normals from random words by the method of Box and Muller (1958): uint32 (n, 4) -> float64 (n, 4)."""
    uniforms = (random_words + 0.5) * 2.0**-32  # in the open interval: the logarithm below is finite
    radius = np.sqrt(-2.0 * np.log(uniforms[:, :2]))
    angle = 2.0 * np.pi * uniforms[:, 2:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def permutation(seed: int, number: int, purpose: int, count: int) -> np.ndarray:
    """A random order of 0 ... count - 1: each gets 64 random bits, and the bits are sorted. int64 (count,).

    Args:
        seed, purpose: as for `words`.
        number: of this order among those of the purpose, such as the epoch; below 2^32.
        count: how many.
    """
    keys = np.empty(count, dtype=np.uint64)
    for start in range(0, count, _DRAWN_AT_ONCE):
        indices = np.arange(start, min(start + _DRAWN_AT_ONCE, count))
        drawn = words(seed, number, purpose, indices).astype(np.uint64)
        keys[indices] = drawn[:, 0] << np.uint64(32) | drawn[:, 1]
    return np.argsort(keys, kind="stable")
