"""What is done to pictures before the first weights: they are blurred, thinned out, mirrored."""

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet.layers.base import Layer, Shape, Spec, as_maps
from minigrad import nn

__all__ = ["Blur", "Mirror", "Pictures", "Thinning"]


class Pictures(nn.Module):
    """The pictures of a batch, as they come."""

    filters, multiply_adds = "", 0

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
