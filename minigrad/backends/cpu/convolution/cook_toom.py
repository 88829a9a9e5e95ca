"""Short convolutions with few multiplications: the transforms of Cook and Toom (called Winograd's in deep learning).

A filter g of r taps slides over d and gives m outputs, y[i] = sum over j of g[j] d[i + j]: m r multiplications. With
a = m + r - 1 points p, a will do. Evaluate the filter as a polynomial, g(p) = sum over j of g[j] p^j, and let

    y[i] = sum over p of p^i g(p) v[p],    where v solves    sum over p of p^t v[p] = d[t]  for t = 0 ... a - 1.

Put g(p) into the first and the inner sum becomes that of the second with t = i + j: it is the convolution. The point at
infinity takes the highest coefficient where others take powers. As matrices, with * element by element,

    y = A^T [(G g) * (B^T d)]    A^T[i, p] = p^i,    G[p, j] = p^j,    B^T = inverse of the matrix W[t, p] = p^t.

Transforms along both axes of an image make it two-dimensional: a^2 multiplications for m^2 r^2 (Lavin and Gray, "Fast
Algorithms for Convolutional Neural Networks", 2015). The transforms cost additions, and precision: the powers of large
points swamp those of small ones, so points are small, few, and each row is scaled by a power of two.

A row of G depends on its point alone, not on m. So tiles of different m, on subsets of one list of points, share the
transformed filters, and together cover an output of any length exactly.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

__all__ = [
    "POINTS",
    "SIZES",
    "SUBSETS",
    "Matrix",
    "TileSize",
    "data_matrix",
    "filter_matrix",
    "output_matrix",
    "tile_sizes",
    "transpose",
]

Matrix = list[list[Fraction]]
INFINITY = None  # the point at infinity

# By number of taps: the points, and by number of outputs of a tile, which of the points it uses.
POINTS: dict[int, list[Fraction | None]] = {
    3: [Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), INFINITY],
    5: [Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(-2), Fraction(1, 2), Fraction(-1, 2), INFINITY],
}
SUBSETS: dict[int, dict[int, list[int]]] = {
    3: {5: [0, 1, 2, 3, 4, 5, 6], 4: [0, 1, 2, 3, 4, 6], 3: [0, 1, 2, 3, 6]},
    5: {4: [0, 1, 2, 3, 4, 5, 6, 7], 3: [0, 1, 2, 3, 4, 5, 7], 2: [0, 1, 2, 3, 4, 7]},
}


class TileSize(NamedTuple):
    """A tile of `outputs` along one axis, made by the `points` (numbers in the list POINTS[taps])."""

    taps: int
    outputs: int
    points: tuple[int, ...]


SIZES = [TileSize(taps, m, tuple(points)) for taps in SUBSETS for m, points in SUBSETS[taps].items()]


def _power(point: Fraction | None, exponent: int, highest: int) -> Fraction:
    """point^exponent; at infinity 1 for the highest exponent, 0 for the others."""
    return Fraction(exponent == highest) if point is INFINITY else point**exponent


def _scale(point: Fraction | None, exponent: Fraction) -> Fraction:
    """1 / |point|^exponent where that is below 1, rounded to a power of two."""
    scale = Fraction(1)
    while point is not INFINITY and abs(point) > 1 and scale > abs(point) ** -exponent:
        scale /= 2
    return scale


def filter_matrix(taps: int) -> Matrix:
    """G, one row for each of the points."""
    scales = [_scale(p, Fraction(taps - 1)) for p in POINTS[taps]]
    return [[_power(p, j, taps - 1) * s for j in range(taps)] for p, s in zip(POINTS[taps], scales, strict=True)]


def _output_scale(point: Fraction | None, size: TileSize) -> Fraction:
    return _scale(point, Fraction(size.outputs - 1, 2))


def output_matrix(size: TileSize) -> Matrix:
    """A^T, one row for each output."""
    points = [POINTS[size.taps][number] for number in size.points]
    return [[_power(p, i, size.outputs - 1) * _output_scale(p, size) for p in points] for i in range(size.outputs)]


def data_matrix(size: TileSize) -> Matrix:
    """B^T, which undoes the scales of the other two as well."""
    points = [POINTS[size.taps][number] for number in size.points]
    scales = [_scale(p, Fraction(size.taps - 1)) * _output_scale(p, size) for p in points]
    highest = len(points) - 1
    powers = [[_power(p, t, highest) * s for p, s in zip(points, scales, strict=True)] for t in range(len(points))]
    return _inverse(powers)


def transpose(matrix: Matrix) -> Matrix:
    """The transposed matrix."""
    return [list(column) for column in zip(*matrix, strict=True)]


def _inverse(matrix: Matrix) -> Matrix:
    """By the elimination of Gauss and Jordan, exact in fractions."""
    n = len(matrix)
    rows = [list(row) + [Fraction(i == j) for j in range(n)] for i, row in enumerate(matrix)]
    for column in range(n):
        pivot = next(i for i in range(column, n) if rows[i][column] != 0)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [value / head for value in rows[column]]
        for i in range(n):
            if i != column and rows[i][column] != 0:
                factor = rows[i][column]
                rows[i] = [a - factor * b for a, b in zip(rows[i], rows[column], strict=True)]
    return [row[n:] for row in rows]


def tile_sizes(length: int, taps: int) -> list[TileSize] | None:
    """Tiles that cover `length` outputs exactly, as even as can be; None where there are none."""
    subsets = SUBSETS.get(taps, {})
    if not subsets or length < 1:
        return None
    count = -(-length // max(subsets))
    outputs = [length // count + (number < length % count) for number in range(count)]
    if any(m not in subsets for m in outputs):
        return None
    return [TileSize(taps, m, tuple(subsets[m])) for m in outputs]
