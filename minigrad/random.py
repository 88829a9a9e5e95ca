"""The counter-based random numbers behind dropout, augmentation, initial weights and `randn`.

Dropout and augmentation take theirs from Philox4x32-10, for which see below; initial weights and `randn`, which the
host draws, from NumPy's own Philox, each draw from a stream of its own (`stream`).

Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011) turns a key and a
counter into four 32-bit words. There is no hidden state: the same key and counter give the same words on every device,
in every thread and in any order, which is why a dropout mask can be made again in the backward pass instead of kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

__all__ = ["Generator", "default_generator", "manual_seed", "philox", "philox4x32", "stream"]

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)  # multipliers
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)  # steps of the key
_ROUNDS = 10

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(block: Any, seed: Any, counter: Any) -> tuple[Any, Any, Any, Any]:
    """Words 4 * block to 4 * block + 3 of the stream (seed, counter): Philox4x32-10, the only text of it.

    Block, seed and counter are 64-bit integers, or arrays of them; the words are below 2^32, in 64 bits. NumPy runs it
    as it stands, for many blocks at once; the backends compile it into their dropout, for one.
    """
    c0, c1 = np.uint64(block) & _LOW, np.uint64(block) >> _HALF
    c2, c3 = np.uint64(counter) & _LOW, np.uint64(counter) >> _HALF
    k0, k1 = np.uint64(seed) & _LOW, np.uint64(seed) >> _HALF
    for _ in range(_ROUNDS):
        product0, product1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (product1 >> _HALF) ^ c1 ^ k0, product1 & _LOW, (product0 >> _HALF) ^ c3 ^ k1, product0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def philox4x32(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Philox4x32-10 of many counters at once.

    Args:
        counter: integers below 2^32, shape (..., 4), least significant word first.
        key: two integers; only their low 32 bits count.

    Returns:
        uint32 of the same shape: four random words for each counter.
    """
    c0, c1, c2, c3 = (counter[..., word].astype(np.uint64) for word in range(4))
    k0, k1 = (word & 0xFFFFFFFF for word in key)
    words = philox(c0 | c1 << _HALF, k0 | k1 << 32, c2 | c3 << _HALF)
    return np.stack(words, axis=-1).astype(np.uint32)


def stream(seed: int, counter: int) -> np.random.Generator:
    """NumPy's generator of the stream of that name, at its beginning."""
    return np.random.Generator(np.random.Philox(key=[seed, counter]))


class Generator:
    """A seed and the number of draws made from it, which together are the whole state.

    Every draw (a tensor of normals, a dropout mask) takes the next counter, on the host and in program order, and uses
    it as the name of a random stream of its own. Saving `state()` and giving it to `set_state` later continues with the
    same numbers.

    Args:
        seed: a non-negative integer below 2^63.

    Attributes:
        first_row: which row of a larger batch is the first of those that dropout is applied to; see `rows_from`.
    """

    def __init__(self, seed: int = 0) -> None:
        self.first_row = 0
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> None:
        """Start again from `seed`, with no draws made."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
            raise ValueError(f"a seed is an integer from 0 to 2^63 - 1, got {seed!r}")
        self._seed = int(seed)
        self._counter = 0

    def next(self) -> tuple[int, int]:
        """(seed, counter) of a stream that no other draw uses."""
        self._counter += 1
        return self._seed, self._counter

    def stream(self) -> np.random.Generator:
        """NumPy's generator of a stream that no other draw uses; the host draws from it."""
        return stream(*self.next())

    @contextmanager
    def rows_from(self, first: int) -> Iterator[None]:
        """Within the block, batches are a larger one's rows from `first` on: dropout drops what it would of the whole.

        So a batch can be computed in parts, each from the same `state()`, with the mask of the whole.
        """
        before, self.first_row = self.first_row, first
        try:
            yield
        finally:
            self.first_row = before

    def state(self) -> tuple[int, int]:
        """(seed, draws made so far), for `set_state`."""
        return self._seed, self._counter

    def set_state(self, state: tuple[int, int]) -> None:
        """Continue where a generator with this `state()` stood."""
        seed, counter = state
        self.manual_seed(int(seed))
        self._counter = int(counter)


default_generator = Generator()


def manual_seed(seed: int) -> None:
    """Seed the generator that initial weights, `randn` and dropout draw from (as `torch.manual_seed`)."""
    default_generator.manual_seed(seed)
