"""Matrix products."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function, Gradients

__all__ = ["Linear", "MatMul"]


class MatMul(Function):
    """z = x y for matrices: dx = dz y^T, dy = x^T dz."""

    name = "matmul"

    def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        self.x, self.y = x, y
        return x.device.backend.matmul(x, y, False, False)

    def backward(self, dz: DeviceArray) -> Gradients:
        matmul = dz.device.backend.matmul
        dx = matmul(dz, self.y, False, True) if self.needs_input_grad[0] else None
        dy = matmul(self.x, dz, True, False) if self.needs_input_grad[1] else None
        return dx, dy


class Linear(Function):
    """y = x weight^T + bias, for x (N, in), weight (out, in), bias (out,) or None: a fully-connected layer.

    dx = dy weight, dweight = dy^T x, dbias = sum of dy over the images.
    """

    def forward(self, x: DeviceArray, weight: DeviceArray, bias: DeviceArray | None) -> DeviceArray:
        self.x, self.weight = x, weight
        return x.device.backend.linear(x, weight, bias)

    def backward(self, dy: DeviceArray) -> Gradients:
        backend = dy.device.backend
        dx = backend.linear_grad_input(dy, self.weight) if self.needs_input_grad[0] else None
        dw = backend.linear_grad_weight(dy, self.x) if self.needs_input_grad[1] else None
        db = backend.sum(dy, (0,), False) if self.needs_input_grad[2] else None
        return dx, dw, db
