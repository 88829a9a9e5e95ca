"""Matrix products in the processor's vectors, block by block in registers. All of it is float32.

A product c = a b is cut into blocks of ROWS rows and VECTORS vectors of columns. The sums of a block stay in
registers while k runs over the whole depth: nothing but a and b is read meanwhile, and c is written once.

                                         b, row k
                                         [ b0 ][ b1 ]       VECTORS loads of LANES numbers each
             a, column k
             [a0] in every lane  x       [c00 ][c01 ]
             [a1]                        [c10 ][c11 ]       c[r][v] += a[r] b[v]:
             [a2]                        [c20 ][c21 ]       ROWS * VECTORS multiply-adds,
              :                            :     :          each into a register of its own
             [a7]                        [c70 ][c71 ]

Why these sizes. A multiply-add takes about four cycles and a core starts two per cycle, so at least eight sums must be
under way that do not wait for one another. And each k loads ROWS + VECTORS operands for ROWS * VECTORS multiply-adds,
while a core loads no faster than it multiplies: the larger the block, the better, as long as sums and operands fit the
register file. AVX-512 and NEON have 32 registers: a block of 8 x 2 takes 16 for its sums, 2 for b and 1 for a; one of
8 x 3, taken where it wastes fewer columns, 24 and 3 and 1. AVX2 has 16 registers: 6 x 2 takes 12 and 2 and 1.

The columns of b lie packed in panels as wide as a block, each a matrix depth x (vectors * LANES) of its own: a panel
stays in the first-level cache while all rows of a pass by.

Products differ in where the numbers of a and b lie: at equal steps, or at offsets that a list tells (`_block`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from minigrad.backends.cpu.runtime import simd
from minigrad.backends.cpu.runtime.jit import inner
from minigrad.backends.cpu.runtime.simd import LANES, VECTOR_BYTES, prefetch_to_write

__all__ = [
    "DOTS",
    "PANEL",
    "ROWS",
    "VECTORS",
    "WIDE_VECTORS",
    "dots",
    "panel_vectors",
    "product",
    "listed_depth_product",
    "listed_rows_product",
]

ROWS = 6 if LANES == 8 else 8  # of a block
VECTORS = 2  # in a row of a block
WIDE_VECTORS = 3  # where the registers suffice, and fewer columns are wasted
PANEL = VECTORS * LANES  # columns of a panel
CACHE_LINE = 64  # bytes
DOTS = 4  # rows that are multiplied by one vector at a time


def panel_vectors(columns: int) -> int:
    """Vectors in a row of the panels that waste least on a matrix of that many columns."""
    vectors = -(-columns // LANES)
    return WIDE_VECTORS if LANES == 16 and vectors % VECTORS and vectors % WIDE_VECTORS == 0 else VECTORS


# Where row or column `index` lies, in bytes behind the first.
Place = Callable[[ir.IRBuilder, ir.Value, ir.Value], ir.Value]


def _stepped(builder: ir.IRBuilder, step: ir.Value, index: ir.Value) -> ir.Value:
    """At equal steps."""
    return builder.mul(index, step)


def _listed(builder: ir.IRBuilder, offsets: ir.Value, index: ir.Value) -> ir.Value:
    """At the index-th of some int64 numbers, of which `offsets` is the address."""
    return simd.load_integer(builder, builder.add(offsets, builder.mul(index, simd.integer(8))))


def _block(vectors: int, a_row_at: Place, a_column_at: Place, b_row_at: Place) -> Any:
    """Make f(a, a_rows, a_columns, b, b_rows, c, c_step, depth, accumulate): a block of c = a b, or of c += a b.

    Number (r, k) of a lies a_row_at(r) + a_column_at(k) bytes behind the address a, and row k of b lies b_row_at(k)
    behind b. What f takes as a_rows, a_columns and b_rows is what its place wants: a step, or the address of a list.

        sums = c if accumulate else 0
        for each k: load row k of b; for each row r: sums[r] += a[r, k] times it
        c = sums
    """

    @intrinsic
    def block(typingctx, a, a_rows, a_columns, b, b_rows, c, c_step, depth, accumulate):
        def generate(context, builder, signature, args):
            a, a_rows, a_columns, b, b_rows, c, c_step, depth, accumulate = args
            rows_of_a = [builder.add(a, a_row_at(builder, a_rows, simd.integer(row))) for row in range(ROWS)]
            rows_of_c = [builder.add(c, builder.mul(c_step, simd.integer(row))) for row in range(ROWS)]
            places = [place for row in rows_of_c for place in _vectors_at(builder, row, vectors)]

            def add_column(k: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
                column = a_column_at(builder, a_columns, k)
                row_of_b = _vectors_at(builder, builder.add(b, b_row_at(builder, b_rows, k)), vectors)
                row_of_b = [simd.load(builder, place) for place in row_of_b]
                added = []
                for row in range(ROWS):
                    number = simd.load_float(builder, builder.add(rows_of_a[row], column))
                    factor = simd.broadcast(builder, number)
                    for vector in range(vectors):
                        added.append(simd.multiply_add(builder, factor, row_of_b[vector], sums[row * vectors + vector]))
                return added

            sums = simd.branch(
                builder,
                builder.trunc(accumulate, simd.BIT),
                lambda: [simd.load(builder, place) for place in places],
                lambda: [simd.constant(0) for _ in places],
            )
            for value, place in zip(simd.repeat(builder, depth, add_column, sums), places, strict=True):
                simd.store(builder, value, place)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 9), generate

    return block


def _vectors_at(builder: ir.IRBuilder, row: ir.Value, vectors: int) -> list[ir.Value]:
    """The addresses of the vectors of a row that begins at an address."""
    return [builder.add(row, simd.integer(VECTOR_BYTES * vector)) for vector in range(vectors)]


_block_of_panel = _block(VECTORS, _stepped, _stepped, _stepped)
_block_of_wide_panel = _block(WIDE_VECTORS, _stepped, _stepped, _stepped)
_block_of_listed_rows = _block(VECTORS, _listed, _stepped, _stepped)
_wide_block_of_listed_rows = _block(WIDE_VECTORS, _listed, _stepped, _stepped)
_block_of_listed_depth = _block(VECTORS, _stepped, _listed, _listed)


@inner
def product(a, b, c, shape, vectors, accumulate):
    """c = a b, or c += a b, of `shape` (rows, columns, depth).

    a and c are (address, step from row to row): a rows x depth, rows a multiple of ROWS, c rows x columns. b is the
    address of panels of vectors * LANES columns, and columns a multiple of that.

    for each panel, for each ROWS rows: one block; of c += a b, the next block of c is fetched meanwhile
    """
    (a, a_step), (c, c_step), (rows, columns, depth) = a, c, shape
    width = VECTOR_BYTES * vectors
    for panel in range(columns // (LANES * vectors)):
        for row in range(0, rows, ROWS):
            place = c + row * c_step + panel * width
            if accumulate:
                following = place + ROWS * c_step if row + ROWS < rows else c + (panel + 1) * width
                for i in range(ROWS):
                    for line in range(0, width, CACHE_LINE):
                        prefetch_to_write(following + i * c_step + line)
            if vectors == WIDE_VECTORS:
                _block_of_wide_panel(a + row * a_step, a_step, 4, b, width, place, c_step, depth, accumulate)
            else:
                _block_of_panel(a + row * a_step, a_step, 4, b, width, place, c_step, depth, accumulate)
        b += depth * width


@inner
def listed_rows_product(a, b, c, shape, vectors):
    """c += a b, of `shape` (rows, columns, depth), where the rows of a lie wherever a list says.

    a is (address, offsets): row r lies offsets[r] bytes behind the address; offsets are the address of int64 numbers.
    b and c are as for `product`.

    for each panel, for each ROWS rows: one block
    """
    (a, a_offsets), (c, c_step), (rows, columns, depth) = a, c, shape
    width = VECTOR_BYTES * vectors
    for panel in range(columns // (LANES * vectors)):
        for row in range(0, rows, ROWS):
            place, offsets = c + row * c_step + panel * width, a_offsets + 8 * row
            if vectors == WIDE_VECTORS:
                _wide_block_of_listed_rows(a, offsets, 4, b, width, place, c_step, depth, 1)
            else:
                _block_of_listed_rows(a, offsets, 4, b, width, place, c_step, depth, 1)
        b += depth * width


@inner
def listed_depth_product(a, b, c, shape):
    """c = a b, of `shape` (rows, columns, depth), where columns of a and rows of b lie wherever two lists say.

    a is (address, step, offsets): a[r, k] lies r * step + offsets[k] bytes behind the address. b is (address, offsets):
    row k lies offsets[k] behind the address, columns beyond the last are read up to a multiple of PANEL. c is (address,
    step), with room for such columns. Both offsets are addresses of int64 numbers. The last ROWS rows may meet some of
    the rows before: there are at least ROWS.

    for each ROWS rows, for each PANEL columns: one block
    """
    (a, a_step, a_offsets), (b, b_offsets), (c, c_step), (rows, columns, depth) = a, b, c, shape
    for first in range(0, rows, ROWS):
        row = min(first, rows - ROWS)
        for column in range(0, columns, PANEL):
            of_a, of_b, of_c = a + row * a_step, b + 4 * column, c + row * c_step + 4 * column
            _block_of_listed_depth(of_a, a_step, a_offsets, of_b, b_offsets, of_c, c_step, depth, 0)


@intrinsic
def dots(typingctx, a, a_step, x, vectors):
    """The products of DOTS rows, a_step bytes apart from the address a on, and x, of so many vectors: DOTS numbers.

    Lane i adds up numbers i, i + LANES, ... of a row; then halves of the lanes are added. So it is written down, since
    the compiler may not choose an order. Several rows at a time, since more of the memory's answers are then under way
    at once.
    """

    def generate(context, builder, signature, args):
        a, a_step, x, vectors = args
        rows = [builder.add(a, builder.mul(a_step, simd.integer(row))) for row in range(DOTS)]
        sums = [cgutils.alloca_once_value(builder, simd.constant(0)) for _ in rows]
        with cgutils.for_range(builder, vectors) as loop:
            at = builder.mul(loop.index, simd.integer(VECTOR_BYTES))
            factor = simd.load(builder, builder.add(x, at))
            for row, total in zip(rows, sums, strict=True):
                values = simd.load(builder, builder.add(row, at))
                builder.store(simd.multiply_add(builder, values, factor, builder.load(total)), total)
        totals = [simd.sum_of_lanes(builder, builder.load(total)) for total in sums]
        return context.make_tuple(builder, signature.return_type, totals)

    return types.UniTuple(types.float32, DOTS)(*[types.int64] * 4), generate
