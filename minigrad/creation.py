"""Making tensors: from arrays and numbers, of one value, in order, at random, and from other tensors."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.arguments import numpy_words
from minigrad.arrays import Device
from minigrad.arrays import device as as_device
from minigrad.backends.layout import adopted
from minigrad.dtypes import checked_dtype
from minigrad.elements import HOST
from minigrad.indexing import checked_dim, checked_sizes
from minigrad.operands import checked_tensor
from minigrad.ops import shape as shape_ops
from minigrad.random import default_generator
from minigrad.tensors import Tensor

__all__ = [
    "arange",
    "cat",
    "eye",
    "from_dlpack",
    "full",
    "linspace",
    "ones",
    "ones_like",
    "rand",
    "randint",
    "randn",
    "stack",
    "tensor",
    "zeros",
    "zeros_like",
]

DType = npt.DTypeLike | None
Place = str | Device


def tensor(data: npt.ArrayLike, device: Place = "cpu", dtype: DType = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of the given numbers.

    Args:
        data: a NumPy array, whose dtype is kept, or (nested lists of) Python numbers, which become float32, int64 or
            bool.
        device: where it shall live.
        dtype: float32, float64, an integer type or bool, if not the one that follows from `data`.
        requires_grad: whether gradients are wanted.
    """
    try:
        values = np.asarray(data)
    except ValueError:
        raise ValueError("tensor: the nested lists are of different lengths; a tensor is a full box") from None
    if dtype is None and not isinstance(data, (np.ndarray, np.generic, Tensor)) and values.dtype == np.float64:
        dtype = np.float32
    values = values.astype(checked_dtype(values.dtype if dtype is None else dtype), copy=False)
    where = as_device(device)
    return Tensor(where.backend.from_host(values, where), requires_grad)


def from_dlpack(ext_tensor: Any, *, device: Place | None = None, copy: bool | None = None) -> Tensor:
    """A tensor of what another library has in the host's memory, by DLPack: of NumPy, PyTorch, JAX.

    Args:
        ext_tensor: anything with `__dlpack__`.
        device: where it shall live, "cpu" if None.
        copy: False to share the memory, which then nobody may write to any more; else it is copied.

    Raises:
        TypeError: it is nothing of the kind, or of a dtype that tensors do not have.
        ValueError: it lies on another device; or it cannot be shared.
    """
    if not hasattr(ext_tensor, "__dlpack_device__"):
        raise TypeError(f"from_dlpack takes what has __dlpack__, got {type(ext_tensor).__name__}")
    kind = int(ext_tensor.__dlpack_device__()[0])
    if kind != HOST[0]:
        raise ValueError(f"from_dlpack takes arrays in the host's memory, this one is on a device of kind {kind}")
    values, where = np.from_dlpack(ext_tensor), as_device("cpu" if device is None else device)
    checked_dtype(values.dtype)
    if copy is not False:
        return Tensor(where.backend.from_host(values, where))
    shared = adopted(values, where)
    if shared is None:
        raise ValueError(
            f"from_dlpack shares memory with cpu and reference alone, and where it lies in order; {where} needs a copy "
            f"of this array, of shape {values.shape} and strides {values.strides}: leave copy=False out"
        )
    return Tensor(shared)


# of one value


def full(
    size: int | Sequence[int],
    fill_value: float,
    *,
    dtype: DType = None,
    device: Place = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one value, of the shape `size`; the dtype follows from the value, as for `tensor`."""
    if not isinstance(fill_value, (numbers.Real, np.bool_)):
        raise TypeError(f"full fills with a number, got {type(fill_value).__name__}")
    kind = np.asarray(fill_value).dtype if dtype is None and not isinstance(fill_value, float) else checked_dtype(dtype)
    where, held = as_device(device), checked_dtype(kind)
    _check_fits("full", held, fill_value)
    return Tensor(where.backend.full(checked_sizes((size,)), fill_value, held, where), requires_grad)


def _check_fits(name: str, dtype: np.dtype[Any], *values: float) -> None:
    """Raise ValueError if an integer type does not hold the values."""
    limits = np.iinfo(dtype) if dtype.kind in "iu" else None
    for value in values:
        if limits is not None and not limits.min <= value <= limits.max:
            raise ValueError(f"{name}: {value} does not fit {dtype}, which holds {limits.min} to {limits.max}")


def zeros(*size: Any, dtype: DType = None, device: Place = "cpu", requires_grad: bool = False) -> Tensor:
    """A tensor of zeros, float32 if nothing else is said: zeros(2, 3) or zeros((2, 3))."""
    return full(checked_sizes(size), 0, dtype=checked_dtype(dtype), device=device, requires_grad=requires_grad)


def ones(*size: Any, dtype: DType = None, device: Place = "cpu", requires_grad: bool = False) -> Tensor:
    """A tensor of ones, as `zeros`."""
    return full(checked_sizes(size), 1, dtype=checked_dtype(dtype), device=device, requires_grad=requires_grad)


def zeros_like(
    input: Tensor, *, dtype: DType = None, device: Place | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros with the shape, dtype and device of another."""
    return _like("zeros_like", input, 0, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: DType = None, device: Place | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones with the shape, dtype and device of another."""
    return _like("ones_like", input, 1, dtype, device, requires_grad)


def _like(name: str, x: Tensor, value: float, dtype: DType, device: Place | None, requires_grad: bool) -> Tensor:
    x = checked_tensor(name, x)
    kind, where = x.dtype if dtype is None else dtype, x.device if device is None else device
    return full(x.shape, value, dtype=kind, device=where, requires_grad=requires_grad)


# in order


def arange(
    start: float,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType = None,
    device: Place = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """The numbers from `start` (0, if only one is given) up to `end`, which is not among them, `step` apart.

    They are int64 if all three are integers, else float32.
    """
    first, last = (0, start) if end is None else (start, end)
    if not all(isinstance(each, numbers.Real) for each in (first, last, step)) or step == 0:
        raise ValueError(f"arange counts from start to end by a step that is not 0, got {first}, {last}, {step}")
    return tensor(np.arange(first, last, step).tolist(), dtype=_counted(dtype, first, last, step), device=device,
                  requires_grad=requires_grad)  # fmt: skip


def _counted(dtype: DType, *given: float) -> DType:
    """int64 for integers, if nothing else is said."""
    return np.int64 if dtype is None and all(isinstance(each, numbers.Integral) for each in given) else dtype


def linspace(
    start: float, end: float, steps: int, *, dtype: DType = None, device: Place = "cpu", requires_grad: bool = False
) -> Tensor:
    """`steps` numbers from `start` to `end`, both among them, at equal distances; float32 if nothing else is said."""
    (count,) = checked_sizes((steps,))
    if not isinstance(start, numbers.Real) or not isinstance(end, numbers.Real):
        raise TypeError(f"linspace goes from a number to a number, got {start!r} and {end!r}")
    return tensor(
        np.linspace(start, end, count), dtype=checked_dtype(dtype), device=device, requires_grad=requires_grad
    )


def eye(
    n: int, m: int | None = None, *, dtype: DType = None, device: Place = "cpu", requires_grad: bool = False
) -> Tensor:
    """The matrix of `n` rows and `m` columns (`n`, if None) with ones on the diagonal, else zeros."""
    rows, columns = checked_sizes((n, n if m is None else m))
    return tensor(np.eye(rows, columns), dtype=checked_dtype(dtype), device=device, requires_grad=requires_grad)


# at random, drawn on the host from the generator that `mg.manual_seed` seeds


def randn(*size: Any, dtype: DType = None, device: Place = "cpu", requires_grad: bool = False) -> Tensor:
    """A tensor of standard normals, float32 or float64."""
    values = default_generator.stream().standard_normal(checked_sizes(size))
    return tensor(values, dtype=_drawn("randn", dtype), device=device, requires_grad=requires_grad)


def rand(*size: Any, dtype: DType = None, device: Place = "cpu", requires_grad: bool = False) -> Tensor:
    """A tensor of numbers that are uniformly distributed on [0, 1), float32 or float64."""
    kind = _drawn("rand", dtype)
    values = default_generator.stream().random(checked_sizes(size), dtype=kind)
    return tensor(values, dtype=kind, device=device, requires_grad=requires_grad)


def _drawn(name: str, dtype: DType) -> np.dtype[Any]:
    drawn = checked_dtype(dtype)
    if drawn.kind != "f":
        raise TypeError(f"{name} draws float32 or float64, not {drawn}")
    return drawn


def randint(
    low: int,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    dtype: DType = None,
    device: Place = "cpu",
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of integers, int64 if nothing else is said: randint(low, high, size), high not among them.

    As in PyTorch, randint(high, size) draws from 0 on.
    """
    if size is None and high is not None and not isinstance(high, numbers.Integral):
        return randint(0, low, high, dtype=dtype, device=device, requires_grad=requires_grad)
    if not isinstance(low, numbers.Integral) or not isinstance(high, numbers.Integral) or size is None:
        raise TypeError("randint takes integers and a shape: randint(low, high, size) or randint(high, size)")
    if low >= high:
        raise ValueError(f"randint draws from low up to high, which is not among them; got {low} and {high}")
    kind = checked_dtype(np.int64 if dtype is None else dtype)
    _check_fits("randint", kind, low, high - 1)
    values = default_generator.stream().integers(low, high, checked_sizes((size,)))
    return tensor(values, dtype=kind, device=device, requires_grad=requires_grad)


# from other tensors


@numpy_words
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors joined along an axis; their other axes, dtypes and devices agree."""
    tensors = _list("cat", tensors)
    first = tensors[0]
    axis = checked_dim(dim, first.shape)
    for x in tensors[1:]:
        if x.ndim != first.ndim or any(
            a != b for at, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if at != axis
        ):
            raise ValueError(f"cat: the shapes {first.shape} and {x.shape} differ in more than axis {axis}")
        if x.dtype != first.dtype:
            raise TypeError(f"cat: the dtypes {first.dtype} and {x.dtype} differ; convert with .to")
    return shape_ops.Cat.apply(*tensors, dim=axis)


@numpy_words
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape, dtype and device joined along a new axis, which is then axis `dim`."""
    tensors = _list("stack", tensors)
    for x in tensors[1:]:
        if x.shape != tensors[0].shape:
            raise ValueError(f"stack: the shapes {tensors[0].shape} and {x.shape} differ")
    return cat([x.unsqueeze(dim) for x in tensors], checked_dim(dim, (*tensors[0].shape, 1)))


def _list(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, Iterable):
        raise TypeError(f"{name} takes a list of tensors, got {type(tensors).__name__}")
    result = list(tensors)
    if not result:
        raise TypeError(f"{name} takes a list of at least one tensor, got an empty one")
    for x in result:
        if not isinstance(x, Tensor):
            given = type(x).__name__
            raise TypeError(f"{name} takes a list of tensors, got {given} in it; make a tensor with mg.tensor")
    return result
