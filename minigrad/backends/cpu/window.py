"""Where a window stands on an image: the geometry that convolution and pooling share."""

from __future__ import annotations

from typing import NamedTuple


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
