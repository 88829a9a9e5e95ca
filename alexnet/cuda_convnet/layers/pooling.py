"""Pooling: the largest number of each window, the mean, or the number of largest magnitude."""

from __future__ import annotations

from collections.abc import Callable

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet.layers.base import Layer, Spec, as_maps

__all__ = ["Pool"]

KINDS = ("max", "avg", "maxabs")


class Pool(Layer):
    """Windows of `sizeX` at every `stride`-th pixel from `start`, clipped to the picture.

    Window o covers rows (and columns) start + o stride ... + sizeX - 1; there are `outputsX` along a side, or, where
    that is 0, ceil((side - start - sizeX) / stride) + 1. `max` takes the largest number of the clipped window, `avg`
    the mean of its numbers, `maxabs` the number of the largest magnitude, with its sign. Among equal numbers the first
    has the gradient; in cuda-convnet each of them had.
    """

    def __init__(self, spec: Spec) -> None:
        section = spec.section
        channels, side = spec.only_maps()
        self.channels, self.kind = channels, section.text("pool")
        if self.kind == "rand":
            if spec.trained and not spec.settings.flag("doMax", False):
                raise section.error(
                    "random pooling is not known well enough to do; doMax=true in the parameter file makes it max"
                )
            self.kind = "max"
        if self.kind not in KINDS:
            raise section.error(f"pool is one of {', '.join(KINDS)}, rand; got {self.kind[:60]!r}")
        self.size, self.stride = section.integer("sizeX"), section.integer("stride")
        self.start = section.integer("start", 0, least=-self.size + 1)
        if self.stride > self.size:
            raise section.error(f"stride is 1 to sizeX, {self.size}; got {self.stride}")
        rest = side - self.start - self.size
        counted = -(-rest // self.stride) + 1
        count = section.integer("outputsX", 0, least=0) or counted
        reach = self.start + (count - 1) * self.stride  # where the last window begins
        if count < 1 or reach >= side:
            raise section.error(f"windows of {self.size} from {self.start} do not fit the {side} x {side} of its input")
        super().__init__(spec, (channels, count, count), f"{self.kind} {self.size} x {self.size}, stride {self.stride}")
        first, end = max(0, self.start), min(side, reach + self.size)
        self.cut = slice(first, end) if (first, end) != (0, side) else None
        before, after = max(0, -self.start), max(0, reach + self.size - side)
        self.sides = before, after, before, after

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, C, M, M)."""
        x = as_maps(inputs[0], self.channels)
        if self.cut is not None:
            x = x[:, :, self.cut, self.cut]
        if self.kind == "avg":
            return self._pool(F.avg_pool2d, x, count_include_pad=False)
        y = self._pool(F.max_pool2d, x)
        if self.kind == "max":
            return y
        lowest = self._pool(F.max_pool2d, -x)
        return mg.where(lowest > y, -lowest, y)

    def _pool(self, pool: Callable[..., mg.Tensor], x: mg.Tensor, **options: bool) -> mg.Tensor:
        return pool(x, self.size, self.stride, self.sides, **options)
