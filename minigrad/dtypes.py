"""The dtypes that tensors have, and the one that two of them meet in."""

from __future__ import annotations

import builtins
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "bool",
    "checked_dtype",
    "common_dtype",
    "double",
    "dtype_beside",
    "float",
    "float32",
    "float64",
    "int32",
    "int64",
    "is_dtype_name",
    "long",
    "uint8",
]

DType = np.dtype[Any]

# As users write them: mg.float32. Tensors hold any NumPy integers; these are the ones with a name of ours.
float32 = float = np.dtype(np.float32)
float64 = double = np.dtype(np.float64)
int64 = long = np.dtype(np.int64)
int32 = np.dtype(np.int32)
uint8 = np.dtype(np.uint8)
bool = np.dtype(np.bool_)

_OURS: dict[str, DType] = {
    "float": float32,
    "double": float64,
    "long": int64,
    "bool": bool,
}  # "float" is float64 to NumPy
_RANKS = {"b": 0, "u": 1, "i": 1, "f": 2}


def checked_dtype(dtype: npt.DTypeLike | None) -> DType:
    """The dtype, if tensors can have it: float32, which None and "float" stand for, float64, integers or bool.

    Raises:
        TypeError: they cannot.
    """
    try:
        ours: DType | None = _OURS.get(dtype) if isinstance(dtype, str) else None
        result = np.dtype(np.float32 if dtype is None else dtype) if ours is None else ours
    except TypeError:
        raise TypeError(f"a dtype is one of mg.float32, mg.int64, ... or NumPy's; got {dtype!r}") from None
    if result.kind not in "biu" and result not in (float32, float64):
        raise TypeError(f"tensors hold float32, float64, integers or bool, not {result}; convert with .astype first")
    return result


def common_dtype(a: DType, a_ndim: int, b: DType, b_ndim: int) -> DType:
    """The dtype of a result of two tensors, by PyTorch's rule, from their dtypes and numbers of axes.

    Floating point wins over integers, and these over bool; among equals the wider wins. But a tensor without axes
    counts only if the other has axes and is of a lower kind.
    """
    ranks = _RANKS[a.kind], _RANKS[b.kind]
    if ranks[0] != ranks[1]:
        return a if ranks[0] > ranks[1] else b
    if a == b or (a_ndim == 0) == (b_ndim == 0):
        return a if a == b else np.result_type(a, b)
    return b if a_ndim == 0 else a


def dtype_beside(name: str, number: Any, dtype: DType) -> DType:
    """The dtype of a Python number that meets a tensor of a dtype: that one, if it is of the number's kind or above.

    Otherwise a float is float32 (0.5 beside integers), an integer int64 (2 beside bools).

    Raises:
        ValueError: it does not fit; `name` is the operation's.
    """
    if number is True or number is False or isinstance(number, np.bool_):
        return dtype
    if dtype.kind != "f" and not isinstance(number, numbers.Integral):
        return float32
    if dtype.kind == "b":
        dtype = int64
    if isinstance(number, builtins.float):
        return dtype
    limits = np.finfo(np.float64) if dtype.kind == "f" else np.iinfo(dtype)
    if isinstance(number, numbers.Integral) and not int(limits.min) <= int(number) <= int(limits.max):
        raise ValueError(f"{name}: {number} does not fit the other operand's dtype, {dtype}; convert it with .to")
    return dtype


def is_dtype_name(name: str) -> Any:
    """Whether it is the name of a dtype, ours or NumPy's."""
    try:
        np.dtype(name)
    except TypeError:
        return name in _OURS
    return True
