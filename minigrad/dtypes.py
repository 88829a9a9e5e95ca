"""The dtypes that tensors have, and the one that two of them meet in."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["checked_dtype", "common_dtype", "dtype_beside", "is_dtype_name"]


def checked_dtype(dtype: npt.DTypeLike | None) -> np.dtype[Any]:
    """The dtype, if tensors can have it: float32, which None stands for, float64 or an integer type.

    Raises:
        TypeError: they cannot.
    """
    try:
        result = np.dtype(np.float32 if dtype is None else dtype)
    except TypeError:
        raise TypeError(f"a dtype is one of NumPy's, such as np.float32; got {dtype!r}") from None
    if result.kind not in "iu" and result not in (np.float32, np.float64):
        raise TypeError(f"tensors hold float32, float64 or integers, not {result}; convert with .astype first")
    return result


def common_dtype(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """Floating point wins over integers, the wider over the narrower."""
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.result_type(a, b)


def dtype_beside(name: str, number: numbers.Real, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a Python number that meets a tensor of a dtype: that one, but float32 for 0.5 beside integers.

    Raises:
        ValueError: it does not fit; `name` is the operation's.
    """
    if dtype.kind != "f" and not isinstance(number, numbers.Integral):
        return np.dtype(np.float32)
    limits = np.finfo(np.float64) if dtype.kind == "f" else np.iinfo(dtype)
    if isinstance(number, numbers.Integral) and not int(limits.min) <= int(number) <= int(limits.max):
        raise ValueError(f"{name}: {number} does not fit the other operand's dtype, {dtype}; convert it with .to")
    return dtype


def is_dtype_name(name: str) -> bool:
    """Whether NumPy knows a dtype by that name."""
    try:
        np.dtype(name)
    except TypeError:
        return False
    return True
