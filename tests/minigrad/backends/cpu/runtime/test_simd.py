"""The small words of the processor's vectors, against NumPy."""

from __future__ import annotations

import numba
import numpy as np

from minigrad.backends.cpu.runtime.simd import LANES, address, transpose_block

FLOAT = np.float32


@numba.njit
def run_transpose(source, target):  # type: ignore[no-untyped-def]
    transpose_block(address(source), 4 * source.shape[1], address(target), 4 * target.shape[1])


def test_transpose_block() -> None:
    source = np.arange(LANES * (LANES + 3), dtype=FLOAT).reshape(LANES, -1)
    target = np.full((LANES, LANES + 5), -1, FLOAT)
    run_transpose(source, target)
    np.testing.assert_array_equal(target[:, :LANES], source[:, :LANES].T)
    assert (target[:, LANES:] == -1).all()
