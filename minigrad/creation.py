"""Making tensors: from arrays and numbers, of one value, of random numbers, and from other tensors."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.arrays import Device, DeviceArray
from minigrad.arrays import device as as_device
from minigrad.dtypes import checked_dtype
from minigrad.indexing import checked_dim
from minigrad.ops import shape as shape_ops
from minigrad.random import default_generator
from minigrad.tensors import Tensor, apply

__all__ = ["cat", "ones", "randn", "tensor", "zeros"]


def tensor(
    array: npt.ArrayLike, device: str | Device = "cpu", dtype: npt.DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor with a copy of the given numbers.

    Args:
        array: a NumPy array, whose dtype is kept, or (nested lists of) Python numbers, which become float32 or int64.
        device: where it shall live.
        dtype: float32, float64 or an integer type, if not the one that follows from `array`.
        requires_grad: whether gradients are wanted.
    """
    try:
        values = np.asarray(array)
    except ValueError:
        raise ValueError("tensor: the nested lists are of different lengths; a tensor is a full box") from None
    if dtype is None and not isinstance(array, (np.ndarray, np.generic, Tensor)) and values.dtype == np.float64:
        dtype = np.float32
    values = values.astype(checked_dtype(values.dtype if dtype is None else dtype), copy=False)
    where = as_device(device)
    return Tensor(where.backend.from_host(values, where), requires_grad)


def _filled(value: float, sizes: tuple[Any, ...], device: str | Device, dtype: npt.DTypeLike | None) -> DeviceArray:
    where = as_device(device)
    return where.backend.full(_sizes(sizes), value, checked_dtype(dtype), where)


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """zeros(2, 3) and zeros((2, 3)) mean the same."""
    shape_ = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    if any(not isinstance(n, numbers.Integral) or n < 0 for n in shape_):
        raise ValueError(f"a shape is made of non-negative integers, got {shape_}")
    return tuple(int(n) for n in shape_)


def zeros(
    *shape: Any, device: str | Device = "cpu", dtype: npt.DTypeLike | None = np.float32, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros."""
    return Tensor(_filled(0, shape, device, dtype), requires_grad)


def ones(
    *shape: Any, device: str | Device = "cpu", dtype: npt.DTypeLike | None = np.float32, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones."""
    return Tensor(_filled(1, shape, device, dtype), requires_grad)


def randn(
    *shape: Any, device: str | Device = "cpu", dtype: npt.DTypeLike | None = np.float32, requires_grad: bool = False
) -> Tensor:
    """A tensor of standard normals, drawn on the host from the generator that `mg.manual_seed` seeds."""
    drawn = checked_dtype(dtype)
    if drawn.kind != "f":
        raise TypeError(f"randn draws float32 or float64, not {drawn}")
    return tensor(default_generator.stream().standard_normal(_sizes(shape)), device, drawn, requires_grad)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors joined along an axis; their other axes, dtypes and devices agree."""
    if isinstance(tensors, Tensor) or not isinstance(tensors, Iterable):
        raise TypeError(f"cat takes a list of tensors, got {type(tensors).__name__}")
    tensors = list(tensors)
    if not tensors:
        raise TypeError("cat takes a list of at least one tensor, got an empty one")
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"cat takes a list of tensors, got {type(x).__name__} in it; make a tensor with mg.tensor")
    first = tensors[0]
    axis = checked_dim(dim, first.shape)
    for x in tensors[1:]:
        if x.ndim != first.ndim or any(
            a != b for at, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if at != axis
        ):
            raise ValueError(f"cat: the shapes {first.shape} and {x.shape} differ in more than axis {axis}")
        if x.dtype != first.dtype:
            raise TypeError(f"cat: the dtypes {first.dtype} and {x.dtype} differ; convert with .to")
    return apply(shape_ops.Cat, *tensors, dim=axis)
