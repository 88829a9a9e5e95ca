"""Where a window stands on an image: the geometry that convolution and pooling share on every backend."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Pair", "Sides", "Window", "convolution_window", "local_window", "pooling_size", "pooling_window"]

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]


class Window(NamedTuple):
    """A window of kernel_h x kernel_w places, moved by a stride over an image with `top` and `left` rows of padding.

    Output (i, j) looks at image rows i * stride_h - top + u and columns j * stride_w - left + v.
    """

    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    top: int
    left: int
    out_h: int
    out_w: int

    @property
    def positions(self) -> int:
        """Number of outputs."""
        return self.out_h * self.out_w


def convolution_window(x_shape: tuple[int, ...], weight_shape: tuple[int, ...], stride: Pair, padding: Sides) -> Window:
    """The window of a convolution of x with a weight, both by their shapes; only whole windows count."""
    _, _, height, width = x_shape
    _, _, kernel_h, kernel_w = weight_shape
    top, bottom, left, right = padding
    out_h = (height + top + bottom - kernel_h) // stride[0] + 1
    out_w = (width + left + right - kernel_w) // stride[1] + 1
    return Window(kernel_h, kernel_w, stride[0], stride[1], top, left, out_h, out_w)


def local_window(weight_shape: tuple[int, ...], stride: Pair, padding: Sides) -> Window:
    """The window of an unshared convolution, by the shape of its weight: OH x OW x C x KH x KW x K."""
    out_h, out_w, _, kernel_h, kernel_w, _ = weight_shape
    return Window(kernel_h, kernel_w, *stride, padding[0], padding[2], out_h, out_w)


def _windows_along(length: int, kernel_size: int, stride: int, before: int, after: int, ceil_mode: bool) -> int:
    """Number of windows along an axis. Counted with ceil, the last may overhang but must start inside the image."""
    room = length + before + after - kernel_size
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= length + before else count


def pooling_size(shape: tuple[int, ...], kernel_size: Pair, stride: Pair, padding: Sides, ceil_mode: bool) -> Pair:
    """Height and width of what a pooling of images N x C x H x W returns."""
    top, bottom, left, right = padding
    return (
        _windows_along(shape[2], kernel_size[0], stride[0], top, bottom, ceil_mode),
        _windows_along(shape[3], kernel_size[1], stride[1], left, right, ceil_mode),
    )


def pooling_window(kernel_size: Pair, stride: Pair, padding: Sides, out_size: Pair) -> Window:
    """The window of a pooling whose result has `out_size`."""
    return Window(*kernel_size, *stride, padding[0], padding[2], *out_size)
