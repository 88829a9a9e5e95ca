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


class Equal(Function):
    """z = (x is y), a bool for each element; NaN is nothing's equal."""

    differentiable = False

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        return x.device.backend.equal(x, y)


class Less(Function):
    """z = (x < y)."""

    differentiable = False

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        return x.device.backend.less(x, y)


class LessEqual(Function):
    """z = (x <= y)."""

    differentiable = False

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        return x.device.backend.less_equal(x, y)


class LogicalAnd(Function):
    """z = (x and y), of bools."""

    differentiable = False

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        return x.device.backend.logical_and(x, y)


class LogicalOr(Function):
    """z = (x or y), of bools."""

    differentiable = False

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        return x.device.backend.logical_or(x, y)


class LogicalNot(Function):
    """y = not x, of bools."""

    differentiable = False

    def forward(self, x: DeviceArray) -> DeviceArray:
        return x.device.backend.logical_not(x)


def where(condition: DeviceArray, x: DeviceArray | float, y: DeviceArray | float) -> DeviceArray:
    """x where the condition holds, else y; one of them may be a number."""
    like = x if isinstance(x, DeviceArray) else y
    assert isinstance(like, DeviceArray)
    backend = like.device.backend
    x, y = (
        each if isinstance(each, DeviceArray) else backend.full((), each, like.dtype, like.device) for each in (x, y)
    )
    return backend.where(condition, x, y)


class Where(Function):
    """z = x where the condition holds, else y; the gradient goes the same way."""

    def forward(self, condition: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.condition, self.shapes = condition, (x.shape, y.shape)
        return where(condition, x, y)

    def backward(self, dz: DeviceArray) -> Gradients:
        _, need_x, need_y = self.needs_input_grad
        dx = sum_to(where(self.condition, dz, 0), self.shapes[0]) if need_x else None
        dy = sum_to(where(self.condition, 0, dz), self.shapes[1]) if need_y else None
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
        shared = where(backend.equal(self.x, self.y), backend.scale(dz, 0.5), dz)
        dx = dy = None
        if self.needs_input_grad[0]:
            dx = sum_to(where(self.loses(self.x, self.y), 0, shared), self.x.shape)
        if self.needs_input_grad[1]:
            dy = sum_to(where(self.loses(self.y, self.x), 0, shared), self.y.shape)
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
        self.kept = backend.equal(x, y)
        return y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return where(self.kept, dy, 0)
