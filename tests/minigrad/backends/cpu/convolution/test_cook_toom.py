"""The transforms of short convolutions, in exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.backends.cpu.convolution.cook_toom import (
    POINTS,
    SUBSETS,
    TileSize,
    data_matrix,
    filter_matrix,
    output_matrix,
    tile_sizes,
)

SIZES = [TileSize(taps, m, tuple(points)) for taps in SUBSETS for m, points in SUBSETS[taps].items()]


def product(matrix: list[list[Fraction]], values: list[Fraction]) -> list[Fraction]:
    return [sum((a * b for a, b in zip(row, values, strict=True)), Fraction(0)) for row in matrix]


@pytest.mark.parametrize("size", SIZES, ids=str)
@given(seed=st.integers(0, 2**32 - 1))
def test_they_make_the_convolution(size: TileSize, seed: int) -> None:
    random = np.random.default_rng(seed)
    data = [Fraction(int(n)) for n in random.integers(-9, 10, size.outputs + size.taps - 1)]
    taps = [Fraction(int(n)) for n in random.integers(-9, 10, size.taps)]
    evaluated = product(filter_matrix(size.taps), taps)
    products = [evaluated[p] * v for p, v in zip(size.points, product(data_matrix(size), data), strict=True)]
    expected = [sum(g * data[i + j] for j, g in enumerate(taps)) for i in range(size.outputs)]
    assert product(output_matrix(size), products) == expected


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_as_many_points_as_numbers_in(size: TileSize) -> None:
    assert len(size.points) == len(set(size.points)) == size.outputs + size.taps - 1 <= len(POINTS[size.taps])


@given(length=st.integers(0, 300), taps=st.integers(1, 12))
def test_tiles_cover_the_length_exactly(length: int, taps: int) -> None:
    sizes = tile_sizes(length, taps)
    if sizes is not None:
        assert sum(size.outputs for size in sizes) == length
        assert all(size in SIZES and size.taps == taps for size in sizes)
    assert sizes is not None or taps not in (3, 5) or length < 3


def test_the_papers_layers_are_covered() -> None:
    for length, taps, outputs in ((55, 3, [5] * 11), (27, 5, [4] * 6 + [3]), (13, 3, [5, 4, 4])):
        assert [size.outputs for size in tile_sizes(length, taps) or []] == outputs
