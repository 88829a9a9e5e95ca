"""The processor's vectors, word by word: what the compiler does not find by itself is written in LLVM's own language.

A compiler vectorises a loop over neighbouring pixels well; it does not keep a block of a matrix product in registers
(gemm.py), nor a whole transform of a tile (convolution/transforms.py). Here are the words that these are written in,
functions that append an instruction or two to a `builder`, and the small intrinsics that jitted loops call.

All of it is float32. LANES numbers make a vector; addresses are int64, and steps are in bytes.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic

__all__ = [
    "FUSED",
    "LANES",
    "VECTOR_BYTES",
    "address",
    "bits_of",
    "call",
    "float_of",
    "prefetch_to_read",
    "prefetch_to_write",
    "transpose_block",
]

LACKING = {"avx2": ("avx512", "avx10", "amx", "evex")}  # by MINIGRAD_ISA: how the names of what is not used begin


def _processors_features() -> dict[str, bool]:
    """What this processor can do, or less: MINIGRAD_ISA=avx2 has loops compiled as for one without AVX-512."""
    features = dict(llvmlite.binding.get_host_cpu_features())
    wanted = os.environ.get("MINIGRAD_ISA", "")
    if wanted:
        if wanted not in LACKING or not features.get(wanted):
            raise ValueError(f"MINIGRAD_ISA is avx2, on a processor that has it, or not set; got {wanted!r}")
        features.update({name: False for name in features if name.startswith(LACKING[wanted])})
        listed = ",".join(f"{'+' if there else '-'}{name}" for name, there in features.items())
        config.CPU_FEATURES = listed  # type: ignore[attr-defined]
    return features


_features = _processors_features()
_avx2 = bool(_features.get("avx2") and _features.get("fma"))
LANES = 16 if _features.get("avx512f") else 8 if _avx2 else 4
FUSED = bool(_features.get("fma")) or platform.machine() in ("aarch64", "arm64")  # x y + z as one instruction
VECTOR_BYTES = 4 * LANES

FLOAT, INT32, INT64, BIT = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.IntType(1)
VECTOR, MASK, INDICES = (ir.VectorType(element, LANES) for element in (FLOAT, BIT, INT32))


# What jitted loops call.


@intrinsic
def address(typingctx, array):
    """The address of an array's first element."""

    def generate(context, builder, signature, args):
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.ptrtoint(data, INT64)

    return types.int64(array), generate


@intrinsic
def bits_of(typingctx, value):
    """The bits of a float32, as an int32."""
    return types.int32(types.float32), lambda context, builder, signature, args: builder.bitcast(args[0], INT32)


@intrinsic
def float_of(typingctx, bits):
    """The float32 of some bits, an int32."""
    return types.float32(types.int32), lambda context, builder, signature, args: builder.bitcast(args[0], FLOAT)


@intrinsic
def call(typingctx, function, arguments):
    """Call the function at an address, see jit.Shared; its arguments are the numbers of a tuple."""

    def generate(context, builder, signature, args):
        function, arguments = args
        values = cgutils.unpack_tuple(builder, arguments)
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(function, kind.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.int64, arguments), generate


def _prefetch(to_write: bool) -> Any:
    """Make f(where): have the cache line at an address fetched, without waiting. Any address will do.

    A core that is to write a line takes it from the others, which would then miss one that all of them read.
    """

    @intrinsic
    def prefetch(typingctx, where):
        def generate(context, builder, signature, args):
            byte = ir.IntType(8)
            function = _llvm(builder, "llvm.prefetch.p0", ir.VoidType(), [byte.as_pointer(), INT32, INT32, INT32])
            write, every_level, data = (ir.Constant(INT32, value) for value in (int(to_write), 3, 1))
            builder.call(function, [pointer(builder, args[0], byte), write, every_level, data])
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return prefetch


prefetch_to_read, prefetch_to_write = _prefetch(False), _prefetch(True)


@intrinsic
def transpose_block(typingctx, source, source_step, target, target_step):
    """Transpose LANES x LANES numbers in registers; addresses, and steps from row to row.

    Halves of rows change places, then quarters, and so on, as in a recursive transposition by blocks.
    """

    def generate(context, builder, signature, args):
        source, source_step, target, target_step = args
        rows = [load(builder, builder.add(source, builder.mul(source_step, integer(i)))) for i in range(LANES)]
        size = LANES // 2
        while size:
            upper = [j if not j & size else LANES + j - size for j in range(LANES)]
            lower = [j + size if not j & size else LANES + j for j in range(LANES)]
            for i in range(LANES):
                if not i & size:
                    pair = rows[i], rows[i + size]
                    rows[i] = builder.shuffle_vector(*pair, ir.Constant(INDICES, upper))
                    rows[i + size] = builder.shuffle_vector(*pair, ir.Constant(INDICES, lower))
            size //= 2
        for i, row in enumerate(rows):
            store(builder, row, builder.add(target, builder.mul(target_step, integer(i))))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate


# The words: numbers and vectors.


def integer(value: int) -> ir.Constant:
    """An int64."""
    return ir.Constant(INT64, value)


def constant(value: float) -> ir.Constant:
    """A vector of one number, known in advance."""
    return ir.Constant(VECTOR, [float(value)] * LANES)


def broadcast(builder: ir.IRBuilder, scalar: ir.Value, vector: ir.VectorType = VECTOR) -> ir.Value:
    """A vector with the scalar in every lane."""
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(INT32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(INDICES, [0] * LANES))


def multiply_add(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """x y + z, rounded once."""
    return builder.call(_llvm(builder, f"llvm.fma.v{LANES}f32", VECTOR, [VECTOR] * 3), [x, y, z])


def sum_of_lanes(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    """The sum of a vector's numbers, by halves."""
    width = LANES
    while width > 1:
        width //= 2
        places = [ir.Constant(ir.VectorType(INT32, width), list(range(at, at + width))) for at in (0, width)]
        nothing = ir.Constant(vector.type, ir.Undefined)
        vector = builder.fadd(*[builder.shuffle_vector(vector, nothing, each) for each in places])
    return builder.extract_element(vector, ir.Constant(INT32, 0))


def first_lanes(builder: ir.IRBuilder, count: ir.Value) -> ir.Value:
    """A mask of the first `count` lanes (none if it is negative)."""
    least, most = ir.Constant(INT64, 0), ir.Constant(INT64, LANES)
    count = builder.select(builder.icmp_signed("<", count, least), least, count)
    count = builder.select(builder.icmp_signed(">", count, most), most, count)
    number = ir.Constant(INDICES, list(range(LANES)))
    return builder.icmp_signed("<", number, broadcast(builder, builder.trunc(count, INT32), INDICES))


# The words: memory. Vectors may lie anywhere that a float32 may.


def pointer(builder: ir.IRBuilder, where: ir.Value, pointee: ir.Type = VECTOR) -> ir.Value:
    """An address as a pointer."""
    return builder.inttoptr(where, pointee.as_pointer())


def load(builder: ir.IRBuilder, where: ir.Value) -> ir.Value:
    """The vector at an address."""
    return builder.load(pointer(builder, where), align=4)


def load_float(builder: ir.IRBuilder, where: ir.Value) -> ir.Value:
    """The float32 at an address."""
    return builder.load(pointer(builder, where, FLOAT), align=4)


def load_integer(builder: ir.IRBuilder, where: ir.Value) -> ir.Value:
    """The int64 at an address."""
    return builder.load(pointer(builder, where, INT64), align=8)


def store(builder: ir.IRBuilder, value: ir.Value, where: ir.Value) -> None:
    """Write a vector to an address."""
    builder.store(value, pointer(builder, where), align=4)


def masked_load(builder: ir.IRBuilder, where: ir.Value, mask: ir.Value) -> ir.Value:
    """The lanes of the mask, 0 in the others, whose memory is not touched."""
    name = f"llvm.masked.load.v{LANES}f32.p0"
    function = _llvm(builder, name, VECTOR, [VECTOR.as_pointer(), INT32, MASK, VECTOR])
    return builder.call(function, [pointer(builder, where), ir.Constant(INT32, 4), mask, constant(0)])


def masked_store(builder: ir.IRBuilder, value: ir.Value, where: ir.Value, mask: ir.Value) -> None:
    """Write the lanes of the mask; the memory of the others is not touched."""
    name = f"llvm.masked.store.v{LANES}f32.p0"
    function = _llvm(builder, name, ir.VoidType(), [VECTOR, VECTOR.as_pointer(), INT32, MASK])
    builder.call(function, [value, pointer(builder, where), ir.Constant(INT32, 4), mask])


def _llvm(builder: ir.IRBuilder, name: str, result: ir.Type, arguments: list[ir.Type]) -> ir.Function:
    """A function of LLVM's own, declared in the module that is being built."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


# The words: control.


def branch(
    builder: ir.IRBuilder,
    condition: ir.Value,
    first: Callable[[], list[ir.Value]],
    second: Callable[[], list[ir.Value]],
) -> list[ir.Value]:
    """The vectors that `first` makes where the condition holds, and `second` where it does not, in branches."""
    with builder.if_else(condition) as (then, otherwise):
        with then:
            values, block = first(), builder.block
        with otherwise:
            others, other_block = second(), builder.block
    results = [builder.phi(VECTOR) for _ in values]
    for phi, value, other in zip(results, values, others, strict=True):
        phi.add_incoming(value, block)
        phi.add_incoming(other, other_block)
    return results


def repeat(
    builder: ir.IRBuilder,
    count: ir.Value,
    body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
    vectors: list[ir.Value],
) -> list[ir.Value]:
    """The vectors after vectors = body(k, vectors) for k = 0 ... count - 1, in registers; `count` is at least 1."""
    entry = builder.block
    loop, done = builder.append_basic_block("repeat"), builder.append_basic_block("done")
    builder.branch(loop)
    builder.position_at_end(loop)
    k, values = builder.phi(INT64), [builder.phi(VECTOR) for _ in vectors]
    results, following = body(k, values), builder.add(k, integer(1))
    for phi, before, after in zip([k, *values], [integer(0), *vectors], [following, *results], strict=True):
        phi.add_incoming(before, entry)
        phi.add_incoming(after, loop)
    builder.cbranch(builder.icmp_signed("<", following, count), loop, done)
    builder.position_at_end(done)
    return results
