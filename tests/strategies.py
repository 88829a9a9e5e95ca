"""Hypothesis strategies: shapes, arrays, and the configurations of convolutions and poolings, all small.

An array is drawn as a shape and a seed: a failing example shrinks to a small shape, and drawing stays fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import EllipsisType

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from reference import Padding, Size, four_sides, pair

Shape = tuple[int, ...]

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


@dataclass(frozen=True)
class PoolCase:
    """A pooling: the shape of its input and how the window moves over it."""

    x_shape: Shape
    kernel_size: Size
    stride: Size | None
    padding: Size
    ceil_mode: bool
    seed: int

    @property
    def arguments(self) -> tuple[Size, Size | None, Size, bool]:
        """(kernel_size, stride, padding, ceil_mode), as the functions take them."""
        return self.kernel_size, self.stride, self.padding, self.ceil_mode


@st.composite
def pool_cases(draw: st.DrawFn) -> PoolCase:
    kernel_size = draw(int_or_pair(1, 4))
    kernel_h, kernel_w = pair(kernel_size)
    paddings = [(h, w) for h in range(kernel_h // 2 + 1) for w in range(kernel_w // 2 + 1)]
    padding: Size = draw(st.sampled_from(paddings))
    if padding[0] == padding[1] and draw(st.booleans()):
        padding = padding[0]
    padding_h, padding_w = pair(padding)
    height = max(1, kernel_h - 2 * padding_h) + draw(st.integers(0, 4))
    width = max(1, kernel_w - 2 * padding_w) + draw(st.integers(0, 4))
    return PoolCase(
        x_shape=(draw(batches), draw(st.integers(1, 3)), height, width),
        kernel_size=kernel_size,
        stride=draw(st.one_of(st.none(), int_or_pair(1, 3))),
        padding=padding,
        ceil_mode=draw(st.booleans()),
        seed=draw(seeds),
    )
