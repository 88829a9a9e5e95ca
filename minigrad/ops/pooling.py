"""Max and average pooling of images."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function

__all__ = ["AvgPool2d", "MaxPool2d"]


class MaxPool2d(Function):
    """y[n, c, i, j] = max of x[n, c] over the kernel_size window whose corner is (i * stride, j * stride) - padding.

    The paper's windows overlap (size 3, stride 2; section 3.4). The whole gradient goes to the largest; among equals,
    to the first in row order. So dx[n, c, row, column] is the sum of dy[n, c, i, j] over the windows whose largest
    stands there. Windows are clipped to the image: padding is never the largest. `argmax` counts the places of a window
    row by row.
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

    dx[n, c, row, column] = sum of dy[n, c, i, j] / the window's number of places, over the windows that see it. With
    `count_include_pad` padding counts as zeros, but never what overhangs the padding.
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
