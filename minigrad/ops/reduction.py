"""Sums, maxima and softmax along axes."""

from __future__ import annotations

from math import prod

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function

__all__ = ["LogSoftmax", "Max", "Mean", "Min", "Softmax", "Sum"]


def keep_dims(shape: tuple[int, ...], dims: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with the axes reduced to length 1."""
    return tuple(1 if axis in dims else n for axis, n in enumerate(shape))


class Sum(Function):
    """y = sum of x over some axes; each term gets the whole gradient."""

    def forward(self, x: DeviceArray, dims: tuple[int, ...], keepdim: bool) -> DeviceArray:
        self.shape, self.dims = x.shape, dims
        return x.device.backend.sum(x, dims, keepdim)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        backend = dy.device.backend
        return backend.broadcast_to(backend.reshape(dy, keep_dims(self.shape, self.dims)), self.shape)


class Mean(Sum):
    """y = mean of x over some axes."""

    def forward(self, x: DeviceArray, dims: tuple[int, ...], keepdim: bool) -> DeviceArray:
        self.count = prod(x.shape[axis] for axis in dims) or float("nan")  # the mean of nothing is no number
        return x.device.backend.scale(super().forward(x, dims, keepdim), 1 / self.count)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return super().backward(dy.device.backend.scale(dy, 1 / self.count))


class Max(Function):
    """y = largest of x along an axis. The whole gradient goes to it; among equals, to the first.

    `indices` holds where it stands along the axis.
    """

    def forward(self, x: DeviceArray, dim: int, keepdim: bool) -> DeviceArray:
        self.shape, self.dim = x.shape, dim
        y, self.indices = self.found(x, dim, keepdim)
        return y

    @staticmethod
    def found(x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
        """The value, and where it stands."""
        return x.device.backend.max(x, dim, keepdim)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        backend = dy.device.backend
        kept = keep_dims(self.shape, (self.dim,))
        indices = backend.reshape(self.indices, kept)
        return backend.max_grad(backend.reshape(dy, kept), indices, self.shape, self.dim)


class Min(Max):
    """y = smallest of x along an axis, with the gradient of Max."""

    @staticmethod
    def found(x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
        """The value, and where it stands."""
        return x.device.backend.min(x, dim, keepdim)


class Softmax(Function):
    """y_i = e^(x_i) / sum of e^(x_j) along an axis; dx_i = y_i (dy_i - sum of dy_j y_j)."""

    def forward(self, x: DeviceArray, dim: int) -> DeviceArray:
        self.dim = dim
        self.y = x.device.backend.softmax(x, dim)
        return self.y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.softmax_grad(dy, self.y, self.dim)


class LogSoftmax(Function):
    """y_i = x_i - log(sum of e^(x_j)) along an axis; dx_i = dy_i - e^(y_i) * sum of dy_j."""

    def forward(self, x: DeviceArray, dim: int) -> DeviceArray:
        self.dim = dim
        self.y = x.device.backend.log_softmax(x, dim)
        return self.y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.log_softmax_grad(dy, self.y, self.dim)
