"""Where elements lie in memory, and in which order those of a result do: the rules that the fast backends share.

An array is stored in C order of its shape, or in CHWN order: axis 0 is then the last axis of the storage, so that a
batch of images lies as C x H x W x N.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from minigrad.arrays import Device, DeviceArray

__all__ = [
    "adopted",
    "cat_layout",
    "on_host",
    "one_order",
    "order_as",
    "order_of_part",
    "order_of_reshaped",
    "order_of_taken",
    "storage",
    "storage_axis",
    "sum_layout",
    "view",
]

T = TypeVar("T")
Shape = tuple[int, ...]


def storage(axes: tuple[T, ...], chwn: bool) -> tuple[T, ...]:
    """What is known of each axis (its length, its stride, its part of an index), in the order of the storage."""
    return axes[1:] + axes[:1] if chwn else axes


def storage_axis(axis: int, x: DeviceArray) -> int:
    """Which axis of the storage an axis of x is."""
    return (axis - 1) % x.ndim if x.chwn else axis


def on_host(x: DeviceArray) -> bool:
    """Whether the storage of x is an ndarray."""
    return isinstance(x.data, np.ndarray)


def view(x: DeviceArray) -> np.ndarray:
    """x, whose storage is an ndarray, as its users see it: of its logical shape, strided if it is in CHWN order."""
    array: np.ndarray = x.data
    return array.transpose(x.ndim - 1, *range(x.ndim - 1)) if x.chwn else array


def adopted(array: np.ndarray, device: Device) -> DeviceArray | None:
    """An array on the memory of an ndarray, where that is the device's and lies in an order of its own; else None."""
    if device.type == "cuda":
        return None
    if array.flags.c_contiguous:
        return DeviceArray(array, array.shape, array.dtype, device)
    stored = array.transpose(*range(1, array.ndim), 0)
    if device.type == "cpu" and stored.flags.c_contiguous:
        return DeviceArray(stored, array.shape, array.dtype, device, chwn=True)
    return None


def one_order(x: DeviceArray) -> bool:
    """Whether both orders store the elements of x alike: there is one image, or one element per image."""
    return x.ndim < 2 or x.shape[0] == 1 or x.size <= x.shape[0]


def order_as(shape: Shape, *operands: DeviceArray) -> bool:
    """Whether a result of that shape is in CHWN order: it is where an operand is that has its axes and its batch."""
    return any(x.chwn and x.ndim == len(shape) and x.shape[0] == shape[0] for x in operands)


def order_of_reshaped(x: DeviceArray, shape: Shape) -> bool:
    """Whether x reshaped is in CHWN order: it stays so where axis 0 does."""
    return x.chwn and len(shape) > 1 and shape[0] == x.shape[0]


def order_of_part(x: DeviceArray, index: tuple[int | slice, ...], shape: Shape) -> bool:
    """Whether x[index], which has that shape, is in CHWN order: it stays so where all images are taken."""
    return x.chwn and isinstance(index[0], slice) and order_of_reshaped(x, shape)


def order_of_taken(x: DeviceArray, axis: int, shape: Shape) -> bool:
    """Whether what is taken of x along an axis, or its gradient, is in CHWN order: it stays so where axis 0 does."""
    return x.chwn and axis != 0 and len(shape) > 1


def sum_layout(x: DeviceArray, dims: tuple[int, ...], keepdim: bool) -> tuple[Shape, bool]:
    """The shape of a sum over axes, and whether it is in CHWN order: it stays so where axis 0 does."""
    shape = tuple(1 if axis in dims else n for axis, n in enumerate(x.shape) if keepdim or axis not in dims)
    return shape, x.chwn and 0 not in dims and len(shape) > 1


def cat_layout(arrays: Sequence[DeviceArray], dim: int) -> tuple[Shape, bool]:
    """The shape of arrays joined along an axis, and whether it is in CHWN order: it is where one of them is."""
    first = arrays[0].shape
    shape = (*first[:dim], sum(x.shape[dim] for x in arrays), *first[dim + 1 :])
    return shape, any(x.chwn for x in arrays)
