"""The three normalisations: across maps, within a map, and of contrast. Their `scale` is divided by the window's size.

`scale` and `pow` stand in the parameter file; in the oldest files in the layer file, where the window is `sizeX`.
"""

from __future__ import annotations

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet.layers.base import Layer, Spec, as_maps

__all__ = ["ContrastNorm", "CrossMapNorm", "WithinMapNorm"]


class Normalisation(Layer):
    """What normalisations share: maps in, the same maps out, a window and its numbers."""

    words = "over {size} x {size} of a map"

    def __init__(self, spec: Spec) -> None:
        section = spec.section
        self.channels, side = spec.only_maps()
        self.size = section.integer("size") if "size" in section else section.integer("sizeX")
        self.scale, self.power = spec.setting("scale"), spec.setting("pow")
        self.least = spec.setting("minDiv", 1.0)
        super().__init__(spec, (self.channels, side, side), self.words.format(size=self.size))

    def numbers(self) -> tuple[float, float, float]:
        """scale, pow and minDiv."""
        if self.scale is None or self.power is None or self.least is None:
            raise ValueError("its scale and pow are in the parameter file, and there is none")
        return self.scale, self.power, self.least


class CrossMapNorm(Normalisation):
    """y_c = x_c / (minDiv + scale / size sum of x_d^2)^pow, d the `size` maps around c, of this layer's own maps.

    With blocked=true, d is of the block of `size` maps that c is in: 0 ... size - 1, size ... 2 size - 1, ...
    """

    words = "over {size} maps"

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.blocked = spec.section.flag("blocked", False)

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, C, S, S)."""
        scale, power, least = self.numbers()
        x = as_maps(inputs[0], self.channels)
        if not self.blocked:
            return F.local_response_norm(x, self.size, scale, power, least)
        blocks = [x[:, first : first + self.size] for first in range(0, self.channels, self.size)]
        sums = [(block * block).sum(1, keepdim=True) for block in blocks]
        divided = [b * (s * (scale / self.size) + least) ** -power for b, s in zip(blocks, sums, strict=True)]
        return mg.cat(divided, dim=1)


class WithinMapNorm(Normalisation):
    """y_p = x_p / (minDiv + scale / size^2 sum of x_q^2)^pow, q the size x size pixels around p in its map."""

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, C, S, S)."""
        scale, power, least = self.numbers()
        return F.within_map_response_norm(as_maps(inputs[0], self.channels), self.size, scale, power, least)


class ContrastNorm(Normalisation):
    """y_p = x_p / (minDiv + scale / size^2 sum of (x_q - m_q)^2)^pow, q the size x size pixels around p in its map.

    m_q is the mean of the window around q, clipped to the picture: each pixel's own. As in cuda-convnet, the numerator
    is not centred, and the gradient takes the means for constants.
    """

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, C, S, S)."""
        scale, power, least = self.numbers()
        x = as_maps(inputs[0], self.channels)
        before, after = self.size // 2, (self.size - 1) // 2
        sides = before, after, before, after
        mean = F.avg_pool2d(x.detach(), self.size, 1, sides, count_include_pad=False)
        difference = x - mean
        squares = F.avg_pool2d(difference * difference, self.size, 1, sides)  # their sum over size^2
        return x * (squares * scale + least) ** -power
