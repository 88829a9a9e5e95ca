"""Tensor: what a user holds, an array and the Function that computed it. The engine is in autograd.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minigrad.arguments import only
from minigrad.arrays import Device, DeviceArray, check_same_device, quiet
from minigrad.arrays import device as as_device
from minigrad.autograd import Function, backpropagate, is_recording
from minigrad.dtypes import checked_dtype, is_dtype_name
from minigrad.not_offered import in_class
from minigrad.operations import Operations, arithmetic_on
from minigrad.ops import arithmetic, shape

__all__ = ["Tensor"]


def _in_place_operator(function_class: type[Function]) -> Callable[[Any, Any], Tensor]:
    """The method for an operator that changes the tensor on its left."""
    return lambda self, other: self._become(function_class.name, lambda: arithmetic_on(function_class, self, other))


class Tensor(Operations):
    """An array on a device that can be differentiated.

    Made by `mg.tensor`, `zeros`, `ones`, `randn` and by operations, for which see minigrad/operations.py. Arithmetic
    broadcasts as in NumPy; Python numbers take the dtype of the tensor that they meet. `x += y` gives this object
    another array, which every holder sees.

    Attributes:
        array: the DeviceArray.
        grad: the gradient that backward passes have added up, a Tensor, or None. Only tensors that were made with
            `requires_grad=True` (not computed from others) have one.
        grad_fn: the Function that computed this tensor, where that was recorded; None for a leaf.
        requires_grad: whether operations on this tensor are recorded.
    """

    __slots__ = ()
    _grad: Tensor | None

    def __init__(self, array: DeviceArray, requires_grad: bool = False) -> None:
        if not isinstance(array, DeviceArray):
            raise TypeError(f"Tensor wraps a DeviceArray, got {type(array).__name__}; make a tensor with mg.tensor")
        self.array = array
        self._grad = None
        self.grad_fn = None
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = requires_grad

    def computed(self, value: DeviceArray, function: Function) -> Tensor:
        """The value that a Function gave for this tensor as a tensor, which holds on to it if it was recorded."""
        y = Tensor(value)
        if function.sources is not None:
            y.grad_fn, y._requires_grad = function, True
        return y

    def number(self, value: float, dtype: np.dtype[Any]) -> Tensor:
        """A number as a tensor without axes, where this one is."""
        return Tensor(self.device.backend.full((), value, dtype, self.device))

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: the array and its gradient."""
        if self.grad_fn is not None:
            raise RuntimeError("a tensor that was computed is not copied or pickled with its graph; take x.detach()")
        return _restored, (type(self), self.array, self.requires_grad, self.grad)

    if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
        __getattr__ = in_class("Tensor")

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward passes have added up: a tensor like this one, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            _check_gradient("grad", self, value)
        self._grad = value

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

    def to(
        self,
        device: str | Device | npt.DTypeLike | None = None,
        dtype: npt.DTypeLike | None = None,
        non_blocking: bool = False,
    ) -> Tensor:
        """This tensor on another device, in another dtype, or both; itself if it is so already.

        Differentiable: the gradient travels back to this tensor's device and dtype.

        Args:
            device: where to, "cuda:1"; or, alone, a dtype: `x.to(mg.float64)`.
            dtype: the dtype, if not the same.
            non_blocking: changes nothing; PyTorch has it.
        """
        if dtype is not None:
            moved = self if device is None else self.to(as_device(device))  # type: ignore[arg-type] # or it complains
            return moved.to(checked_dtype(dtype))
        if isinstance(device, Device) or (isinstance(device, str) and not is_dtype_name(device)):
            where = as_device(device)
            return self if where == self.device else shape.To.apply(self, target=where)
        if device is None:
            raise TypeError("to() takes a device such as 'cpu:1' or a dtype such as np.float64")
        wanted = checked_dtype(device)
        source = self if wanted.kind == "f" else self.detach()  # integers have no gradient
        return self if wanted == self.dtype else arithmetic.Cast.apply(source, dtype=wanted)

    def type(self, dtype: npt.DTypeLike) -> Tensor:
        """In another dtype, `to(dtype)`: PyTorch's older word for it."""
        return self.to(checked_dtype(dtype))

    def cpu(self) -> Tensor:
        """On the first CPU device."""
        return self.to("cpu")

    def double(self) -> Tensor:
        """As float64."""
        return self.to(np.float64)

    def long(self) -> Tensor:
        """As int64; fractions are cut off."""
        return self.to(np.int64)

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

    # differentiation

    @quiet
    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: None = None,
    ) -> None:
        """Add the gradient of this tensor with respect to every leaf it was computed from to the leaf's `grad`.

        What the recorded operations saved is given up on the way, so a graph can be walked once.

        Args:
            gradient: the gradient of something with respect to this tensor, same shape, dtype and device; may be left
                out for a tensor of one element, where it is 1.
            retain_graph, create_graph, inputs: not offered; PyTorch has them.
        """
        only("backward", "retain_graph", retain_graph or False, False, "add up the losses, or compute the value again")
        only("backward", "create_graph", create_graph, False, "there are first derivatives only; write the second out")
        only("backward", "inputs", inputs, None, "x.requires_grad_(False) keeps the gradient from x")
        if not self.requires_grad:
            raise RuntimeError("backward: this tensor was not computed from any that requires a gradient")
        if gradient is None:
            if self.numel() != 1:
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
        backend, before, chwn = dx.device.backend, self._grad, self.array.chwn
        if dx.dtype != self.array.dtype:
            raise TypeError(f"backward: a gradient that arrived is {dx.dtype}, the tensor {self.dtype}")
        total = dx if before is None else backend.add(before.array, dx)
        total = total if total.chwn == chwn else backend.reorder(total, chwn)
        if before is None:
            self.grad = Tensor(total)
        else:
            before.array = total  # all who hold it see the sum

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient; or make it 0, if it is to stay a tensor."""
        self.grad = None if set_to_none or self.grad is None else self.grad.zero_()

    # last, because they hide Python's types from what follows in the class

    def float(self) -> Tensor:
        """As float32."""
        return self.to(np.float32)

    def bool(self) -> Tensor:
        """Whether each element is not 0."""
        return self.to(np.bool_)


def _restored(kind: type[Tensor], array: DeviceArray, requires_grad: bool, grad: Tensor | None) -> Tensor:
    """A tensor that was copied or pickled, of its class."""
    tensor = kind.__new__(kind)
    Tensor.__init__(tensor, array, requires_grad)
    tensor.grad = grad
    return tensor


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

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy belongs to nobody."""
        return self.detach().__reduce__()


def _check_gradient(name: str, x: Tensor, gradient: Tensor) -> None:
    """Raise unless the gradient is a tensor with the shape, dtype and device of x."""
    if not isinstance(gradient, Tensor):
        raise TypeError(f"{name}: a gradient is a tensor, got {type(gradient).__name__}; make one with mg.tensor")
    own, given = x.array, gradient.array
    if given.device is own.device and given.shape == own.shape and given.dtype == own.dtype:
        return  # as a rule
    check_same_device(name, (own, given))
    if given.shape != own.shape or given.dtype != own.dtype:
        raise ValueError(
            f"{name}: the gradient has shape {gradient.shape} and dtype {gradient.dtype}, "
            f"the tensor {x.shape} and {x.dtype}"
        )
