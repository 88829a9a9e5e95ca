"""Arithmetic with broadcasting, and elementary functions."""

from __future__ import annotations

from typing import Any

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function, Gradients

__all__ = ["Abs", "Add", "Cast", "Div", "Exp", "Log", "Mul", "Neg", "Pow", "Sqrt", "Sub"]


def sum_to(dy: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    """The gradient of an operand that was broadcast: summed over the axes along which it was repeated."""
    if dy.shape == shape:
        return dy
    added = dy.ndim - len(shape)
    repeated = tuple(axis + added for axis, n in enumerate(shape) if n == 1 and dy.shape[axis + added] != 1)
    dims = tuple(range(added)) + repeated
    backend = dy.device.backend
    total = backend.sum(dy, dims, True) if dims else dy
    return total if total.shape == shape else backend.reshape(total, shape)


class Add(Function):
    """z = x + y."""

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.shapes = x.shape, y.shape
        return x.device.backend.add(x, y)

    def backward(self, dz: DeviceArray) -> Gradients:
        dx = sum_to(dz, self.shapes[0]) if self.needs_input_grad[0] else None
        dy = sum_to(dz, self.shapes[1]) if self.needs_input_grad[1] else None
        return dx, dy


class Sub(Function):
    """z = x - y."""

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.shapes = x.shape, y.shape
        return x.device.backend.sub(x, y)

    def backward(self, dz: DeviceArray) -> Gradients:
        dx = sum_to(dz, self.shapes[0]) if self.needs_input_grad[0] else None
        dy = dz.device.backend.neg(sum_to(dz, self.shapes[1])) if self.needs_input_grad[1] else None
        return dx, dy


class Mul(Function):
    """z = x y."""

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.x, self.y = x, y
        return x.device.backend.mul(x, y)

    def backward(self, dz: DeviceArray) -> Gradients:
        mul = dz.device.backend.mul
        dx = sum_to(mul(dz, self.y), self.x.shape) if self.needs_input_grad[0] else None
        dy = sum_to(mul(dz, self.x), self.y.shape) if self.needs_input_grad[1] else None
        return dx, dy


class Div(Function):
    """z = x / y, so dz/dy = -z / y."""

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.x_shape, self.y = x.shape, y
        self.z = x.device.backend.div(x, y)
        return self.z

    def backward(self, dz: DeviceArray) -> Gradients:
        backend = dz.device.backend
        quotient = backend.div(dz, self.y)
        dx = sum_to(quotient, self.x_shape) if self.needs_input_grad[0] else None
        dy = backend.neg(sum_to(backend.mul(quotient, self.z), self.y.shape)) if self.needs_input_grad[1] else None
        return dx, dy


class Pow(Function):
    """z = x^y: dz/dx = y x^(y - 1), dz/dy = z log x. Where y is 0 the first, where x is 0 the second counts as 0."""

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.x, self.y = x, y
        self.z = x.device.backend.pow(x, y)
        return self.z

    def backward(self, dz: DeviceArray) -> Gradients:
        backend = dz.device.backend
        dx = sum_to(backend.pow_grad_base(dz, self.x, self.y), self.x.shape) if self.needs_input_grad[0] else None
        dy = sum_to(backend.pow_grad_exponent(dz, self.x, self.z), self.y.shape) if self.needs_input_grad[1] else None
        return dx, dy


class Neg(Function):
    """y = -x."""

    def forward(self, x: DeviceArray) -> DeviceArray:
        return x.device.backend.neg(x)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.neg(dy)


class Exp(Function):
    """y = e^x, its own derivative."""

    def forward(self, x: DeviceArray) -> DeviceArray:
        self.y = x.device.backend.exp(x)
        return self.y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.mul(dy, self.y)


class Log(Function):
    """y = log x, the natural logarithm."""

    def forward(self, x: DeviceArray) -> DeviceArray:
        self.x = x
        return x.device.backend.log(x)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.div(dy, self.x)


class Sqrt(Function):
    """y = the square root of x, with derivative 1 / (2 y)."""

    def forward(self, x: DeviceArray) -> DeviceArray:
        self.y = x.device.backend.sqrt(x)
        return self.y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        backend = dy.device.backend
        return backend.div(dy, backend.scale(self.y, 2.0))


class Abs(Function):
    """y = |x|, with derivative 0 at 0."""

    def forward(self, x: DeviceArray) -> DeviceArray:
        self.x = x
        return x.device.backend.abs(x)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.abs_grad(dy, self.x)


class Cast(Function):
    """The same numbers in another dtype."""

    def forward(self, x: DeviceArray, dtype: Any) -> DeviceArray:
        self.dtype = x.dtype
        return x.device.backend.cast(x, dtype)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.cast(dy, self.dtype)
