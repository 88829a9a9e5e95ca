"""What a user may write for an axis, an index and a shape, checked and made plain."""

from __future__ import annotations

import numbers
import operator
from collections.abc import Sequence
from math import prod
from types import EllipsisType
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Dims",
    "Index",
    "Selection",
    "checked_dim",
    "checked_dims",
    "checked_index",
    "checked_permutation",
    "checked_shape",
    "checked_sizes",
    "flat_indices",
]

Index = int | slice | EllipsisType | None | Sequence[int] | tuple[Any, ...] | Any
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
    return tuple(sorted(_different(dim if isinstance(dim, Sequence) else (dim,), shape)))


def checked_permutation(given: tuple[Any, ...], shape: Shape) -> tuple[int, ...]:
    """The axes of a tensor in the order that `permute(*given)` asks for: integers or a list of them.

    Raises:
        ValueError: one is missing, or named twice.
    """
    dims = _different(_listed(given), shape)
    if len(dims) != len(shape):
        raise ValueError(f"permute names every axis of the shape {shape} once, got {tuple(dims)}")
    return tuple(dims)


def _different(given: Sequence[Any], shape: Shape) -> list[int]:
    dims = [checked_dim(each, shape) for each in given]
    if len(set(dims)) < len(dims):
        raise ValueError(f"an axis is named twice in {given!r}")
    return dims


def _listed(given: tuple[Any, ...]) -> tuple[Any, ...]:
    """f(2, 3) and f((2, 3)) mean the same."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], (tuple, list)) else given


class Selection(NamedTuple):
    """An index, taken apart.

    Attributes:
        basic: an integer, not negative, or a slice for each axis: what is selected first.
        shape: that of what was selected, with the new axes that None asks for.
        arrays: by axis of that shape, integers of any shape (a NumPy array, or a tensor): what is taken then.
    """

    basic: tuple[int | slice, ...]
    shape: Shape
    arrays: dict[int, Any]

    @property
    def everything(self) -> bool:
        """Whether the first step selects all there is."""
        return all(item == slice(None) for item in self.basic)


def checked_index(index: Index, shape: Shape) -> Selection:
    """An index: integers, slices, "...", None, and arrays or lists of integers, of which `x[i, j]` takes pairs.

    Raises:
        TypeError: a part is none of these.
        IndexError: it has too many parts, or reaches beyond an axis.
    """
    items = [_part(item) for item in (index if isinstance(index, tuple) else (index,))]
    missing = len(shape) - sum(item is not None and item is not Ellipsis for item in items)
    dots = sum(item is Ellipsis for item in items)
    if dots > 1 or missing < 0:
        raise IndexError(f"the index {index!r} has too many parts for a tensor of shape {shape}")
    at = next((number for number, item in enumerate(items) if item is Ellipsis), len(items))
    items[at : at + dots] = [slice(None)] * missing

    basic: list[int | slice] = []
    lengths: list[int] = []
    arrays: dict[int, Any] = {}
    for item in items:
        if item is None:
            lengths.append(1)
            continue
        length = shape[len(basic)]
        if isinstance(item, int):
            if not -length <= item < length:
                raise IndexError(f"index {item} is out of range for axis {len(basic)} of length {length}")
            basic.append(item % length)
            continue
        part = slice(None)
        if isinstance(item, slice):
            part = _checked_slice(item)
        else:
            arrays[len(lengths)] = item
        basic.append(part)
        lengths.append(len(range(*part.indices(length))))
    return Selection(tuple(basic), tuple(lengths), arrays)


def _part(item: Any) -> Any:
    """A part of an index: None, "...", a slice, a Python integer, or an array of integers."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return item
    if isinstance(item, (list, tuple, range)):
        try:
            item = np.asarray(item) if len(item) else np.zeros(0, np.int64)
        except ValueError:
            raise IndexError(f"the lists of an index are of different lengths: {item!r}") from None
    kind = item.dtype.kind if hasattr(item, "dtype") else "b" if isinstance(item, bool) else ""
    if kind == "b":
        raise TypeError(
            "a tensor is not indexed by a mask of bools; choose with mg.where(mask, x, 0), or take the elements by "
            "x.flatten()[np.flatnonzero(mask.numpy())]"
        )
    if kind in ("i", "u") and len(item.shape) > 0:
        return item
    try:
        return operator.index(item)
    except TypeError:
        raise TypeError(
            f"a tensor is indexed by integers, slices, '...', None and integer tensors or lists, got {item!r}"
        ) from None


def flat_indices(arrays: Sequence[np.ndarray], lengths: Shape) -> np.ndarray:
    """Indices into axes of those lengths, which broadcast, as one array of indices into the axes made one.

    They are checked here, on the host, wherever they came from: a kernel would read beyond the array.

    Raises:
        IndexError: they do not broadcast, or one is out of range.
    """
    for array, length in zip(arrays, lengths, strict=True):
        wrong = array[(array < -length) | (array >= length)]
        if wrong.size:
            raise IndexError(f"index {wrong.flat[0]} is out of range for an axis of length {length}")
    try:
        together = np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise IndexError(f"the indices have shapes that do not broadcast: {shapes}") from None
    flat = np.zeros(together[0].shape, np.int64)
    for array, length in zip(together, lengths, strict=True):
        flat = flat * length + array.astype(np.int64) % max(length, 1)
    return flat


def checked_shape(given: tuple[Any, ...], shape: Shape) -> Shape:
    """The shape that `reshape(*given)` asks for, of a tensor of another shape: integers or a list of them, one -1.

    Raises:
        ValueError: it is no shape, or does not hold as many elements.
    """
    size = prod(shape)
    wanted = _listed(given)
    if any(not isinstance(n, numbers.Integral) or n < -1 for n in wanted):
        raise ValueError(f"reshape: a shape is made of integers, one of them may be -1; got {given}")
    if wanted.count(-1) == 1:
        known = prod(n for n in wanted if n != -1)
        if known and size % known == 0:
            wanted = tuple(size // known if n == -1 else n for n in wanted)
    if prod(wanted) != size or any(n < 0 for n in wanted):
        raise ValueError(f"reshape: a tensor of shape {shape} has {size} elements, {given} does not fit")
    return wanted


def checked_sizes(given: tuple[Any, ...]) -> Shape:
    """The shape that `zeros(*given)` asks for.

    Raises:
        ValueError: it is no shape.
    """
    sizes = _listed(given)
    if any(not isinstance(n, numbers.Integral) or n < 0 for n in sizes):
        raise ValueError(f"a shape is made of non-negative integers, got {sizes}")
    return tuple(int(n) for n in sizes)


def _checked_slice(item: slice) -> slice:
    """A slice of Python's integers; whatever is an index may stand in it, x[t : t + 8] of an integer tensor t."""
    try:
        start, stop, step = (None if n is None else operator.index(n) for n in (item.start, item.stop, item.step))
    except TypeError:
        raise TypeError(f"a slice is made of integers, got {item}") from None
    if step == 0:
        raise ValueError(f"the step of a slice is not 0, got {item}")
    return slice(start, stop, step)
