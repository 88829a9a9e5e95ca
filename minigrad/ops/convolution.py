"""Convolution of images."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function, Gradients

__all__ = ["Conv2d", "LocallyConnected2d"]


class Conv2d(Function):
    """y[n, k, i, j] = bias[k] + sum over c, u, v of weight[k, c, u, v] x[n, c, i * stride + u, j * stride + v].

    x is padded with zeros first. With `groups`, the filters of a group see the channels of that group alone, as the
    paper's columns do (section 3.5). `padding` is (top, bottom, left, right): the paper's first layer overhangs its
    image on two sides only. Each product comes back to both of its factors:

        dx[n, c, i * stride + u, j * stride + v] += weight[k, c, u, v] dy[n, k, i, j]
        dweight[k, c, u, v] += x[n, c, i * stride + u, j * stride + v] dy[n, k, i, j]

    With `relu`, max(y, 0): the same as ReLU of the result, without writing what is not wanted.
    """

    def forward(
        self,
        x: DeviceArray,
        weight: DeviceArray,
        bias: DeviceArray | None,
        stride: tuple[int, int],
        padding: tuple[int, int, int, int],
        groups: int,
        relu: bool,
    ) -> DeviceArray:
        self.x, self.weight = x, weight
        self.geometry = stride, padding, groups
        y = x.device.backend.conv2d(x, weight, bias, *self.geometry, relu)
        self.y = y if relu else None
        return y

    def backward(self, dy: DeviceArray) -> Gradients:
        backend = dy.device.backend
        dx = dw = db = None
        if self.y is not None:
            dy, db = backend.relu_bias_grad(dy, self.y)
        elif self.needs_input_grad[2]:
            db = backend.sum(dy, (0, 2, 3), False)
        if self.needs_input_grad[0]:
            dx = backend.conv2d_grad_input(dy, self.weight, self.x.shape, *self.geometry)
        if self.needs_input_grad[1]:
            dw = backend.conv2d_grad_weight(dy, self.x, self.weight.shape, *self.geometry)
        return dx, dw, db


class LocallyConnected2d(Function):
    """y[n, k, i, j] = sum over c, u, v of weight[i, j, c, u, v, k] x[n, c, i * stride + u, j * stride + v]

    plus bias[k, i, j]. A convolution whose places share nothing: each has filters of its own, as in a "local" layer of
    cuda-convnet, in whose order the weight's axes are. So only the gradient of x is a sum over places:

        dx[n, c, i * stride + u, j * stride + v] += sum over k of weight[i, j, c, u, v, k] dy[n, k, i, j]
        dweight[i, j, c, u, v, k] = sum over n of x[n, c, i * stride + u, j * stride + v] dy[n, k, i, j]
        dbias[k, i, j] = sum over n of dy[n, k, i, j]
    """

    def forward(
        self,
        x: DeviceArray,
        weight: DeviceArray,
        bias: DeviceArray | None,
        stride: tuple[int, int],
        padding: tuple[int, int, int, int],
        groups: int,
        relu: bool,
    ) -> DeviceArray:
        self.x, self.weight = x, weight
        self.geometry = stride, padding, groups
        y = x.device.backend.locally_connected2d(x, weight, bias, *self.geometry, relu)
        self.y = y if relu else None
        return y

    def backward(self, dy: DeviceArray) -> Gradients:
        backend = dy.device.backend
        dx = dw = db = None
        if self.y is not None:
            dy = backend.relu_grad(dy, self.y)
        if self.needs_input_grad[0]:
            dx = backend.locally_connected2d_grad_input(dy, self.weight, self.x.shape, *self.geometry)
        if self.needs_input_grad[1]:
            dw = backend.locally_connected2d_grad_weight(dy, self.x, self.weight.shape, *self.geometry)
        if self.needs_input_grad[2]:
            db = backend.sum(dy, (0,), False)
        return dx, dw, db
