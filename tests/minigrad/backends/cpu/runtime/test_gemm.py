"""Products of matrices in vectors, against NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backends.cpu.runtime.gemm import (
    DOTS,
    PANEL,
    ROWS,
    VECTORS,
    WIDE_VECTORS,
    dots,
    listed_depth_product,
    listed_rows_product,
    panel_vectors,
    product,
)
from minigrad.backends.cpu.runtime.simd import LANES, address

FLOAT = np.float32


@numba.njit
def run_product(a, b, c, depth, vectors, accumulate):  # type: ignore[no-untyped-def]
    rows, columns = c.shape
    shape = rows, columns, depth
    product((address(a), 4 * a.shape[1]), address(b), (address(c), 4 * columns), shape, vectors, accumulate)


@given(
    rows=st.integers(1, 3),
    panels=st.integers(1, 3),
    depth=st.integers(1, 40),
    vectors=st.sampled_from([VECTORS, WIDE_VECTORS]),
    accumulate=st.booleans(),
    seed=st.integers(0, 99),
)
def test_product(rows: int, panels: int, depth: int, vectors: int, accumulate: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    a = random.standard_normal((rows * ROWS, depth + 3), FLOAT)  # rows further apart than the product is deep
    b = random.standard_normal((panels, depth, vectors * LANES), FLOAT)
    c = random.standard_normal((rows * ROWS, panels * vectors * LANES), FLOAT)
    matrix = b.transpose(1, 0, 2).reshape(depth, -1).astype(np.float64)
    expected = a[:, :depth].astype(np.float64) @ matrix + (c if accumulate else 0)
    run_product(a, b, c, depth, vectors, int(accumulate))
    np.testing.assert_allclose(c, expected, rtol=0, atol=1e-5 * depth)


def test_panels_waste_little() -> None:
    for columns in range(1, 200):
        width = LANES * panel_vectors(columns)
        assert -(-columns // width) * width < columns + PANEL


@numba.njit
def run_scattered_rows(a, offsets, b, c, depth, vectors):  # type: ignore[no-untyped-def]
    rows, columns = c.shape
    operand = address(a), address(offsets)
    listed_rows_product(operand, address(b), (address(c), 4 * columns), (rows, columns, depth), vectors)


@pytest.mark.parametrize("vectors", [VECTORS, WIDE_VECTORS])
def test_scattered_rows(vectors: int) -> None:
    """Rows of a lie anywhere, and may meet; the product is added."""
    random, depth = np.random.default_rng(0), 7
    memory = random.standard_normal(200, FLOAT)
    starts = random.integers(0, memory.size - depth, 2 * ROWS)
    b = random.standard_normal((3, depth, vectors * LANES), FLOAT)
    c = random.standard_normal((2 * ROWS, 3 * vectors * LANES), FLOAT)
    a = np.stack([memory[start : start + depth] for start in starts]).astype(np.float64)
    expected = c + a @ b.transpose(1, 0, 2).reshape(depth, -1)
    run_scattered_rows(memory, 4 * starts, b, c, depth, vectors)
    np.testing.assert_allclose(c, expected, rtol=0, atol=1e-4)


@numba.njit
def run_scattered_depth(a, a_step, a_offsets, b, b_offsets, c, shape):  # type: ignore[no-untyped-def]
    left, right = (address(a), a_step, address(a_offsets)), (address(b), address(b_offsets))
    listed_depth_product(left, right, (address(c), 4 * c.shape[1]), shape)


@pytest.mark.parametrize("rows", [ROWS, ROWS + 3])
def test_scattered_depth(rows: int) -> None:
    """Columns of a and rows of b lie anywhere; columns of c up to a multiple of PANEL are written."""
    random, depth, columns = np.random.default_rng(0), 7, PANEL + 5
    a, b = random.standard_normal((rows, 20), FLOAT), random.standard_normal(300, FLOAT)
    places, starts = random.integers(0, 20, depth), random.integers(0, 300 - 2 * PANEL, depth)
    c = np.full((rows, 2 * PANEL + 1), 7, FLOAT)
    run_scattered_depth(a, 4 * 20, 4 * places, b, 4 * starts, c, (rows, columns, depth))
    expected = a[:, places].astype(np.float64) @ np.stack([b[start : start + columns] for start in starts])
    np.testing.assert_allclose(c[:, :columns], expected, rtol=0, atol=1e-4)
    assert (c[:, -1] == 7).all()


@numba.njit
def run_dots(a, x, totals):  # type: ignore[no-untyped-def]
    for row, total in enumerate(dots(address(a), 4 * a.shape[1], address(x), x.size // LANES)):
        totals[row] = total


def test_dots() -> None:
    random = np.random.default_rng(0)
    a, x = random.standard_normal((DOTS, 5 * LANES), FLOAT), random.standard_normal(5 * LANES, FLOAT)
    totals = np.zeros(DOTS, FLOAT)
    run_dots(a, x, totals)
    np.testing.assert_allclose(totals, a.astype(np.float64) @ x, rtol=0, atol=1e-4)
