"""Inner loops written in the processor's vectors: what the compiler does not find by itself.

A compiler vectorises a loop over neighbouring pixels well; it does not keep a block of a matrix product in registers,
nor a whole transform of a tile. These are written here in LLVM's vector types, as functions that Numba kernels call
with addresses. All of it is float32.

LANES numbers make a vector. A product is made in blocks of ROWS rows and PANEL columns, whose sums stay in registers:
the largest that leaves room for the operands in a register file of 32 vectors (AVX-512, NEON) or 16 (AVX2).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from minigrad.backends.cpu.convolution.cook_toom import Matrix, transpose
from minigrad.backends.cpu.runtime.jit import inner

__all__ = [
    "DOTS",
    "FUSED",
    "LANES",
    "PANEL",
    "ROWS",
    "address",
    "bits_of",
    "call",
    "dots",
    "float_of",
    "panel_vectors",
    "product",
    "scattered_depth_product",
    "scattered_rows_product",
    "transform_function",
    "transpose_block",
]


def _shape_for(features: dict[str, bool]) -> tuple[int, int, int]:
    """Lanes of a vector, rows of a block, vectors in a row of it."""
    if features.get("avx512f"):
        return 16, 8, 2
    if features.get("avx2") and features.get("fma"):
        return 8, 6, 2
    return 4, 8, 2


_features = dict(llvmlite.binding.get_host_cpu_features())
FUSED = bool(_features.get("fma")) or platform.machine() in ("aarch64", "arm64")  # x y + z as one instruction
LANES, ROWS, VECTORS = _shape_for(_features)
PANEL = LANES * VECTORS
DOTS = 4  # rows that are multiplied by a vector at a time
WIDE = VECTORS + 1  # where the registers suffice, and fewer columns would be wasted

_FLOAT, _INT64, _INT32 = ir.FloatType(), ir.IntType(64), ir.IntType(32)
_VECTOR, _MASK = ir.VectorType(_FLOAT, LANES), ir.VectorType(ir.IntType(1), LANES)
_INDICES = ir.VectorType(_INT32, LANES)
_BYTES = 4 * LANES


@intrinsic
def address(typingctx, array):
    """The address of an array's first element."""

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, _INT64)

    return types.int64(array), generate


@intrinsic
def bits_of(typingctx, value):
    """The bits of a float32, as an int32."""
    return types.int32(types.float32), lambda context, builder, signature, args: builder.bitcast(args[0], _INT32)


@intrinsic
def float_of(typingctx, bits):
    """The float32 of some bits, an int32."""
    return types.float32(types.int32), lambda context, builder, signature, args: builder.bitcast(args[0], _FLOAT)


# the words of LLVM's language that are used below


def _int(value: int) -> Any:
    return ir.Constant(_INT64, value)


def _everywhere(value: float) -> Any:
    return ir.Constant(_VECTOR, [float(value)] * LANES)


def _declared(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once."""
    return builder.call(_declared(builder, f"llvm.fma.v{LANES}f32", _VECTOR, [_VECTOR] * 3), [x, y, z])


def _pointer(builder: Any, where: Any, pointee: Any = _VECTOR) -> Any:
    return builder.inttoptr(where, pointee.as_pointer())


def _load(builder: Any, where: Any) -> Any:
    return builder.load(_pointer(builder, where), align=4)


def _store(builder: Any, value: Any, where: Any) -> None:
    builder.store(value, _pointer(builder, where), align=4)


def _masked_load(builder: Any, where: Any, mask: Any) -> Any:
    """The lanes of the mask, 0 in the others, whose memory is not touched."""
    name = f"llvm.masked.load.v{LANES}f32.p0"
    load = _declared(builder, name, _VECTOR, [_VECTOR.as_pointer(), _INT32, _MASK, _VECTOR])
    return builder.call(load, [_pointer(builder, where), ir.Constant(_INT32, 4), mask, _everywhere(0)])


def _masked_store(builder: Any, value: Any, where: Any, mask: Any) -> None:
    name = f"llvm.masked.store.v{LANES}f32.p0"
    store = _declared(builder, name, ir.VoidType(), [_VECTOR, _VECTOR.as_pointer(), _INT32, _MASK])
    builder.call(store, [value, _pointer(builder, where), ir.Constant(_INT32, 4), mask])


def _spread(builder: Any, scalar: Any, vector: Any = _VECTOR) -> Any:
    """A vector of equal numbers."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(_INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_INDICES, [0] * LANES))


def _first_lanes(builder: Any, count: Any) -> Any:
    """A mask of the first `count` lanes (none if it is negative)."""
    least, most = ir.Constant(_INT64, 0), ir.Constant(_INT64, LANES)
    count = builder.select(builder.icmp_signed("<", count, least), least, count)
    count = builder.select(builder.icmp_signed(">", count, most), most, count)
    number = ir.Constant(_INDICES, list(range(LANES)))
    return builder.icmp_signed("<", number, _spread(builder, builder.trunc(count, _INT32), _INDICES))


def _either(builder: Any, condition: Any, first: Callable[[], list[Any]], second: Callable[[], list[Any]]) -> list[Any]:
    """The vectors that the one or the other branch makes."""
    with builder.if_else(condition) as (then, otherwise):
        with then:
            values, block = first(), builder.block
        with otherwise:
            others, other_block = second(), builder.block
    results = [builder.phi(_VECTOR) for _ in values]
    for phi, value, other in zip(results, values, others, strict=True):
        phi.add_incoming(value, block)
        phi.add_incoming(other, other_block)
    return results


# the product


def _block(
    builder: Any,
    shape: tuple[int, int],
    factor_at: Callable[[int, Any], Any],
    row_at: Callable[[Any], Any],
    c: tuple[Any, Any],
    depth: Any,
    accumulate: Any,
) -> None:
    """c = a b, or c += a b, for a block of `shape`, rows and vectors, whose sums stay in registers over the depth.

    Args:
        factor_at: the address of a[row, k]; `row` is a number in Python.
        row_at: the address of row k of b.
        c: address, and step from row to row, in bytes.
    """
    rows, vectors = shape
    cells = [(row, vector) for row in range(rows) for vector in range(vectors)]
    c_rows = [builder.add(c[0], builder.mul(c[1], _int(row))) for row in range(rows)]
    places = {cell: builder.add(c_rows[cell[0]], _int(_BYTES * cell[1])) for cell in cells}
    before = _either(
        builder,
        builder.trunc(accumulate, ir.IntType(1)),
        lambda: [_load(builder, place) for place in places.values()],
        lambda: [_everywhere(0) for _ in cells],
    )
    entry = builder.block
    loop, done = builder.append_basic_block("depth"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    k = builder.phi(_INT64)
    sums = {cell: builder.phi(_VECTOR) for cell in cells}
    row_k = row_at(k)
    columns = [_load(builder, builder.add(row_k, _int(_BYTES * vector))) for vector in range(vectors)]
    new = {}
    for row in range(rows):
        factor = _spread(builder, builder.load(_pointer(builder, factor_at(row, k), _FLOAT), align=4))
        for vector in range(vectors):
            cell = row, vector
            new[cell] = _multiply_add(builder, factor, columns[vector], sums[cell])
    following = builder.add(k, _int(1))
    values = [(sums[cell], first, new[cell]) for cell, first in zip(cells, before, strict=True)]
    for phi, first, later in [(k, _int(0), following), *values]:
        phi.add_incoming(first, entry)
        phi.add_incoming(later, loop)
    builder.cbranch(builder.icmp_signed("<", following, depth), loop, done)
    builder.position_at_end(done)
    for cell in cells:
        _store(builder, new[cell], places[cell])


def _product_block(vectors: int) -> Any:
    """Make f(a, a_step, b, b_step, c, c_step, depth, accumulate): ROWS rows of c = a b, or c += a b.

    Addresses and steps between rows are in bytes; a is ROWS x depth, b is depth x (vectors * LANES).
    """

    @intrinsic
    def block(typingctx, a, a_step, b, b_step, c, c_step, depth, accumulate):
        def generate(context, builder, signature, args):
            a, a_step, b, b_step, c, c_step, depth, accumulate = args
            a_rows = [builder.add(a, builder.mul(a_step, _int(row))) for row in range(ROWS)]

            def factor_at(row: int, k: Any) -> Any:
                return builder.add(a_rows[row], builder.mul(k, _int(4)))

            def row_at(k: Any) -> Any:
                return builder.add(b, builder.mul(k, b_step))

            _block(builder, (ROWS, vectors), factor_at, row_at, (c, c_step), depth, accumulate)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8), generate

    return block


def _listed(builder: Any, offsets: Any, k: Any) -> Any:
    """The k-th of some int64 numbers, of which `offsets` is the address."""
    return builder.load(_pointer(builder, builder.add(offsets, builder.mul(k, _int(8))), _INT64), align=8)


@intrinsic
def _scattered_depth_block(typingctx, a, a_step, a_offsets, b, b_offsets, c, c_step, depth):
    """ROWS rows of c = a b, where column k of a and row k of b lie the k-th of some offsets behind the first."""

    def generate(context, builder, signature, args):
        a, a_step, a_offsets, b, b_offsets, c, c_step, depth = args
        a_rows = [builder.add(a, builder.mul(a_step, _int(row))) for row in range(ROWS)]
        column: dict[Any, Any] = {}

        def factor_at(row: int, k: Any) -> Any:
            if k not in column:
                column[k] = _listed(builder, a_offsets, k)
            return builder.add(a_rows[row], column[k])

        def row_at(k: Any) -> Any:
            return builder.add(b, _listed(builder, b_offsets, k))

        _block(builder, (ROWS, VECTORS), factor_at, row_at, (c, c_step), depth, _int(0))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 8), generate


def _scattered_rows_block(vectors: int) -> Any:
    """Make f(a, a_offsets, b, b_step, c, c_step, depth): c += a b, where row r of a lies offsets[r] behind a."""

    @intrinsic
    def block(typingctx, a, a_offsets, b, b_step, c, c_step, depth):
        def generate(context, builder, signature, args):
            a, a_offsets, b, b_step, c, c_step, depth = args
            a_rows = [builder.add(a, _listed(builder, a_offsets, _int(row))) for row in range(ROWS)]

            def factor_at(row: int, k: Any) -> Any:
                return builder.add(a_rows[row], builder.mul(k, _int(4)))

            def row_at(k: Any) -> Any:
                return builder.add(b, builder.mul(k, b_step))

            _block(builder, (ROWS, vectors), factor_at, row_at, (c, c_step), depth, _int(1))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7), generate

    return block


_plain_block, _wide_block = _product_block(VECTORS), _product_block(WIDE)
_listed_block, _wide_listed_block = _scattered_rows_block(VECTORS), _scattered_rows_block(WIDE)


@inner
def product(a, b, c, shape, vectors, accumulate):
    """c = a b, or c += a b, of `shape` (rows, columns, depth).

    a and c are (address, step from row to row) in bytes: a rows x depth, rows a multiple of ROWS, c rows x columns. b
    is the address of panels of vectors * LANES columns, each a matrix depth x (vectors * LANES) of its own, so that a
    panel stays in the first-level cache while a passes by.
    """
    (a, a_step), (c, c_step), (rows, columns, depth) = a, c, shape
    step = 4 * LANES * vectors
    for panel in range(columns // (LANES * vectors)):
        for row in range(0, rows, ROWS):
            place = c + row * c_step + panel * step
            if vectors == WIDE:
                _wide_block(a + row * a_step, a_step, b, step, place, c_step, depth, accumulate)
            else:
                _plain_block(a + row * a_step, a_step, b, step, place, c_step, depth, accumulate)
        b += depth * step


@inner
def scattered_depth_product(a, b, c, shape):
    """c = a b, of `shape` (rows, columns, depth); the sum runs over places that a and b list.

    a is (address, step, offsets): a[r, k] lies r * step + offsets[k] bytes behind the address. b is (address, offsets):
    row k lies offsets[k] behind the address, columns beyond the last are read up to a multiple of PANEL. c is (address,
    step), with room for such columns. Both offsets are addresses of int64. The last ROWS rows may meet some of the rows
    before: there are at least ROWS.
    """
    (a, a_step, a_offsets), (b, b_offsets), (c, c_step), (rows, columns, depth) = a, b, c, shape
    for first in range(0, rows, ROWS):
        row = min(first, rows - ROWS)
        for column in range(0, columns, PANEL):
            place = c + row * c_step + 4 * column
            _scattered_depth_block(a + row * a_step, a_step, a_offsets, b + 4 * column, b_offsets, place, c_step, depth)


@inner
def scattered_rows_product(a, b, c, shape, vectors):
    """c += a b, of `shape` (rows, columns, depth); a is (address, offsets): row r lies offsets[r] bytes behind.

    b and c are as for `product`.
    """
    (a, a_offsets), (c, c_step), (rows, columns, depth) = a, c, shape
    step = 4 * LANES * vectors
    for panel in range(columns // (LANES * vectors)):
        for row in range(0, rows, ROWS):
            place = c + row * c_step + panel * step
            if vectors == WIDE:
                _wide_listed_block(a, a_offsets + 8 * row, b, step, place, c_step, depth)
            else:
                _listed_block(a, a_offsets + 8 * row, b, step, place, c_step, depth)
        b += depth * step


@intrinsic
def dots(typingctx, a, a_step, x, vectors):
    """The products of DOTS rows, a_step bytes apart from the address a on, and x, of so many vectors: DOTS numbers.

    Lane i adds up numbers i, i + LANES, ... of a row; then halves of the lanes are added. So it is written down, since
    the compiler may not choose an order. Several rows at a time, since more of the memory's answers are then under way
    at once.
    """

    def generate(context, builder, signature, args):
        a, a_step, x, vectors = args
        rows = [builder.add(a, builder.mul(a_step, _int(row))) for row in range(DOTS)]
        sums = [cgutils.alloca_once_value(builder, _everywhere(0)) for _ in rows]
        with cgutils.for_range(builder, vectors) as loop:
            at = builder.mul(loop.index, _int(_BYTES))
            factor = _load(builder, builder.add(x, at))
            for row, total in zip(rows, sums, strict=True):
                values = _load(builder, builder.add(row, at))
                builder.store(_multiply_add(builder, values, factor, builder.load(total)), total)
        totals = [_sum_of_lanes(builder, builder.load(total)) for total in sums]
        return context.make_tuple(builder, signature.return_type, totals)

    return types.UniTuple(types.float32, DOTS)(*[types.int64] * 4), generate


def _sum_of_lanes(builder: Any, vector: Any) -> Any:
    """The sum of a vector's numbers, by halves."""
    width = LANES
    while width > 1:
        width //= 2
        places = [ir.Constant(ir.VectorType(_INT32, width), list(range(at, at + width))) for at in (0, width)]
        nothing = ir.Constant(vector.type, ir.Undefined)
        vector = builder.fadd(*[builder.shuffle_vector(vector, nothing, each) for each in places])
    return builder.extract_element(vector, ir.Constant(_INT32, 0))


def panel_vectors(columns: int) -> int:
    """Vectors in a row of the panels that waste least on a matrix of that many columns."""
    vectors = -(-columns // LANES)
    return WIDE if LANES == 16 and vectors % VECTORS and vectors % WIDE == 0 else VECTORS


# the transforms


def _combination(builder: Any, terms: list[tuple[Fraction, Any]]) -> Any:
    """The sum of factor * value; factors of 1 and -1 cost no multiplication."""
    terms = sorted((term for term in terms if term[0] != 0), key=lambda term: (term[0] != 1, abs(term[0]) != 1))
    if not terms:
        return _everywhere(0)
    factor, value = terms[0]
    total = value if factor == 1 else builder.fmul(_everywhere(float(factor)), value)
    for factor, value in terms[1:]:
        if factor == 1:
            total = builder.fadd(total, value)
        elif factor == -1:
            total = builder.fsub(total, value)
        else:
            total = _multiply_add(builder, _everywhere(float(factor)), value, total)
    return total


def _apply(builder: Any, matrix: Matrix, values: list[Any]) -> list[Any]:
    """The products of a matrix and a vector of values.

    Points come in pairs, p and -p, so many rows are u + v and u - v with u and v of few terms, and many columns have
    equal or opposite entries throughout: either way, half of the multiplications serve twice.
    """
    pairs = _opposite_pairs(transpose(matrix))
    if pairs:
        terms: list[list[tuple[Fraction, Any]]] = [[] for _ in matrix]
        for j, partner in pairs.items():
            both, difference = builder.fadd(values[j], values[partner]), builder.fsub(values[j], values[partner])
            for row, line in enumerate(matrix):
                terms[row].append((line[j], both if line[j] == line[partner] else difference))
        paired = {*pairs, *pairs.values()}
        for row, line in enumerate(matrix):
            terms[row] += [(line[j], values[j]) for j in range(len(values)) if j not in paired]
        return [_combination(builder, each) for each in terms]
    results: list[Any] = [None] * len(matrix)
    for i, partner in _opposite_pairs(matrix).items():
        same = [(a if a == b else Fraction(0), v) for a, b, v in zip(matrix[i], matrix[partner], values, strict=True)]
        opposite = [
            (a if a != b else Fraction(0), v) for a, b, v in zip(matrix[i], matrix[partner], values, strict=True)
        ]
        u, v = _combination(builder, same), _combination(builder, opposite)
        results[i], results[partner] = builder.fadd(u, v), builder.fsub(u, v)
    return [
        _combination(builder, list(zip(line, values, strict=True))) if result is None else result
        for line, result in zip(matrix, results, strict=True)
    ]


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


class _Lines(NamedTuple):
    """Where lines of numbers lie: an address, and the steps from line to line and from element to element."""

    start: Any
    line: Any
    element: Any

    def places(self, builder: Any, line: Any, count: int) -> list[Any]:
        """The addresses of the elements of a line."""
        first = builder.add(self.start, builder.mul(line, self.line))
        return [builder.add(first, builder.mul(self.element, _int(i))) for i in range(count)]


def _transform_lines(
    builder: Any,
    matrix: Matrix,
    lines: Any,
    source: _Lines,
    target: _Lines,
    bounds: tuple[Any, Any],
    lanes: tuple[Any, Any],
    epilogue: Callable[[Any], Any],
) -> None:
    """target = matrix source for each line; see transform_function."""
    count, (low, high), (load_lanes, store_lanes) = len(matrix[0]), bounds, lanes
    whole = builder.and_(builder.icmp_signed("<=", low, _int(0)), builder.icmp_signed(">=", high, _int(count)))
    whole = builder.and_(whole, builder.icmp_signed(">=", load_lanes, _int(LANES)))
    load_mask, store_mask = _first_lanes(builder, load_lanes), _first_lanes(builder, store_lanes)
    nowhere = ir.Constant(_MASK, [0] * LANES)
    with cgutils.for_range(builder, lines) as loop:
        places = source.places(builder, loop.index, count)

        def masked() -> list[Any]:
            values = []
            for i, place in enumerate(places):
                inside = builder.and_(builder.icmp_signed("<=", low, _int(i)), builder.icmp_signed(">", high, _int(i)))
                values.append(_masked_load(builder, place, builder.select(inside, load_mask, nowhere)))
            return values

        values = _either(builder, whole, lambda: [_load(builder, place) for place in places], masked)
        results = [epilogue(result) for result in _apply(builder, matrix, values)]
        targets = target.places(builder, loop.index, len(matrix))
        with builder.if_else(builder.icmp_signed(">=", store_lanes, _int(LANES))) as (then, otherwise):
            with then:
                for result, place in zip(results, targets, strict=True):
                    _store(builder, result, place)
            with otherwise:
                for result, place in zip(results, targets, strict=True):
                    _masked_store(builder, result, place, store_mask)


def transform_function(matrices: Sequence[Matrix], outputs: Sequence[bool]) -> Any:
    """Make f(number, lines, source, target, bounds, lanes, finish): target = matrix source.

    It applies matrices[number] to `lines` lines of numbers, LANES of them side by side. `source` and `target` are
    (address, step from line to line, step from element to element), in bytes. Elements outside `bounds`, (low, high),
    and lanes from lanes[0] on are taken as 0, their memory not touched; lanes from lanes[1] on are not stored. Where
    outputs[number] is set, `finish` is (bias, floor), and max(result + bias, floor) is stored; NaN comes through.

    All matrices are in one function, and called for by number, so that it can be compiled once for all loops.
    """

    @intrinsic
    def transform(typingctx, number, lines, source, target, bounds, lanes, finish):
        def generate(context, builder, signature, args):
            number, lines, source, target, bounds, lanes, finish = args
            source, target = (_Lines(*cgutils.unpack_tuple(builder, triple, 3)) for triple in (source, target))
            bounds, lanes, finish = (cgutils.unpack_tuple(builder, pair, 2) for pair in (bounds, lanes, finish))
            bias, floor = (_spread(builder, value) for value in finish)

            def output(value: Any) -> Any:
                value = builder.fadd(value, bias)
                return builder.select(builder.fcmp_ordered("<", value, floor), floor, value)

            done = builder.append_basic_block("done")
            switch = builder.switch(number, done)
            for index, (matrix, is_output) in enumerate(zip(matrices, outputs, strict=True)):
                case = builder.append_basic_block(f"matrix{index}")
                switch.add_case(_int(index), case)
                builder.position_at_end(case)
                epilogue = output if is_output else lambda value: value
                _transform_lines(builder, matrix, lines, source, target, bounds, lanes, epilogue)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        pair, triple = types.UniTuple(types.int64, 2), types.UniTuple(types.int64, 3)
        arguments = [types.int64, types.int64, triple, triple, pair, pair, types.UniTuple(types.float32, 2)]
        return types.void(*arguments), generate

    return transform


@intrinsic
def call(typingctx, function, arguments):
    """Call the function at an address, see compile.Shared; its arguments are the numbers of a tuple."""

    def generate(context, builder, signature, args):
        function, arguments = args
        values = cgutils.unpack_tuple(builder, arguments)
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(function, kind.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.int64, arguments), generate


@intrinsic
def transpose_block(typingctx, source, source_step, target, target_step):
    """Transpose LANES x LANES numbers; addresses, and steps between rows in bytes.

    Halves of rows change places, then quarters, and so on, as in a recursive transposition by blocks.
    """

    def generate(context, builder, signature, args):
        source, source_step, target, target_step = args
        rows = [_load(builder, builder.add(source, builder.mul(source_step, _int(i)))) for i in range(LANES)]
        size = LANES // 2
        while size:
            upper = [j if not j & size else LANES + j - size for j in range(LANES)]
            lower = [j + size if not j & size else LANES + j for j in range(LANES)]
            for i in range(LANES):
                if not i & size:
                    pair = rows[i], rows[i + size]
                    rows[i] = builder.shuffle_vector(*pair, ir.Constant(_INDICES, upper))
                    rows[i + size] = builder.shuffle_vector(*pair, ir.Constant(_INDICES, lower))
            size //= 2
        for i, row in enumerate(rows):
            _store(builder, row, builder.add(target, builder.mul(target_step, _int(i))))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate
