"""Layers that join others, drop some of their numbers at random, or do a simple thing to each."""

from __future__ import annotations

from functools import reduce
from math import prod

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet.layers.base import Layer, Spec

__all__ = ["Activation", "Concatenation", "Dropout", "Maximum", "Softmax", "Sum"]


class Activation(Layer):
    """type=neuron: an activation written as a layer of its own."""

    def __init__(self, spec: Spec) -> None:
        spec.section.text("neuron")
        super().__init__(spec, spec.only_input())

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """What it is given, for the activation."""
        return inputs[0]


class Concatenation(Layer):
    """Inputs one after the other: maps where they all are maps of one size, else numbers."""

    def __init__(self, spec: Spec) -> None:
        first = spec.inputs[0]
        self.maps = all(len(shape) == 3 and shape[1:] == first[1:] for shape in spec.inputs)
        length = sum(shape[0] if self.maps else prod(shape) for shape in spec.inputs)
        super().__init__(spec, (length, *first[1:]) if self.maps else (length,))

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """(N, *output)."""
        return mg.cat(inputs if self.maps else [x.flatten(1) for x in inputs], dim=1)


class Elementwise(Layer):
    """What sums and maxima share: inputs of as many numbers, and the shape of the first."""

    def __init__(self, spec: Spec) -> None:
        if len({prod(shape) for shape in spec.inputs}) > 1:
            raise spec.section.error("its inputs have different lengths")
        super().__init__(spec, spec.inputs[0])

    def alike(self, inputs: tuple[mg.Tensor, ...]) -> list[mg.Tensor]:
        """The inputs in one shape."""
        return [x.reshape(x.shape[0], *self.output) for x in inputs]


class Sum(Elementwise):
    """y = sum over inputs t of coeffs_t x_t."""

    def __init__(self, spec: Spec) -> None:
        self.factors = spec.section.numbers("coeffs", len(spec.inputs), 1.0)
        super().__init__(spec)

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """(N, *output)."""
        parts = [x * factor for x, factor in zip(self.alike(inputs), self.factors, strict=True)]
        return reduce(mg.Tensor.__add__, parts)


class Maximum(Elementwise):
    """y = the largest of the inputs, elementwise."""

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """(N, *output)."""
        return reduce(mg.maximum, self.alike(inputs))


class Softmax(Layer):
    """e^x over its sum, over all numbers of an example."""

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec, (prod(spec.only_input()),))

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """(N, length)."""
        return F.softmax(inputs[0].flatten(1), 1)


class Dropout(Layer):
    """hs, and dropout2, its later name: each number is kept with probability `keep`, else 0.

    Nothing is scaled in training; in testing, and where the parameter file says enable=false in training too, all is
    multiplied by `keep`. `dropout` divides by `keep` in training instead, and does nothing otherwise.
    """

    def __init__(self, spec: Spec) -> None:
        hidden = spec.section.text("type") == "hs"
        keep = spec.section if hidden or "keep" not in spec.settings else spec.settings
        self.drop = 1 - keep.number("keep", None if hidden else 0.5, least=0)
        if self.drop < 0:
            raise keep.error(f"keep is a probability, 0 to 1; got {1 - self.drop:g}")
        super().__init__(spec, spec.only_input(), f"keep {1 - self.drop:g}")
        self.enabled = spec.settings.flag("enable", None if hidden and spec.trained else True)
        self.scale_at = "train" if spec.section.text("type") == "dropout" else "test"

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """(N, *output)."""
        return F.dropout(inputs[0], self.drop, self.training and self.enabled, scale_at=self.scale_at)
