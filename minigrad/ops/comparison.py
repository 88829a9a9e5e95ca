"""Comparisons, logic, and the choice between values by their outcome."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function, Gradients
from minigrad.ops.arithmetic import sum_to

__all__ = [
    "Clamp",
    "Equal",
    "Less",
    "LessEqual",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "Maximum",
    "Minimum",
    "Where",
]


class _Logical(Function):
    """A bool for each element, by the primitive that has the name of the operation; no gradient passes."""

    differentiable = False

    def forward(self, *arrays: DeviceArray) -> DeviceArray:
        result: DeviceArray = getattr(arrays[0].device.backend, self.name)(*arrays)
        return result


class Equal(_Logical):
    """z = (x is y); NaN is nothing's equal."""


class Less(_Logical):
    """z = (x < y)."""


class LessEqual(_Logical):
    """z = (x <= y)."""


class LogicalAnd(_Logical):
    """z = (x and y), of bools."""


class LogicalOr(_Logical):
    """z = (x or y), of bools."""


class LogicalNot(_Logical):
    """y = not x, of bools."""


def _zeroed(where: DeviceArray, dz: DeviceArray) -> DeviceArray:
    """dz, but 0 where the bools say so."""
    backend = dz.device.backend
    return backend.where(where, backend.full((), 0, dz.dtype, dz.device), dz)


class Where(Function):
    """z = x where the condition holds, else y; the gradient goes the same way."""

    def forward(self, condition: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.condition, self.shapes = condition, (x.shape, y.shape)
        return x.device.backend.where(condition, x, y)

    def backward(self, dz: DeviceArray) -> Gradients:
        _, need_x, need_y = self.needs_input_grad
        dx = dy = None
        if need_x:
            dx = sum_to(_zeroed(dz.device.backend.logical_not(self.condition), dz), self.shapes[0])
        if need_y:
            dy = sum_to(_zeroed(self.condition, dz), self.shapes[1])
        return None, dx, dy


class Maximum(Function):
    """z = the larger of x and y, which gets the gradient; where they are equal, each gets half."""

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.x, self.y = x, y
        return self.chosen(x, y)

    @staticmethod
    def chosen(x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """The value."""
        return x.device.backend.maximum(x, y)

    @staticmethod
    def loses(x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """Where y is chosen, and x is not its equal."""
        return x.device.backend.less(x, y)

    def backward(self, dz: DeviceArray) -> Gradients:
        backend = dz.device.backend
        shared = backend.where(backend.equal(self.x, self.y), backend.scale(dz, 0.5), dz)
        dx = dy = None
        if self.needs_input_grad[0]:
            dx = sum_to(_zeroed(self.loses(self.x, self.y), shared), self.x.shape)
        if self.needs_input_grad[1]:
            dy = sum_to(_zeroed(self.loses(self.y, self.x), shared), self.y.shape)
        return dx, dy


class Minimum(Maximum):
    """z = the smaller of x and y, with the gradient of Maximum."""

    @staticmethod
    def chosen(x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """The value."""
        return x.device.backend.minimum(x, y)

    @staticmethod
    def loses(x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """Where y is chosen, and x is not its equal."""
        return x.device.backend.less(y, x)


class Clamp(Function):
    """y = x, but `least` where x is below it and `most` where x is above; the gradient passes where y is x."""

    def forward(self, x: DeviceArray, least: float | None, most: float | None) -> DeviceArray:
        backend = x.device.backend
        y = x
        if least is not None:
            y = backend.maximum(y, backend.full((), least, x.dtype, x.device))
        if most is not None:
            y = backend.minimum(y, backend.full((), most, x.dtype, x.device))
        self.cut = backend.logical_not(backend.equal(x, y))
        return y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return _zeroed(self.cut, dy)
