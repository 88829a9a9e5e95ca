"""Max and average pooling of images."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.function import Function

__all__ = ["AvgPool2d", "MaxPool2d"]


class MaxPool2d(Function):
    """y[n, c, i, j] = max of x[n, c] over the kernel_size window whose corner is (i * stride, j * stride) - padding.

    The paper's windows overlap (size 3, stride 2; section 3.4). The whole gradient goes to the position that won; among
    equals, to the first in row order. Windows are clipped to the image: padding never wins.
    """

    def forward(
        self,
        x: DeviceArray,
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int, int, int],
        ceil_mode: bool,
    ) -> DeviceArray:
        self.shape, self.geometry = x.shape, (kernel_size, stride, padding)
        y, self.argmax = x.device.backend.max_pool2d(x, kernel_size, stride, padding, ceil_mode)
        return y

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.max_pool2d_grad(dy, self.argmax, self.shape, *self.geometry)


class AvgPool2d(Function):
    """y[n, c, i, j] = mean of x[n, c] over the same windows.

    With `count_include_pad` padding counts as zeros, but never what overhangs the padding.
    """

    def forward(
        self,
        x: DeviceArray,
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int, int, int],
        ceil_mode: bool,
        count_include_pad: bool,
    ) -> DeviceArray:
        self.shape, self.geometry = x.shape, (kernel_size, stride, padding, count_include_pad)
        return x.device.backend.avg_pool2d(x, kernel_size, stride, padding, ceil_mode, count_include_pad)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.avg_pool2d_grad(dy, self.shape, *self.geometry)
