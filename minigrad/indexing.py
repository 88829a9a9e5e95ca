"""What a user may write for an axis, an index and a shape, checked and made plain."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from math import prod
from types import EllipsisType
from typing import Any

__all__ = ["Dims", "Index", "checked_dim", "checked_dims", "checked_index", "checked_shape"]

Index = int | slice | EllipsisType | tuple[Any, ...]
Dims = int | Sequence[int] | None
Shape = tuple[int, ...]


def checked_dim(dim: int, shape: Shape) -> int:
    """An axis as a number that is not negative.

    Raises:
        TypeError: it is no integer.
        IndexError: there is none of that number.
    """
    if isinstance(dim, bool) or not isinstance(dim, numbers.Integral):
        raise TypeError(f"an axis is an integer, got {dim!r}")
    if not -len(shape) <= dim < len(shape):
        raise IndexError(f"there is no axis {dim} in a tensor of shape {shape}")
    return int(dim) % len(shape)


def checked_dims(dim: Dims, shape: Shape) -> tuple[int, ...]:
    """Axes in order, all of them for None.

    Raises:
        ValueError: one is named twice.
    """
    if dim is None:
        return tuple(range(len(shape)))
    given = dim if isinstance(dim, Sequence) else (dim,)
    dims = tuple(sorted(checked_dim(each, shape) for each in given))
    if len(set(dims)) < len(dims):
        raise ValueError(f"an axis is named twice in {dim!r}")
    return dims


def checked_index(index: Index, shape: Shape) -> tuple[int | slice, ...]:
    """One integer, not negative, or slice for each axis.

    Raises:
        TypeError: a part is neither an integer nor a slice nor "...".
        IndexError: it has too many parts, or reaches beyond an axis.
    """
    items = index if isinstance(index, tuple) else (index,)
    for item in items:
        if not (isinstance(item, (slice, numbers.Integral)) or item is Ellipsis) or isinstance(item, bool):
            raise TypeError(f"a tensor is indexed by integers, slices and '...', got {item!r}")
    if sum(item is Ellipsis for item in items) > 1 or len(items) - (Ellipsis in items) > len(shape):
        raise IndexError(f"the index {index!r} has too many parts for a tensor of shape {shape}")
    at = items.index(Ellipsis) if Ellipsis in items else len(items)
    front, back = items[:at], items[at + 1 :]
    full = front + (slice(None),) * (len(shape) - len(front) - len(back)) + back
    for axis, (item, length) in enumerate(zip(full, shape, strict=True)):
        if isinstance(item, slice):
            _check_slice(item)
        elif not -length <= item < length:
            raise IndexError(f"index {item} is out of range for axis {axis} of length {length}")
    return tuple(
        item if isinstance(item, slice) else int(item) % length for item, length in zip(full, shape, strict=True)
    )


def checked_shape(given: tuple[Any, ...], shape: Shape) -> Shape:
    """The shape that `reshape(*given)` asks for, of a tensor of another shape: integers or a list of them, one -1.

    Raises:
        ValueError: it is no shape, or does not hold as many elements.
    """
    size = prod(shape)
    wanted = tuple(given[0]) if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    if any(not isinstance(n, numbers.Integral) or n < -1 for n in wanted):
        raise ValueError(f"reshape: a shape is made of integers, one of them may be -1; got {given}")
    if wanted.count(-1) == 1:
        known = prod(n for n in wanted if n != -1)
        if known and size % known == 0:
            wanted = tuple(size // known if n == -1 else n for n in wanted)
    if prod(wanted) != size or any(n < 0 for n in wanted):
        raise ValueError(f"reshape: a tensor of shape {shape} has {size} elements, {given} does not fit")
    return wanted


def _check_slice(item: slice) -> None:
    if any(not isinstance(n, (numbers.Integral, type(None))) for n in (item.start, item.stop, item.step)):
        raise TypeError(f"a slice is made of integers, got {item}")
    if item.step == 0:
        raise ValueError(f"the step of a slice is not 0, got {item}")
