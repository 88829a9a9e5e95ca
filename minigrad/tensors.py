"""Tensor: what a user holds, an array and the Function that computed it. The engine is in autograd.py."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple, cast, overload

import numpy as np
import numpy.typing as npt

from minigrad import display
from minigrad.arrays import Device, DeviceArray, check_same_device, device
from minigrad.autograd import backpropagate, is_recording, record
from minigrad.dtypes import checked_dtype, common_dtype, dtype_beside, is_dtype_name
from minigrad.function import Function
from minigrad.indexing import Dims, Index, checked_dim, checked_dims, checked_index, checked_shape
from minigrad.ops import arithmetic, matrix, reduction, shape

__all__ = ["Largest", "Tensor", "apply", "same_dtype"]


class Largest(NamedTuple):
    """What `Tensor.max(dim)` returns."""

    values: Tensor
    indices: Tensor


def _operator(function_class: type[Function], swapped: bool = False) -> Callable[[Tensor, Any], Tensor]:
    """The method for an operator with the tensor on its left, or on its right."""
    return lambda self, other: _binary(function_class, *((other, self) if swapped else (self, other)))


def _in_place_operator(function_class: type[Function]) -> Callable[[Tensor, Any], Tensor]:
    """The method for an operator that changes the tensor on its left."""
    return lambda self, other: self._become(function_class.name, lambda: _binary(function_class, self, other))


class Tensor:
    """An array on a device that can be differentiated.

    Made by `mg.tensor`, `zeros`, `ones`, `randn` and by operations. Arithmetic broadcasts as in NumPy; Python numbers
    take the dtype of the tensor that they meet. `x += y` gives this object another array, which every holder sees.

    Attributes:
        array: the DeviceArray.
        grad: the gradient that backward passes have added up, a Tensor, or None. Only tensors that were made with
            `requires_grad=True` (not computed from others) have one.
        grad_fn: the Function that computed this tensor, where that was recorded; None for a leaf.
        requires_grad: whether operations on this tensor are recorded.
    """

    # no attribute comes by a slip of the pen
    __slots__ = ("__weakref__", "_grad", "_requires_grad", "array", "grad_fn")
    __array_ufunc__ = None  # so that `ndarray + tensor` asks Tensor.__radd__, which can say what to do

    def __init__(self, array: DeviceArray, requires_grad: bool = False) -> None:
        if not isinstance(array, DeviceArray):
            raise TypeError(f"Tensor wraps a DeviceArray, got {type(array).__name__}; make a tensor with mg.tensor")
        self.array = array
        self._grad: Tensor | None = None
        self.grad_fn: Function | None = None
        self._requires_grad = False
        self.requires_grad = requires_grad

    # what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis; axis 0 is the batch."""
        return self.array.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.array.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the elements."""
        return self.array.dtype

    @property
    def device(self) -> Device:
        """Where the elements are."""
        return self.array.device

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded for a backward pass."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self.dtype.kind != "f":
            raise TypeError(f"only float32 and float64 tensors can require a gradient, this one is {self.dtype}")
        if not value and self.grad_fn is not None:
            raise RuntimeError("a computed tensor cannot stop requiring its gradient; use .detach()")
        self._requires_grad = bool(value)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have added up: a tensor like this one, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            _check_gradient("grad", self, value)
        self._grad = value

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a tensor without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        values = np.array2string(self.numpy(), separator=", ", prefix="tensor(", threshold=100)
        gradient = ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({values}, shape={self.shape}, dtype={self.dtype}, device='{self.device}'{gradient})"

    def _repr_html_(self) -> str:
        """What Jupyter shows: shape, dtype, device, and values."""
        gradient = ", requires a gradient" if self.requires_grad else ""
        return display.array_table(self.numpy(), f"shape {self.shape}, {self.dtype}, {self.device}{gradient}")

    # out of the engine

    def numpy(self) -> np.ndarray:
        """A copy on the host in C order, from any device, also where a gradient is required."""
        return self.device.backend.to_host(self.array)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a tensor becomes a NumPy array only by copying")
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def item(self) -> float | int:
        """The value of a tensor of one element, as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() takes the value of a tensor of one element; this one has shape {self.shape}")
        return cast("float | int", self.numpy().item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, (Tensor, np.ndarray, numbers.Number)):
            raise TypeError("tensors are not compared by == and !=; compare the arrays of .numpy()")
        return NotImplemented

    # other places, dtypes and graphs

    def detach(self) -> Tensor:
        """The same array, not recorded. Changed in place, it goes its own way; `data` changes this tensor."""
        return Tensor(self.array)

    @property
    def data(self) -> Tensor:
        """The elements as an unrecorded tensor. What is done to it in place, or assigned to it, happens to this one."""
        return _Data(self)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"data is a tensor, got {type(value).__name__}; make one with mg.tensor")
        check_same_device("data", (self.array, value.array))
        if value.dtype != self.dtype:
            raise TypeError(f"data: this tensor is {self.dtype}, the other {value.dtype}; convert with .to")
        self.array = value.array

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad`, and return the tensor."""
        self.requires_grad = requires_grad
        return self

    def to(self, target: str | Device | npt.DTypeLike) -> Tensor:
        """This tensor on another device ("cuda:1") or in another dtype (np.float64); itself if it is so already.

        Differentiable: the gradient travels back to this tensor's device and dtype.
        """
        if isinstance(target, Device) or (isinstance(target, str) and not is_dtype_name(target)):
            where = device(target)
            return self if where == self.device else apply(shape.To, self, target=where)
        if target is None:
            raise TypeError("to() takes a device such as 'cpu:1' or a dtype such as np.float64")
        dtype = checked_dtype(target)
        source = self if dtype.kind == "f" else self.detach()  # integers have no gradient
        return self if dtype == self.dtype else apply(arithmetic.Cast, source, dtype=dtype)

    # arithmetic

    __add__ = _operator(arithmetic.Add)
    __radd__ = _operator(arithmetic.Add, swapped=True)
    __sub__ = _operator(arithmetic.Sub)
    __rsub__ = _operator(arithmetic.Sub, swapped=True)
    __mul__ = _operator(arithmetic.Mul)
    __rmul__ = _operator(arithmetic.Mul, swapped=True)
    __truediv__ = _operator(arithmetic.Div)
    __rtruediv__ = _operator(arithmetic.Div, swapped=True)
    __pow__ = _operator(arithmetic.Pow)
    __rpow__ = _operator(arithmetic.Pow, swapped=True)

    def __neg__(self) -> Tensor:
        return self.neg()

    def __matmul__(self, other: Any) -> Tensor:
        """Product of matrices and vectors: (m, k) @ (k, n), (k,) @ (k, n), (m, k) @ (k,) or (k,) @ (k,)."""
        if not isinstance(other, Tensor):
            raise TypeError(f"matmul takes two tensors, got {type(other).__name__}; make one with mg.tensor")
        if self.ndim not in (1, 2) or other.ndim not in (1, 2) or self.shape[-1] != other.shape[0]:
            raise ValueError(
                f"matmul multiplies 1-d and 2-d tensors, (m, k) @ (k, n); the shapes {self.shape} and {other.shape} "
                "do not fit"
            )
        same_dtype("matmul", self, other)
        left = self if self.ndim == 2 else self.reshape(1, -1)
        right = other if other.ndim == 2 else other.reshape(-1, 1)
        product = apply(matrix.MatMul, left, right)
        return product if self.ndim == other.ndim == 2 else product.reshape(self.shape[:-1] + other.shape[1:])

    def __rmatmul__(self, other: Any) -> Tensor:
        raise TypeError(f"matmul takes two tensors, got {type(other).__name__}; make one with mg.tensor")

    # in place: the object takes another array; arrays themselves are never written again

    __iadd__ = _in_place_operator(arithmetic.Add)
    __isub__ = _in_place_operator(arithmetic.Sub)
    __imul__ = _in_place_operator(arithmetic.Mul)
    __itruediv__ = _in_place_operator(arithmetic.Div)
    __ipow__ = _in_place_operator(arithmetic.Pow)

    def zero_(self) -> Tensor:
        """Make every element 0, in place."""
        return self._become("zero_", lambda: Tensor(self.device.backend.full(self.shape, 0, self.dtype, self.device)))

    def _become(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        """Take the value that is computed, for all who hold this tensor; while recording, its gradient too.

        Raises:
            RuntimeError: this is a leaf that requires a gradient, and operations are recorded.
            ValueError, TypeError: the value has another shape, or a dtype that this tensor's does not hold.
        """
        if self.requires_grad and self.grad_fn is None and is_recording():
            raise RuntimeError(
                f"{name} in place: a leaf that requires a gradient would lose it; change it within `with mg.no_grad():`"
            )
        value = compute()
        if value.shape != self.shape:
            raise ValueError(f"{name} in place: the result has the shape {value.shape}, this tensor {self.shape}")
        if value.dtype != self.dtype and self.dtype.kind != "f":
            raise TypeError(f"{name} in place: the result is {value.dtype}, this tensor {self.dtype}")
        value = value.to(self.dtype)
        self.array = self.device.backend.reorder(value.array, self.array.chwn)
        if is_recording():
            self.grad_fn, self._requires_grad = value.grad_fn, value.requires_grad
        return self

    def neg(self) -> Tensor:
        """-x."""
        return apply(arithmetic.Neg, self)

    def exp(self) -> Tensor:
        """e^x."""
        return apply(arithmetic.Exp, _as_float(self))

    def log(self) -> Tensor:
        """Natural logarithm."""
        return apply(arithmetic.Log, _as_float(self))

    def abs(self) -> Tensor:
        """|x|; the derivative at 0 is 0."""
        return apply(arithmetic.Abs, self)

    def __abs__(self) -> Tensor:
        return self.abs()

    # reductions

    def sum(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """Sum over the axes `dim` (all of them if None, none if it is empty, as in NumPy); integers become int64."""
        dims = checked_dims(dim, self.shape)
        x = self if self.dtype.kind == "f" else self.to(np.int64)
        return apply(reduction.Sum, x, dims=dims, keepdim=keepdim) if dims else x

    def mean(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """Mean over the axes `dim` (all of them if None, none if it is empty), of a floating-point tensor."""
        if self.dtype.kind != "f":
            raise TypeError(f"mean takes float32 or float64, got {self.dtype}; convert with .to(np.float32)")
        dims = checked_dims(dim, self.shape)
        return apply(reduction.Mean, self, dims=dims, keepdim=keepdim) if dims else self

    @overload
    def max(self, dim: None = None, keepdim: bool = False) -> Tensor: ...

    @overload
    def max(self, dim: int, keepdim: bool = False) -> Largest: ...

    def max(self, dim: int | None = None, keepdim: bool = False) -> Tensor | Largest:
        """Largest value of all (a tensor), or along `dim` a named pair (values, indices), the first among equals.

        The whole gradient goes to the value that was returned.
        """
        if dim is None:
            value = self._max(self.reshape(-1), 0, False).values
            return value.reshape((1,) * self.ndim) if keepdim else value
        return self._max(self, checked_dim(dim, self.shape), keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Index of the largest value along the axis `dim`, or in C order of all; int64, the first among equals."""
        x = self.detach()
        if dim is None:
            index = self._max(x.reshape(-1), 0, False).indices
            return index.reshape((1,) * self.ndim) if keepdim else index
        return self._max(x, checked_dim(dim, self.shape), keepdim).indices

    @staticmethod
    def _max(x: Tensor, dim: int, keepdim: bool) -> Largest:
        if not x.shape[dim]:
            raise ValueError(f"the maximum of nothing does not exist: axis {dim} of the shape {x.shape} is empty")
        values, function = record(reduction.Max, (x,), {"dim": dim, "keepdim": keepdim})
        return Largest(_computed(values, function), Tensor(cast(reduction.Max, function).indices))

    # shape

    def reshape(self, *shape_: Any) -> Tensor:
        """The elements, in C order, under another shape; one length may be -1."""
        wanted = checked_shape(shape_, self.shape)
        return self if wanted == self.shape else apply(shape.Reshape, self, shape=wanted)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The axes from `start_dim` to `end_dim` made one; flatten(1) keeps the batch."""
        if self.ndim == 0:
            return self.reshape(1).flatten(start_dim, end_dim)
        start, end = checked_dim(start_dim, self.shape), checked_dim(end_dim, self.shape)
        if start > end:
            raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
        middle = prod(self.shape[start : end + 1])
        return self.reshape(*self.shape[:start], middle, *self.shape[end + 1 :])

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Two axes exchanged."""
        return apply(shape.Transpose, self, dim0=checked_dim(dim0, self.shape), dim1=checked_dim(dim1, self.shape))

    def __getitem__(self, index: Index) -> Tensor:
        """Integers, slices and `...`, as in NumPy."""
        return apply(shape.GetItem, self, index=checked_index(index, self.shape))

    # differentiation

    def backward(self, gradient: Tensor | None = None) -> None:
        """Add the gradient of this tensor with respect to every leaf it was computed from to the leaf's `grad`.

        What the recorded operations saved is given up on the way, so a graph can be walked once.

        Args:
            gradient: the gradient of something with respect to this tensor, same shape, dtype and device; may be left
                out for a tensor of one element, where it is 1.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: this tensor was not computed from any that requires a gradient")
        if gradient is None:
            if self.size != 1:
                raise RuntimeError(
                    f"backward of a tensor of shape {self.shape} needs the gradient that arrives there; "
                    "give one, or reduce to one element with .sum() or .mean()"
                )
            start = self.device.backend.full(self.shape, 1, self.dtype, self.device)
        else:
            _check_gradient("backward", self, gradient)
            start = gradient.array
        if self.grad_fn is None:
            self.accumulate(start)
        else:
            backpropagate(self.grad_fn, start)

    def accumulate(self, dx: DeviceArray) -> None:
        """Add to `grad`, in the memory order of this tensor: where a backward pass ends, at a leaf."""
        backend = dx.device.backend
        total = backend.add(self.grad.array, dx) if self.grad is not None else dx
        self.grad = Tensor(backend.reorder(total, self.array.chwn))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient; or make it 0, if it is to stay a tensor."""
        self.grad = None if set_to_none or self.grad is None else self.grad.zero_()


class _Data(Tensor):
    """What `Tensor.data` gives: the owner's array whenever it is asked for, and the owner's when it is changed."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Tensor) -> None:
        self._owner = owner
        super().__init__(owner.array)

    @property
    def array(self) -> DeviceArray:
        """The owner's array."""
        return self._owner.array

    @array.setter
    def array(self, array: DeviceArray) -> None:
        self._owner.array = array


def _check_gradient(name: str, x: Tensor, gradient: Tensor) -> None:
    """Raise unless the gradient is a tensor with the shape, dtype and device of x."""
    if not isinstance(gradient, Tensor):
        raise TypeError(f"{name}: a gradient is a tensor, got {type(gradient).__name__}; make one with mg.tensor")
    check_same_device(name, (x.array, gradient.array))
    if gradient.shape != x.shape or gradient.dtype != x.dtype:
        raise ValueError(
            f"{name}: the gradient has shape {gradient.shape} and dtype {gradient.dtype}, "
            f"the tensor {x.shape} and {x.dtype}"
        )


# operations on tensors


def apply(function_class: type[Function], *tensors: Tensor | None, **options: Any) -> Tensor:
    """Apply an operation to tensors (None where an optional one is missing) and record it if a gradient is wanted."""
    return _computed(*record(function_class, tensors, options))


def _computed(array: DeviceArray, function: Function) -> Tensor:
    """The result of a Function as a tensor, which holds on to it if it was recorded."""
    y = Tensor(array)
    if function.sources is not None:
        y.grad_fn, y._requires_grad = function, True
    return y


def _binary(function_class: type[Function], left: Any, right: Any) -> Tensor:
    """Arithmetic on two tensors, or a tensor and a number, brought to one dtype."""
    name = function_class.name
    x, y = (_operand(name, value, other) for value, other in ((left, right), (right, left)))
    check_same_device(name, (x.array, y.array))
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ValueError(f"{name}: the shapes {x.shape} and {y.shape} do not broadcast") from None
    if function_class is arithmetic.Div:
        x, y = (_as_float(each, other) for each, other in ((x, y), (y, x)))
    dtype = common_dtype(x.dtype, y.dtype)
    return apply(function_class, x.to(dtype), y.to(dtype))


def _operand(name: str, value: Any, other: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        dtype = dtype_beside(name, value, other.dtype)
        return Tensor(other.device.backend.full((), value, dtype, other.device))
    raise TypeError(f"{name} takes tensors and numbers, got {type(value).__name__}; make a tensor with mg.tensor")


def _as_float(x: Tensor, other: Tensor | None = None) -> Tensor:
    """An integer tensor as float32, or as the floating-point dtype of the other operand."""
    if x.dtype.kind == "f":
        return x
    return x.to(other.dtype if other is not None and other.dtype.kind == "f" else np.float32)


def same_dtype(name: str, *tensors: Tensor) -> None:
    """Raise TypeError if the tensors do not all have one floating-point dtype."""
    for x in tensors:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} takes tensors, got {type(x).__name__}; make one with mg.tensor")
    dtypes = [x.dtype for x in tensors]
    if dtypes[0].kind != "f" or any(dtype != dtypes[0] for dtype in dtypes):
        given = " and ".join(dict.fromkeys(str(dtype) for dtype in dtypes))
        raise TypeError(f"{name} takes tensors of one floating-point dtype, got {given}; convert with .to(np.float32)")
