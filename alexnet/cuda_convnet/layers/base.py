"""What all layers of a layer file share: how they are made from their section, and what they tell of themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt, prod

import minigrad as mg
from alexnet.cuda_convnet.grammar import Section
from alexnet.cuda_convnet.neurons import read_neuron
from minigrad import nn

__all__ = ["Layer", "Shape", "Spec", "as_maps", "changed_by", "check_size", "maps_of"]

Shape = tuple[int, ...]  # of what a layer makes of one picture: (channels, side, side), or (length,)

MOST_NUMBERS = 1 << 30  # of a layer's weights, and of what it makes of one picture


@dataclass(frozen=True)
class Spec:
    """All that a layer is made from.

    Attributes:
        name: what the layer is called.
        section: of the layer file.
        settings: of the parameter file.
        trained: whether there is a parameter file; without one, a net has shapes but gives no results.
        sources: the names of the inputs.
        inputs: their shapes.
        device: where it is.
        others: the layers above, by name.
    """

    name: str
    section: Section
    settings: Section
    trained: bool
    sources: tuple[str, ...]
    inputs: tuple[Shape, ...]
    device: mg.Device
    others: Mapping[str, nn.Module]

    def setting(self, key: str, default: float | None = None) -> float | None:
        """A number of the parameter file, or of the layer file, where it stood before June 2012; None without any."""
        if key in self.section and key not in self.settings:
            return self.section.number(key)
        return self.settings.number(key, default) if self.trained or default is not None else None

    def only_input(self) -> Shape:
        """The shape of the input of a layer that takes one."""
        if len(self.inputs) != 1:
            raise self.section.error(f"it takes one input; got {len(self.inputs)}")
        return self.inputs[0]

    def only_maps(self) -> tuple[int, int]:
        """Channels and side of the input of a layer that takes one input of square maps."""
        self.only_input()
        (channels,) = self.section.integers("channels", 1)
        return channels, maps_of(self, 0, channels)


class Layer(nn.Module, ABC):
    """A layer of a layer file: `compute`, then the activation of its key `neuron`.

    Attributes:
        device: where it is.
        output: the shape of what it makes of one picture.
        filters: its filters or windows, in words.
        neuron: its activation, as the file says it; "" for none.
        multiply_adds: for one picture.
        activation: what its results go through; None for nothing.
    """

    def __init__(self, spec: Spec, output: Shape, filters: str = "", multiply_adds: int = 0) -> None:
        check_size(spec.section, "numbers that it makes of a picture", prod(output))
        self.device, self.output, self.filters, self.multiply_adds = spec.device, output, filters, multiply_adds
        self.activation = read_neuron(spec.section)
        self.neuron = self.activation.extra_repr() if self.activation is not None else ""

    @abstractmethod
    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """The layer itself, before its activation."""

    def forward(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Each input (N, *its shape) to (N, *output)."""
        y = self.compute(*inputs)
        return y if self.activation is None else self.activation(y)


def maps_of(spec: Spec, number: int, channels: int) -> int:
    """The side of an input as square maps of so many channels: maps as they are, or a list of numbers cut into maps."""
    shape, source = spec.inputs[number], spec.sources[number]
    if len(shape) == 3:
        if shape[0] != channels:
            change = f"channels={shape[0]}"
            fits = f"; {changed_by(change, f'layers.{spec.name}.{change}')}" if len(spec.inputs) == 1 else ""
            raise spec.section.error(f"channels={channels}, but its input {source} has {shape[0]}{fits}")
        return shape[1]
    side = isqrt(shape[0] // channels)
    if side * side * channels != shape[0]:
        raise spec.section.error(f"the {shape[0]:,} numbers of its input {source} are no {channels} square maps")
    return side


def as_maps(x: mg.Tensor, channels: int) -> mg.Tensor:
    """A batch as maps of so many channels, as `maps_of` has counted."""
    if x.ndim == 4:
        return x
    side = isqrt(x.shape[1] // channels)
    return x.reshape(x.shape[0], channels, side, side)


def changed_by(said: str, key: str) -> str:
    """What would help, for errors: in the file, or on the command line, where it trains."""
    return f"{said} in the file, or --set {key} in training, would"


def check_size(section: Section, what: str, count: int) -> None:
    """Raise LayerFileError for more numbers than any layer has, before memory is asked for."""
    if count > MOST_NUMBERS:
        raise section.error(f"{count:,} {what} are too many; at most {MOST_NUMBERS:,} are possible")
