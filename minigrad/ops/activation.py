"""The nonlinearities of neurons (section 3.1 compares ReLU with tanh)."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function

__all__ = ["ReLU", "Sigmoid", "Tanh"]


class ReLU(Function):
    """y = max(x, 0) (section 3.1). The result itself tells where the gradient passes."""

    name = "relu"

    def forward(self, x: DeviceArray) -> DeviceArray:
        self.y = x.device.backend.relu(x)
        return self.y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.relu_grad(dy, self.y)


class Tanh(Function):
    """y = tanh x, with derivative 1 - y^2."""

    def forward(self, x: DeviceArray) -> DeviceArray:
        self.y = x.device.backend.tanh(x)
        return self.y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.tanh_grad(dy, self.y)


class Sigmoid(Function):
    """y = 1 / (1 + e^-x), with derivative y (1 - y)."""

    def forward(self, x: DeviceArray) -> DeviceArray:
        self.y = x.device.backend.sigmoid(x)
        return self.y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.sigmoid_grad(dy, self.y)
