"""What is done to pictures before the first weights: they are blurred, thinned out, mirrored, their colours changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet.layers.base import Layer, Shape, Spec, as_maps, maps_of
from minigrad import nn

__all__ = ["Blur", "Lab", "Mirror", "Pictures", "Thinning", "Yuv"]

YUV = ((0.2126, 0.7152, 0.0722), (-0.09991, -0.33609, 0.436), (0.615, -0.55861, -0.05639))
XYZ = ((0.49, 0.31, 0.2), (0.17697, 0.8124, 0.01063), (0.0, 0.01, 0.99))


class Pictures(nn.Module):
    """The pictures of a batch, as they come."""

    filters, neuron, multiply_adds = "", "", 0

    def __init__(self, output: Shape, device: mg.Device) -> None:
        self.output, self.device = output, device


class Blur(Layer):
    """A Gaussian filter: rows, then columns, weighted by exp(-(a - filterSize // 2)^2 / (2 stdev^2)) over their sum.

    What is outside the picture counts as zeros, so that pictures get darker at the border.
    """

    def __init__(self, spec: Spec) -> None:
        self.channels, side = spec.only_maps()
        (size,), (deviation,) = spec.section.integers("filterSize", 1), spec.section.numbers("stdev", 1, least=1e-3)
        if size > 2 * side + 1:
            raise spec.section.error(f"a filter of {size} is larger than the {side} x {side} of its input")
        self.around = size // 2
        weights = np.exp(-((np.arange(size) - self.around) ** 2) / (2 * deviation**2))
        self.weights = weights / weights.sum()
        super().__init__(spec, (self.channels, side, side), f"{size} x {size}, sigma {deviation:g}")

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, C, S, S)."""
        x = as_maps(inputs[0], self.channels)
        before, after = self.around, len(self.weights) - 1 - self.around
        filters = np.tile(self.weights.astype(x.dtype), (self.channels, 1, 1, 1))
        row = mg.tensor(filters, device=x.device)
        column = mg.tensor(filters.transpose(0, 1, 3, 2), device=x.device)
        x = F.conv2d(x, row, padding=(0, 0, before, after), groups=self.channels)
        return F.conv2d(x, column, padding=(before, after, 0, 0), groups=self.channels)


class Thinning(Layer):
    """nailbed: pixels start + o stride of rows and columns, ceil(side / stride) of them, around the middle."""

    def __init__(self, spec: Spec) -> None:
        self.channels, side = spec.only_maps()
        (self.stride,) = spec.section.integers("stride", 1)
        count = math.ceil(side / self.stride)
        self.start = (side - self.stride * (count - 1)) // 2
        super().__init__(spec, (self.channels, count, count), f"stride {self.stride}")

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, C, M, M)."""
        pixels = slice(self.start, None, self.stride)
        return as_maps(inputs[0], self.channels)[:, :, pixels, pixels]


class Mirror(Layer):
    """href: the columns in reverse order."""

    def __init__(self, spec: Spec) -> None:
        self.channels, side = spec.only_maps()
        super().__init__(spec, (self.channels, side, side))

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, C, S, S)."""
        return as_maps(inputs[0], self.channels)[:, :, :, ::-1]


def _mixed(x: mg.Tensor, rows: Sequence[Sequence[float]]) -> mg.Tensor:
    """Colours that are sums of the three that there are."""
    weight = mg.tensor(np.array(rows, x.dtype)[:, :, None, None], device=x.device)
    return F.conv2d(as_maps(x, 3), weight)


class Colours(Layer):
    """What layers that change colours share: three in, three out."""

    def __init__(self, spec: Spec) -> None:
        spec.only_input()
        side = maps_of(spec, 0, 3)
        super().__init__(spec, (3, side, side))


class Yuv(Colours):
    """rgb2yuv: Y, U and V, each a sum of red, green and blue."""

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, 3, S, S)."""
        return _mixed(inputs[0], YUV)


class Lab(Colours):
    """rgb2lab: L = 116 f(Y) - 16, a = 500 (f(X) - f(Y)) and b = 200 (f(Y) - f(Z)); with `center`, L - 50.

    X, Y and Z are sums of red, green and blue, of 0 to 1; f(t) = t^.3333 above .0088564517, else 7.787037 t +
    .13793103. It is for pictures, and hands no gradient on.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.darker = 66.0 if spec.section.flag("center", False) else 16.0

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, 3, S, S)."""
        t = _mixed(inputs[0].detach(), XYZ)
        f = mg.where(t > 0.0088564517, t.clamp(min=0.0088564517) ** 0.3333, t * 7.787037 + 0.13793103)
        x, y, z = f[:, 0:1], f[:, 1:2], f[:, 2:3]
        return mg.cat([y * 116 - self.darker, (x - y) * 500, (y - z) * 200], dim=1)
