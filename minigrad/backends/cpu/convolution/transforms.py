"""The transforms of cook_toom.py on vectors of images: all of them in one compiled function, each under a number.

A transform multiplies a small matrix of known fractions by a line of elements (a column of pixels, a row of points),
LANES images side by side. Written out as additions and multiply-adds, with a whole line in registers, each takes a page
of instructions, and together they are half of what there is to compile here. So they are one function, compiled once,
which the loops of winograd.py call by its address:

    numbers     transform_number("data", size) and so on, asked for by the host
    a call      transform(function, number, count, source, target, bounds, lanes, finish), in jitted loops
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from minigrad.backends.cpu.convolution.cook_toom import (
    SIZES,
    SUBSETS,
    Matrix,
    TileSize,
    data_matrix,
    filter_matrix,
    output_matrix,
    transpose,
)
from minigrad.backends.cpu.runtime import simd
from minigrad.backends.cpu.runtime.jit import Shared, inner
from minigrad.backends.cpu.runtime.simd import LANES, call

__all__ = ["ALL_LANES", "PLAIN", "TRANSFORM", "Lines", "transform", "transform_function", "transform_number"]


# A matrix times a line, in instructions.

Terms = list[tuple[Fraction, ir.Value]]  # factors and values


def _combination(builder: ir.IRBuilder, terms: Terms) -> ir.Value:
    """The sum of factor * value; factors of 1 and -1 cost no multiplication."""
    terms = sorted((term for term in terms if term[0] != 0), key=lambda term: (term[0] != 1, abs(term[0]) != 1))
    if not terms:
        return simd.constant(0)
    factor, value = terms[0]
    total = value if factor == 1 else builder.fmul(simd.constant(float(factor)), value)
    for factor, value in terms[1:]:
        if factor == 1:
            total = builder.fadd(total, value)
        elif factor == -1:
            total = builder.fsub(total, value)
        else:
            total = simd.multiply_add(builder, simd.constant(float(factor)), value, total)
    return total


def _apply(builder: ir.IRBuilder, matrix: Matrix, values: list[ir.Value]) -> list[ir.Value]:
    """The product of a matrix and a line of values.

    Points come in pairs, p and -p. So many columns have equal or opposite entries throughout, or else many rows, and
    either way half of the multiplications serve twice.
    """
    column_pairs = _opposite_pairs(transpose(matrix))
    if column_pairs:
        return _apply_by_columns(builder, matrix, values, column_pairs)
    return _apply_by_rows(builder, matrix, values, _opposite_pairs(matrix))


def _apply_by_columns(
    builder: ir.IRBuilder, matrix: Matrix, values: list[ir.Value], pairs: dict[int, int]
) -> list[ir.Value]:
    """Columns in pairs: their values are added and subtracted first, and each row takes the one or the other."""
    terms: list[Terms] = [[] for _ in matrix]
    for j, partner in pairs.items():
        both, difference = builder.fadd(values[j], values[partner]), builder.fsub(values[j], values[partner])
        for row, line in enumerate(matrix):
            terms[row].append((line[j], both if line[j] == line[partner] else difference))
    paired = {*pairs, *pairs.values()}
    for row, line in enumerate(matrix):
        terms[row] += [(line[j], values[j]) for j in range(len(values)) if j not in paired]
    return [_combination(builder, each) for each in terms]


def _apply_by_rows(
    builder: ir.IRBuilder, matrix: Matrix, values: list[ir.Value], pairs: dict[int, int]
) -> list[ir.Value]:
    """Rows in pairs: they are u + v and u - v, u where their entries are equal and v where they are opposite."""
    results: dict[int, ir.Value] = {}
    for i, partner in pairs.items():
        entries = list(zip(matrix[i], matrix[partner], values, strict=True))
        u = _combination(builder, [(a, value) for a, b, value in entries if a == b])
        v = _combination(builder, [(a, value) for a, b, value in entries if a != b])
        results[i], results[partner] = builder.fadd(u, v), builder.fsub(u, v)
    for i, line in enumerate(matrix):
        if i not in results:
            results[i] = _combination(builder, list(zip(line, values, strict=True)))
    return [results[i] for i in range(len(matrix))]


def _opposite_pairs(lines: Matrix) -> dict[int, int]:
    """Pairs of lines whose entries are all equal or opposite, some of them the one, some the other."""
    pairs: dict[int, int] = {}
    for i, line in enumerate(lines):
        for j in range(i + 1, len(lines)):
            equal = any(a == b != 0 for a, b in zip(line, lines[j], strict=True))
            opposite = any(a == -b != 0 for a, b in zip(line, lines[j], strict=True))
            fits = all(abs(a) == abs(b) for a, b in zip(line, lines[j], strict=True))
            if fits and equal and opposite and not {i, j} & {*pairs, *pairs.values()}:
                pairs[i] = j
    return pairs


# A matrix times many lines, in memory.


class Lines(NamedTuple):
    """Where lines of vectors lie: an address, and the steps in bytes from line to line and from element to element."""

    address: Any
    line: Any
    element: Any


def _places(builder: ir.IRBuilder, lines: Lines, line: ir.Value, count: int) -> list[ir.Value]:
    """The addresses of the elements of a line."""
    first = builder.add(lines.address, builder.mul(line, lines.line))
    return [builder.add(first, builder.mul(lines.element, simd.integer(i))) for i in range(count)]


def _transform_lines(
    builder: ir.IRBuilder,
    matrix: Matrix,
    count: ir.Value,
    source: Lines,
    target: Lines,
    bounds: tuple[ir.Value, ir.Value],
    lanes: tuple[ir.Value, ir.Value],
    epilogue: Callable[[ir.Value], ir.Value],
) -> None:
    """target = matrix source for each line; see `transform_function`."""
    length, (start, stop), (load_lanes, store_lanes) = len(matrix[0]), bounds, lanes
    all_elements = builder.and_(
        builder.icmp_signed("<=", start, simd.integer(0)), builder.icmp_signed(">=", stop, simd.integer(length))
    )
    whole = builder.and_(all_elements, builder.icmp_signed(">=", load_lanes, simd.integer(LANES)))
    load_mask, store_mask = simd.first_lanes(builder, load_lanes), simd.first_lanes(builder, store_lanes)
    nowhere = ir.Constant(simd.MASK, [0] * LANES)
    with cgutils.for_range(builder, count) as loop:
        sources = _places(builder, source, loop.index, length)

        def masked() -> list[ir.Value]:
            values = []
            for i, place in enumerate(sources):
                number = simd.integer(i)
                inside = builder.and_(builder.icmp_signed("<=", start, number), builder.icmp_signed(">", stop, number))
                values.append(simd.masked_load(builder, place, builder.select(inside, load_mask, nowhere)))
            return values

        values = simd.branch(builder, whole, lambda: [simd.load(builder, place) for place in sources], masked)
        results = [epilogue(result) for result in _apply(builder, matrix, values)]
        targets = _places(builder, target, loop.index, len(matrix))
        with builder.if_else(builder.icmp_signed(">=", store_lanes, simd.integer(LANES))) as (then, otherwise):
            with then:
                for result, place in zip(results, targets, strict=True):
                    simd.store(builder, result, place)
            with otherwise:
                for result, place in zip(results, targets, strict=True):
                    simd.masked_store(builder, result, place, store_mask)


def transform_function(matrices: Sequence[Matrix], outputs: Sequence[bool]) -> Any:
    """Make f(number, count, source, target, bounds, lanes, finish): target = matrices[number] source, for each line.

    `source` and `target` are (address, step from line to line, step from element to element), of `count` lines, LANES
    numbers in each element. Elements outside `bounds`, (start, stop), and lanes from lanes[0] on are taken as 0, their
    memory not touched; lanes from lanes[1] on are not stored. Where outputs[number] is set, `finish` is (bias, floor),
    and max(result + bias, floor) is stored; NaN comes through.
    """

    @intrinsic
    def function(typingctx, number, count, source, target, bounds, lanes, finish):
        def generate(context, builder, signature, args):
            number, count, source, target, bounds, lanes, finish = args
            source, target = (Lines(*cgutils.unpack_tuple(builder, triple, 3)) for triple in (source, target))
            bounds, lanes, finish = (cgutils.unpack_tuple(builder, pair, 2) for pair in (bounds, lanes, finish))
            bias, floor = (simd.broadcast(builder, value) for value in finish)

            def output(value: ir.Value) -> ir.Value:
                value = builder.fadd(value, bias)
                return builder.select(builder.fcmp_ordered("<", value, floor), floor, value)

            done = builder.append_basic_block("done")
            switch = builder.switch(number, done)
            for index, (matrix, is_output) in enumerate(zip(matrices, outputs, strict=True)):
                case = builder.append_basic_block(f"matrix{index}")
                switch.add_case(simd.integer(index), case)
                builder.position_at_end(case)
                epilogue = output if is_output else lambda value: value
                _transform_lines(builder, matrix, count, source, target, bounds, lanes, epilogue)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        pair, triple = types.UniTuple(types.int64, 2), types.UniTuple(types.int64, 3)
        arguments = [types.int64, types.int64, triple, triple, pair, pair, types.UniTuple(types.float32, 2)]
        return types.void(*arguments), generate

    return function


# The transforms of convolution, by number.

Name = Literal["data", "output", "output gradient", "filter", "filter gradient"]


def _all_matrices() -> dict[tuple[Name, TileSize | int], Matrix]:
    """Three for each size of tile, two for each number of taps; the order makes their numbers."""
    matrices: dict[tuple[Name, TileSize | int], Matrix] = {}
    for size in SIZES:
        matrices["data", size] = data_matrix(size)  # B^T
        matrices["output", size] = output_matrix(size)  # A^T
        matrices["output gradient", size] = transpose(output_matrix(size))  # A
    for taps in SUBSETS:
        matrices["filter", taps] = filter_matrix(taps)  # G
        matrices["filter gradient", taps] = transpose(filter_matrix(taps))  # G^T
    return matrices


_matrices = _all_matrices()
_numbers = {key: number for number, key in enumerate(_matrices)}
_function = transform_function(list(_matrices.values()), [name == "output" for name, _ in _matrices])

ALL_LANES = LANES, LANES
PLAIN = np.float32(0), np.float32(-np.inf)  # bias and floor that change nothing


def transform_number(name: Name, of: TileSize | int) -> int:
    """The number of a transform: "data", "output" and "output gradient" of a tile's size, the others of some taps."""
    return _numbers[name, of]


def _run(number, count, source, line, element, target, to_line, to_element, start, stop, load, store, bias, floor):
    """`transform_function`'s function of all matrices, its arguments one by one."""
    source, target = (source, line, element), (target, to_line, to_element)
    _function(number, count, source, target, (start, stop), (load, store), (bias, floor))


TRANSFORM = Shared(_run, [types.int64] * 12 + [types.float32] * 2)


@inner
def transform(function, number, count, source, target, bounds, lanes, finish):
    """target = the matrix of that number times source, for each of `count` lines.

    `function` is TRANSFORM.address; source and target are Lines, the rest as `transform_function` says. Without masks
    and bias: bounds (0, length), lanes ALL_LANES, finish PLAIN.
    """
    places = source.address, source.line, source.element, target.address, target.line, target.element
    call(function, (number, count, *places, *bounds, *lanes, *finish))
