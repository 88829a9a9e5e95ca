"""What meets in an operation: tensors, and tensors and Python numbers, checked and brought to one dtype."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.arrays import check_same_device
from minigrad.dtypes import common_dtype, dtype_beside
from minigrad.elements import Elements

if TYPE_CHECKING:
    from minigrad.tensors import Tensor

__all__ = ["as_float", "check_together", "checked_tensor", "logical", "one_dtype", "pair", "same_dtype"]


def checked_tensor(name: str, x: Any) -> Tensor:
    """x, which is a tensor.

    Raises:
        TypeError: it is none; `name` is the operation's.
    """
    if not isinstance(x, Elements):
        raise TypeError(f"{name} takes tensors, got {type(x).__name__}; make one with mg.tensor")
    return x  # type: ignore[return-value] # there is one class of them


def pair(name: str, left: Any, right: Any) -> tuple[Tensor, Tensor]:
    """Two tensors, or a tensor and a number, as two tensors that are on one device and broadcast."""
    x: Any = left if isinstance(left, Elements) else _number(name, left, right)
    y: Any = right if isinstance(right, Elements) else _number(name, right, left)
    a, b = x.array, y.array
    if a.device is not b.device or (a.shape != b.shape and a.shape != () != b.shape):  # else there is nothing to check
        check_together(name, x, y)
    return x, y


def check_together(name: str, *tensors: Tensor) -> None:
    """Raise unless the tensors are on one device, and their shapes broadcast."""
    check_same_device(name, (x.array for x in tensors))
    try:
        np.broadcast_shapes(*(x.shape for x in tensors))
    except ValueError:
        shapes = " and ".join(str(x.shape) for x in tensors)
        raise ValueError(f"{name}: the shapes {shapes} do not broadcast") from None


def _number(name: str, value: Any, other: Any) -> Tensor:
    """A number as a tensor that goes with the other operand, which is one."""
    if isinstance(value, numbers.Real):
        return other.number(value, dtype_beside(name, value, other.dtype))
    raise TypeError(f"{name} takes tensors and numbers, got {type(value).__name__}; make a tensor with mg.tensor")


def one_dtype(name: str, left: Any, right: Any) -> tuple[Tensor, Tensor]:
    """The same two in the dtype of their result."""
    x, y = pair(name, left, right)
    a, b = x.array, y.array
    if a.dtype == b.dtype:
        return x, y
    dtype = common_dtype(a.dtype, a.ndim, b.dtype, b.ndim)
    return x.to(dtype), y.to(dtype)


def logical(name: str, left: Any, right: Any) -> tuple[Tensor, Tensor]:
    """The same two, which are bools.

    Raises:
        TypeError: they are not.
    """
    x, y = pair(name, left, right)
    for each in (x, y):
        if each.dtype.kind != "b":
            raise TypeError(
                f"{name} takes bool tensors, such as comparisons give, got {each.dtype}; convert with .bool()"
            )
    return x, y


def as_float(x: Any, other: Any = None) -> Tensor:
    """An integer tensor as float32, or as the floating-point dtype of the other operand."""
    tensor: Tensor = x
    if tensor.dtype.kind == "f":
        return tensor
    return tensor.to(other.dtype if other is not None and other.dtype.kind == "f" else np.float32)


def same_dtype(name: str, *tensors: Any) -> None:
    """Raise TypeError if they are not all tensors of one floating-point dtype."""
    dtypes = [checked_tensor(name, x).dtype for x in tensors]
    if dtypes[0].kind != "f" or any(dtype != dtypes[0] for dtype in dtypes):
        given = " and ".join(dict.fromkeys(str(dtype) for dtype in dtypes))
        raise TypeError(f"{name} takes tensors of one floating-point dtype, got {given}; convert with .to(mg.float32)")
