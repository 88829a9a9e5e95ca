"""The transforms in vectors, against NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backends.cpu.convolution.cook_toom import SUBSETS, TileSize, data_matrix, output_matrix
from minigrad.backends.cpu.convolution.transforms import transform_function
from minigrad.backends.cpu.runtime.simd import LANES, address

FLOAT = np.float32

SIZE = TileSize(3, 4, tuple(SUBSETS[3][4]))
MATRICES = [data_matrix(SIZE), output_matrix(SIZE)]
transform = transform_function(MATRICES, [False, True])


@numba.njit
def run_transform(number, source, target, bounds, lanes, bias, floor):  # type: ignore[no-untyped-def]
    """source and target are lines x elements x LANES."""
    step = 4 * LANES
    transform(
        *(number, source.shape[0], (address(source), source.shape[1] * step, step)),
        *((address(target), target.shape[1] * step, step), bounds, lanes, (bias, floor)),
    )


@pytest.mark.parametrize("number", [0, 1])
@given(
    lines=st.integers(0, 3),
    low=st.integers(-1, 3),
    high=st.integers(3, 8),
    load=st.integers(-1, LANES + 1),
    store=st.integers(0, LANES),
    relu=st.booleans(),
)
def test_transform(number: int, lines: int, low: int, high: int, load: int, store: int, relu: bool) -> None:
    matrix = np.array(MATRICES[number], float)
    random = np.random.default_rng(lines)
    source = random.standard_normal((lines, matrix.shape[1], LANES), FLOAT)
    seen = source.copy()
    seen[:, [i for i in range(matrix.shape[1]) if not low <= i < high]] = 0
    seen[:, :, max(0, load) :] = 0
    expected = np.einsum("ij,ljn->lin", matrix, seen)
    floor = 0.0 if relu else -np.inf
    if number == 1:
        expected = np.maximum(expected + FLOAT(0.3), floor)
    target = np.full(expected.shape, 7, FLOAT)
    run_transform(number, source, target, (low, high), (load, store), FLOAT(0.3), FLOAT(floor))
    np.testing.assert_allclose(target[:, :, :store], expected[:, :, :store], rtol=0, atol=1e-4)
    assert (target[:, :, store:] == 7).all()


def test_what_is_masked_is_not_touched() -> None:
    """Rows and lanes outside may lie beyond the array: NaN there does not come in, nor is anything written there."""
    matrix = MATRICES[0]
    source = np.full((1, len(matrix[0]), LANES), np.nan, FLOAT)
    source[0, 2:5, :3] = 1
    target = np.zeros((1, len(matrix), LANES), FLOAT)
    run_transform(0, source, target, (2, 5), (3, LANES), FLOAT(0), FLOAT(0))
    assert np.isfinite(target).all() and target[:, :, :3].any() and not target[:, :, 3:].any()


def test_not_a_number_passes_the_floor() -> None:
    source = np.full((1, len(MATRICES[1][0]), LANES), np.nan, FLOAT)
    target = np.zeros((1, len(MATRICES[1]), LANES), FLOAT)
    run_transform(1, source, target, (0, 99), (LANES, LANES), FLOAT(0), FLOAT(0))
    assert np.isnan(target).all()
