"""Hypothesis strategies: shapes, arrays, and the configurations of convolutions and poolings, all small.

An array is drawn as a shape and a seed: a failing example shrinks to a small shape, and drawing stays fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from types import EllipsisType
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from parity import Chwn

Shape = tuple[int, ...]
Size = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[int, int, int, int]


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of an int or of a pair."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def four_sides(padding: Padding) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of an int, of (height, width) or of all four."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        return padding[0], padding[0], padding[1], padding[1]
    return padding[0], padding[1], padding[2], padding[3]


seeds = st.integers(0, 2**20)
# One image, a few, and a number that no vector width divides.
batches = st.sampled_from([1, 2, 3, 17])


def moderate(shape: Shape, seed: int) -> np.ndarray:
    """float64 values between -2 and 2."""
    return np.random.default_rng(seed).uniform(-2, 2, shape)


def positive(shape: Shape, seed: int) -> np.ndarray:
    """float64 values between 0.5 and 2, for logarithms, divisors and bases of powers."""
    return np.random.default_rng(seed).uniform(0.5, 2, shape)


def apart(shape: Shape, seed: int) -> np.ndarray:
    """Shuffled values of which any two, and any one and zero, differ by more than any step of a difference quotient.

    No step then carries a maximum, an absolute value or a ReLU over its kink.
    """
    size = int(np.prod(shape, dtype=int))
    order = np.random.default_rng(seed).permutation(size)
    return ((order - size // 2 + 0.25) * 0.125).reshape(shape)


def shapes(min_dims: int = 0, max_dims: int = 4, max_side: int = 4) -> st.SearchStrategy[Shape]:
    return st.lists(st.integers(1, max_side), min_size=min_dims, max_size=max_dims).map(tuple)


def batch_shapes(min_dims: int = 2, max_dims: int = 4, max_side: int = 3) -> st.SearchStrategy[Shape]:
    """Shapes whose axis 0 is a batch: 1 and 17 images among them."""
    return st.builds(lambda n, rest: (n, *rest), batches, shapes(min_dims - 1, max_dims - 1, max_side))


def arrays(
    shape: st.SearchStrategy[Shape], values: Callable[[Shape, int], np.ndarray] = moderate
) -> st.SearchStrategy[np.ndarray]:
    return st.builds(values, shape, seeds)


def broadcastable_pairs(max_dims: int = 4, max_side: int = 3) -> st.SearchStrategy[tuple[Shape, Shape]]:
    """Two shapes that broadcast against each other, by ones and by missing axes."""
    pairs = mutually_broadcastable_shapes(num_shapes=2, max_dims=max_dims, min_side=1, max_side=max_side)
    return pairs.map(lambda found: found.input_shapes)


@st.composite
def arrays_and_dims(draw: st.DrawFn, values: Callable[[Shape, int], np.ndarray] = moderate) -> tuple[np.ndarray, int]:
    """An array and one of its dims, counted from either end."""
    array = draw(arrays(st.one_of(shapes(1, 4), batch_shapes()), values))
    return array, draw(st.integers(-array.ndim, array.ndim - 1))


@st.composite
def regroupings(draw: st.DrawFn) -> tuple[Shape, Shape]:
    """Two shapes of the same size: the factors of a number, cut in two ways."""
    factors = draw(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=5))

    def cut() -> Shape:
        ends = sorted(draw(st.lists(st.integers(0, len(factors)), max_size=3)))
        bounds = [0, *ends, len(factors)]
        return tuple(int(np.prod(factors[a:b], dtype=int)) for a, b in pairwise(bounds))

    return cut(), cut()


Index = int | slice | EllipsisType


@st.composite
def indices(draw: st.DrawFn, shape: Shape) -> Index | tuple[Index, ...]:
    """Integers and slices with any step, one an axis, a run of them perhaps left out or replaced by an Ellipsis."""
    entries: list[Index] = []
    for side in shape:
        place = draw(st.integers(-side, side - 1))
        step = draw(st.sampled_from([None, 1, 2, -1, -2]))
        stop = None if step is not None and step < 0 else place % side + 1
        entries.append(draw(st.sampled_from([place, slice(place, None, step), slice(None, stop, step)])))
    first, last = sorted(draw(st.tuples(*[st.integers(0, len(shape))] * 2)))
    match draw(st.sampled_from(["whole", "leading", "ellipsis"])):
        case "leading":
            entries = entries[:first]
        case "ellipsis":
            entries[first:last] = [...]
    return entries[0] if len(entries) == 1 and draw(st.booleans()) else tuple(entries)


@st.composite
def array_indices(draw: st.DrawFn, shape: Shape) -> tuple[Any, ...]:
    """Integer arrays that broadcast, for one axis or more, among slices and new axes."""
    axes = sorted(draw(st.sets(st.integers(0, len(shape) - 1), min_size=1)))
    sides = draw(mutually_broadcastable_shapes(num_shapes=len(axes), min_dims=1, max_dims=2, max_side=4)).input_shapes
    random = np.random.default_rng(draw(seeds))
    parts: list[Any] = []
    for axis, length in enumerate(shape):
        parts += [None] * draw(st.sampled_from([0, 0, 1]))
        if axis in axes:
            parts.append(random.integers(-length, length, sides[axes.index(axis)]))
        else:
            parts.append(draw(st.sampled_from([slice(None), slice(None, None, -1), slice(length // 2, None)])))
    return tuple(parts)


def int_or_pair(low: int, high: int) -> st.SearchStrategy[Size]:
    side = st.integers(low, high)
    return st.one_of(side, st.tuples(side, side))


@dataclass(frozen=True)
class ConvCase:
    """A convolution: the shapes of its arrays and how it moves over the image."""

    x_shape: Shape
    weight_shape: Shape
    stride: Size
    padding: Padding
    groups: int
    bias: bool
    seed: int

    def arrays(self) -> list[np.ndarray]:
        """x, weight and, where there is one, bias."""
        shapes = [self.x_shape, self.weight_shape] + [self.weight_shape[:1]] * self.bias
        return [moderate(shape, self.seed + number) for number, shape in enumerate(shapes)]

    def local_arrays(self) -> list[np.ndarray]:
        """The same of an unshared convolution: a weight and a bias for each place."""
        (filters, *rest), places = self.weight_shape, self.y_shape[2:]
        shapes = [self.x_shape, (*places, *rest, filters)] + [(filters, *places)] * self.bias
        return [moderate(shape, self.seed + number) for number, shape in enumerate(shapes)]

    @property
    def geometry(self) -> tuple[tuple[int, int], tuple[int, int, int, int], int]:
        """(stride, padding, groups), as the primitives take them."""
        return pair(self.stride), four_sides(self.padding), self.groups

    @property
    def y_shape(self) -> Shape:
        """The shape of the result."""
        top, bottom, left, right = four_sides(self.padding)
        room = self.x_shape[2] + top + bottom, self.x_shape[3] + left + right
        sides = [
            (length - kernel) // step + 1
            for length, kernel, step in zip(room, self.weight_shape[2:], pair(self.stride), strict=True)
        ]
        return self.x_shape[0], self.weight_shape[0], *sides


@st.composite
def conv_cases(draw: st.DrawFn) -> ConvCase:
    groups = draw(st.integers(1, 3))
    group_channels, group_outputs = draw(st.integers(1, 2 if groups > 1 else 3)), draw(st.integers(1, 3))
    kernel_h, kernel_w = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    side = st.integers(0, 2)
    padding = draw(st.one_of(side, st.tuples(side, side), st.tuples(side, side, side, side)))
    top, bottom, left, right = four_sides(padding)
    height = max(1, kernel_h - top - bottom) + draw(st.integers(0, 3))
    width = max(1, kernel_w - left - right) + draw(st.integers(0, 3))
    return ConvCase(
        x_shape=(draw(batches), groups * group_channels, height, width),
        weight_shape=(groups * group_outputs, group_channels, kernel_h, kernel_w),
        stride=draw(int_or_pair(1, 3)),
        padding=padding,
        groups=groups,
        bias=draw(st.booleans()),
        seed=draw(seeds),
    )


@st.composite
def local_cases(draw: st.DrawFn) -> ConvCase:
    """An unshared convolution, also with as many channels and filters as the CPU wants for its vectors."""
    case = draw(conv_cases())
    factor = draw(st.sampled_from([1, 1, 8]))
    n, channels, *size = case.x_shape
    filters, *rest = case.weight_shape
    weight_shape = (factor * filters, factor * rest[0], *rest[1:])
    return replace(case, x_shape=(n, factor * channels, *size), weight_shape=weight_shape)


@dataclass(frozen=True)
class PoolCase:
    """A pooling: the shape of its input and how the window moves over it."""

    x_shape: Shape
    kernel_size: Size
    stride: Size | None
    padding: Padding
    ceil_mode: bool
    seed: int

    @property
    def arguments(self) -> tuple[Size, Size | None, Padding, bool]:
        """(kernel_size, stride, padding, ceil_mode), as the functions take them."""
        return self.kernel_size, self.stride, self.padding, self.ceil_mode

    @property
    def geometry(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int, int, int]]:
        """(kernel_size, stride, padding), as the primitives take them."""
        stride = self.kernel_size if self.stride is None else self.stride
        return pair(self.kernel_size), pair(stride), four_sides(self.padding)

    @property
    def y_shape(self) -> Shape:
        """The shape of the result."""
        kernel_size, stride, sides = self.geometry
        axes = zip(self.x_shape[2:], kernel_size, stride, sides[::2], sides[1::2], strict=True)
        return *self.x_shape[:2], *(pooled_size(*axis, self.ceil_mode) for axis in axes)


def pooled_size(size: int, kernel: int, stride: int, before: int, after: int, ceil_mode: bool) -> int:
    """How many windows fit; with `ceil_mode` one may overhang if it starts in the image or in the padding before it."""
    steps = (size + before + after - kernel) / stride
    count = (math.ceil(steps) if ceil_mode else math.floor(steps)) + 1
    if ceil_mode and (count - 1) * stride >= size + before:
        count -= 1
    return count


@st.composite
def pool_cases(draw: st.DrawFn) -> PoolCase:
    kernel_size = draw(int_or_pair(1, 4))
    kernel_h, kernel_w = pair(kernel_size)
    half = [st.integers(0, kernel // 2) for kernel in (kernel_h, kernel_w)]
    less = [st.integers(0, kernel - 1) for kernel in (kernel_h, kernel_h, kernel_w, kernel_w)]
    one = st.integers(0, min(kernel_h, kernel_w) // 2)
    padding: Padding = draw(st.one_of(one, st.tuples(*half), st.tuples(*less)))
    top, bottom, left, right = four_sides(padding)
    height = max(1, kernel_h - top - bottom) + draw(st.integers(0, 4))
    width = max(1, kernel_w - left - right) + draw(st.integers(0, 4))
    return PoolCase(
        x_shape=(draw(batches), draw(st.integers(1, 3)), height, width),
        kernel_size=kernel_size,
        stride=draw(st.one_of(st.none(), int_or_pair(1, 3))),
        padding=padding,
        ceil_mode=draw(st.booleans()),
        seed=draw(seeds),
    )


# Arguments of primitives, by their names. Every array comes in either memory order.


def last(array: np.ndarray | Chwn) -> Chwn:
    return array if isinstance(array, Chwn) else Chwn(array)


def either_order(array: np.ndarray) -> st.SearchStrategy[np.ndarray | Chwn]:
    return st.sampled_from([array, Chwn(array)])


any_shape = st.one_of(shapes(), batch_shapes())
some_shape = st.one_of(shapes(1), batch_shapes())
factors = st.sampled_from([0.3, -2, 1.0])
flags = st.booleans()


def rounded(shape: Shape, seed: int) -> np.ndarray:
    """Whole numbers from -2 to 2: many are equal, many are 0."""
    return np.asarray(moderate(shape, seed).round(0))


def truths(shape: Shape, seed: int) -> np.ndarray:
    """True and False."""
    return np.asarray(moderate(shape, seed) > 0)


def condition(array: np.ndarray | Chwn) -> np.ndarray | Chwn:
    """Where an array is positive, in the same memory order."""
    return Chwn(condition(array.array)) if isinstance(array, Chwn) else np.asarray(array > 0)


def counted(shape: Shape, seed: int) -> np.ndarray:
    """0, 1 and 2."""
    return np.asarray(np.abs(rounded(shape, seed)))


@st.composite
def of_one_shape(
    draw: st.DrawFn,
    count: int,
    *others: st.SearchStrategy[Any],
    shape: st.SearchStrategy[Shape] = any_shape,
    values: Callable[[Shape, int], np.ndarray] = moderate,
) -> tuple[Any, ...]:
    """`count` arrays of one shape, then the other arguments."""
    side, seed = draw(shape), draw(seeds)
    return (*(draw(either_order(values(side, seed + n))) for n in range(count)), *map(draw, others))


@st.composite
def that_broadcast(
    draw: st.DrawFn, count: int, values: Callable[[Shape, int], np.ndarray] = moderate
) -> tuple[Any, ...]:
    """`count` arrays that broadcast, perhaps with a batch before them."""
    found = draw(mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=1, max_side=3)).input_shapes
    if draw(flags):
        n, rank = draw(batches), max(map(len, found))
        found = [(n,) + (1,) * (rank - len(shape)) + shape for shape in found]
    seed = draw(seeds)
    return tuple(draw(either_order(values(shape, seed + number))) for number, shape in enumerate(found))


@st.composite
def along_an_axis(
    draw: st.DrawFn,
    count: int,
    *others: st.SearchStrategy[Any],
    values: Callable[[Shape, int], np.ndarray] = moderate,
) -> tuple[Any, ...]:
    """`count` arrays of one shape and one of its axes, then the other arguments."""
    shape, seed = draw(some_shape), draw(seeds)
    operands = [draw(either_order(values(shape, seed + number))) for number in range(count)]
    return (*operands, draw(st.integers(0, len(shape) - 1)), *map(draw, others))


@st.composite
def sums(draw: st.DrawFn) -> tuple[Any, ...]:
    shape = draw(some_shape)
    dims = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    return draw(either_order(moderate(shape, draw(seeds)))), tuple(sorted(dims)), draw(flags)


@st.composite
def maxima_gradients(draw: st.DrawFn) -> tuple[Any, ...]:
    shape, seed = draw(some_shape), draw(seeds)
    dim = draw(st.integers(0, len(shape) - 1))
    kept = (*shape[:dim], 1, *shape[dim + 1 :])
    indices = np.random.default_rng(seed).integers(0, shape[dim], kept)
    return draw(either_order(moderate(kept, seed))), indices, shape, dim


@st.composite
def plain_indices(draw: st.DrawFn, shape: Shape) -> tuple[int | slice, ...]:
    """An integer or a slice for each axis."""
    return tuple(draw(st.one_of(st.integers(0, side - 1), st.just(slice(None)), st.slices(side))) for side in shape)


@st.composite
def indexed(draw: st.DrawFn, gradient: bool) -> tuple[Any, ...]:
    shape, seed = draw(some_shape), draw(seeds)
    index = draw(plain_indices(shape))
    if gradient:
        return draw(either_order(moderate(np.empty(shape)[index].shape, seed))), index, shape
    return draw(either_order(moderate(shape, seed))), index


@st.composite
def taken(draw: st.DrawFn, gradient: bool) -> tuple[Any, ...]:
    """Indices of any shape into an axis: so many that some come several times."""
    shape, seed = draw(some_shape), draw(seeds)
    axis = draw(st.integers(0, len(shape) - 1))
    indices = np.random.default_rng(seed).integers(0, shape[axis], draw(st.one_of(shapes(), st.just((0,)))))
    where = draw(either_order(indices))
    if gradient:
        return (
            draw(either_order(moderate((*shape[:axis], *indices.shape, *shape[axis + 1 :]), seed))),
            where,
            shape,
            axis,
        )
    return draw(either_order(moderate(shape, seed))), where, axis


@st.composite
def transposed(draw: st.DrawFn) -> tuple[Any, ...]:
    shape = draw(some_shape)
    axes = st.integers(0, len(shape) - 1)
    return draw(either_order(moderate(shape, draw(seeds)))), draw(axes), draw(axes)


@st.composite
def reshaped(draw: st.DrawFn) -> tuple[Any, ...]:
    before, after = draw(regroupings())
    if draw(flags):
        n = draw(batches)
        before, after = (n, *before), (n, *after)
    return draw(either_order(moderate(before, draw(seeds)))), after


@st.composite
def joined(draw: st.DrawFn) -> tuple[Any, ...]:
    shape, seed = draw(some_shape), draw(seeds)
    dim = draw(st.integers(0, len(shape) - 1))
    lengths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    parts = [
        draw(either_order(moderate((*shape[:dim], length, *shape[dim + 1 :]), seed + number)))
        for number, length in enumerate(lengths)
    ]
    return parts, dim


@st.composite
def repeated(draw: st.DrawFn) -> tuple[Any, ...]:
    shape = draw(some_shape)
    sides = tuple(draw(st.sampled_from([side, 1])) for side in shape)
    return draw(either_order(moderate(sides[draw(st.integers(0, len(sides))) :], draw(seeds)))), shape


sides = st.one_of(st.integers(1, 5), st.integers(30, 70))


@st.composite
def products(draw: st.DrawFn) -> tuple[Any, ...]:
    height, depth, width = draw(sides), draw(sides), draw(sides)
    transpose_x, transpose_y, seed = draw(flags), draw(flags), draw(seeds)
    x = moderate((depth, height) if transpose_x else (height, depth), seed)
    y = moderate((width, depth) if transpose_y else (depth, width), seed + 1)
    return draw(either_order(x)), draw(either_order(y)), transpose_x, transpose_y


@st.composite
def layers(draw: st.DrawFn, kind: str) -> tuple[Any, ...]:
    """A fully-connected layer: its value, or the gradient of its input or of its weight."""
    n, features, outputs, seed = draw(batches), draw(sides), draw(sides), draw(seeds)
    x, weight = moderate((n, features), seed), moderate((outputs, features), seed + 1)
    dy, bias = moderate((n, outputs), seed + 2), moderate((outputs,), seed + 3)
    if kind == "value":
        return draw(either_order(x)), weight, bias if draw(flags) else None
    return draw(either_order(dy)), weight if kind == "input" else draw(either_order(x))


@st.composite
def convolved(draw: st.DrawFn, kind: str) -> tuple[Any, ...]:
    """A convolution: its value, or the gradient of its input or of its weight."""
    case = draw(conv_cases())
    x, weight, *bias = case.arrays()
    if kind == "value":
        return draw(either_order(x)), weight, bias[0] if bias else None, *case.geometry, draw(flags)
    dy = draw(either_order(moderate(case.y_shape, case.seed + 3)))
    if kind == "input":
        return dy, weight, x.shape, *case.geometry
    return dy, draw(either_order(x)), weight.shape, *case.geometry


@st.composite
def locally_connected(draw: st.DrawFn, kind: str) -> tuple[Any, ...]:
    """An unshared convolution: its value, or the gradient of its input or of its weight."""
    case = draw(local_cases())
    x, weight, *bias = case.local_arrays()
    if kind == "value":
        return draw(either_order(x)), weight, bias[0] if bias else None, *case.geometry, draw(flags)
    dy = draw(either_order(moderate(case.y_shape, case.seed + 3)))
    if kind == "input":
        return dy, weight, x.shape, *case.geometry
    return dy, draw(either_order(x)), weight.shape, *case.geometry


@st.composite
def pooled(draw: st.DrawFn, kind: str) -> tuple[Any, ...]:
    """A pooling: its largest values, its means or the gradient of those."""
    case, values = draw(pool_cases()), draw(st.sampled_from([moderate, rounded]))
    x, dy = values(case.x_shape, case.seed), moderate(case.y_shape, case.seed + 1)
    match kind:
        case "largest":
            return draw(either_order(x)), *case.geometry, case.ceil_mode
        case "mean":
            return draw(either_order(x)), *case.geometry, case.ceil_mode, draw(flags)
    return draw(either_order(dy)), x.shape, *case.geometry, draw(flags)


images = st.tuples(batches, st.integers(1, 9), st.integers(1, 4), st.integers(1, 4))


def normalised(count: int) -> st.SearchStrategy[tuple[Any, ...]]:
    """Images and the numbers of a normalisation; alpha is large, so that a term that is missing shows."""
    numbers = st.integers(1, 7), st.sampled_from([1.0, 9.0]), st.sampled_from([0.75, 0.6]), st.sampled_from([1.0, 2.0])
    return of_one_shape(count, *numbers, shape=images)


@st.composite
def classified(draw: st.DrawFn, gradient: bool) -> tuple[Any, ...]:
    n, classes, seed = draw(batches), draw(st.integers(1, 7)), draw(seeds)
    targets = np.random.default_rng(seed).integers(0, classes, n)
    if gradient:
        return moderate((n,), seed), draw(either_order(positive((n, classes), seed))), targets
    return draw(either_order(moderate((n, classes), seed) * 3)), targets


ARGUMENTS: dict[str, st.SearchStrategy[tuple[Any, ...]]] = {
    **dict.fromkeys(("add", "sub", "mul"), that_broadcast(2)),
    "div": that_broadcast(2, positive),
    "pow": st.one_of(that_broadcast(2, positive), that_broadcast(2, counted)),
    **dict.fromkeys(("pow_grad_base", "pow_grad_exponent"),
                    st.one_of(that_broadcast(3, positive), that_broadcast(3, counted))),
    **dict.fromkeys(("neg", "exp", "abs", "relu", "tanh", "sigmoid"), of_one_shape(1)),
    **dict.fromkeys(("abs_grad", "relu_grad", "tanh_grad", "sigmoid_grad"), of_one_shape(2, values=rounded)),
    **dict.fromkeys(("maximum", "minimum", "equal", "less", "less_equal"), that_broadcast(2, rounded)),
    **dict.fromkeys(("logical_and", "logical_or"), that_broadcast(2, truths)),
    "logical_not": of_one_shape(1, values=truths),
    "where": that_broadcast(3).map(lambda arrays: (condition(arrays[0]), *arrays[1:])),
    **dict.fromkeys(("log", "sqrt"), of_one_shape(1, values=positive)),
    "scale": of_one_shape(1, factors),
    "cast": of_one_shape(1, st.sampled_from([np.dtype(name) for name in ("f4", "f8", "i4", "i8", "u1")]),
                         values=positive),
    "reorder": of_one_shape(1, flags),
    # y is what a convolution returned: in CHWN order
    "relu_bias_grad": of_one_shape(2, shape=images, values=rounded).map(lambda both: (both[0], last(both[1]))),
    "reshape": reshaped(),
    "transpose": transposed(),
    "getitem": indexed(False),
    "getitem_grad": indexed(True),
    "take": taken(False),
    "take_grad": taken(True),
    "cat": joined(),
    "broadcast_to": repeated(),
    "sum": sums(),
    **dict.fromkeys(("max", "min"), along_an_axis(1, flags, values=rounded)),
    "max_grad": maxima_gradients(),
    **dict.fromkeys(("softmax", "log_softmax"), along_an_axis(1)),
    **dict.fromkeys(("softmax_grad", "log_softmax_grad"), along_an_axis(2)),
    "matmul": products(),
    "linear": layers("value"),
    "linear_grad_input": layers("input"),
    "linear_grad_weight": layers("weight"),
    "conv2d": convolved("value"),
    "conv2d_grad_input": convolved("input"),
    "conv2d_grad_weight": convolved("weight"),
    "locally_connected2d": locally_connected("value"),
    "locally_connected2d_grad_input": locally_connected("input"),
    "locally_connected2d_grad_weight": locally_connected("weight"),
    "max_pool2d": pooled("largest"),
    "avg_pool2d": pooled("mean"),
    "avg_pool2d_grad": pooled("gradient of the mean"),
    **dict.fromkeys(("local_response_norm", "within_map_response_norm"), normalised(1)),
    **dict.fromkeys(("local_response_norm_grad", "within_map_response_norm_grad"), normalised(2)),
    "cross_entropy": classified(False),
    "cross_entropy_grad": classified(True),
    "dropout": of_one_shape(1, st.sampled_from([0.0, 0.3, 1.0]), st.just(2.0), st.integers(0, 2**63 - 1),
                            st.integers(1, 2**40), st.integers(0, 2**35)),
}  # fmt: skip
