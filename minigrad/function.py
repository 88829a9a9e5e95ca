"""What an operation is: a value and, beside it, how a gradient passes back through it."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Protocol

from minigrad.arrays import Device, DeviceArray

__all__ = ["Function", "Gradients", "Leaf"]

Gradients = tuple[DeviceArray | None, ...]  # one for each input; None where it is not needed


class Leaf(Protocol):
    """Where a backward pass ends: a tensor that nobody computed."""

    def accumulate(self, dx: DeviceArray) -> None:
        """Add to the gradient, which has the shape and dtype of the tensor."""


class Function:
    """One application of an operation: computed by `forward`, undone for gradients by `backward`.

    A subclass defines both on DeviceArrays. What `forward` assigns to `self` is what it saves for `backward`, and it is
    given up when the backward pass has been through. An operation has one output; first derivatives only.

    Attributes:
        sources: for each input, the Function that computed it or the leaf that it is, None where its gradient is not
            wanted; None altogether when nothing was recorded, or when the backward pass is done with it.
        needs_input_grad: for each input, whether its gradient is wanted; `backward` may return None for the others.
        serial: the number of this application. An input is always made before what is computed from it, so falling
            serial numbers are a topological order of the graph.
        result_shape: that of the result, and so of the gradient that `backward` is given; None as `sources` are.
        result_device: where the result is; None as `sources` are.
        module_calls: the calls of modules that returned the result, innermost first: (module, a serial number below
            those of the Functions that the call recorded).
    """

    name: ClassVar[str] = ""
    sources: tuple[Function | Leaf | None, ...] | None = None
    needs_input_grad: tuple[bool, ...] = ()
    serial: int = -1
    result_shape: tuple[int, ...] | None = None
    result_device: Device | None = None
    module_calls: tuple[tuple[Any, int], ...] = ()

    def __init_subclass__(cls) -> None:
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def forward(self, *arrays: Any, **options: Any) -> DeviceArray:
        """The value of the operation."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def backward(self, dy: DeviceArray) -> Any:
        """The gradient of each input (a tuple, or one array if there is one input), given that of the output."""
        raise TypeError(f"{type(self).__name__} defines no backward")

    def release(self) -> None:
        """Give up everything saved."""
        self.__dict__.clear()
