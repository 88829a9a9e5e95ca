"""The layers with weights: convolutions, local and fully-connected layers, each with as many inputs as it likes.

Every input has a weight of its own, the first `weight`, then `weight1`, `weight2`, ...; there is one bias, added once.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet.grammar import Section, split_list
from alexnet.cuda_convnet.layers.base import Layer, Spec, as_maps, check_size, maps_of
from minigrad import nn
from minigrad.random import default_generator, stream

__all__ = [
    "WIKI_INIT",
    "Convolution",
    "Filters",
    "FullyConnected",
    "Local",
    "Weighted",
    "weight_name",
    "weight_sources",
]

SHARED = re.compile(r"([^\[\]]+)(?:\[([0-9]{1,4})\])?")
WIKI_INIT = 0.01  # the default of initW in cuda-convnet's documentation


def weight_name(number: int) -> str:
    """What the weight of an input is called."""
    return f"weight{number}" if number else "weight"


def weight_sources(section: Section, count: int) -> list[str]:
    """By input, the layer whose weight it shares, as `weightSource` names it; "" for a weight of its own."""
    sources = split_list(section.text("weightSource", "," * (count - 1)))
    if len(sources) != count:
        raise section.error(f"weightSource has one item for each input, {count}; got {len(sources)}")
    return sources


class Weighted(Layer):
    """What layers with weights share: a weight for each input, drawn from N(0, initW), and a bias of initB.

    Attributes:
        channel_lists: by the number of an input, the channels that it reads, one after the other (int64).
    """

    bias: nn.Parameter

    def weights(self) -> list[nn.Parameter]:
        """The weights by input."""
        return [getattr(self, weight_name(number)) for number in range(self.count)]

    def _begin(self, spec: Spec) -> None:
        """Before any weight is drawn."""
        self.count = len(spec.inputs)
        self.channel_lists: dict[int, np.ndarray] = {}
        self._initial_std = spec.section.numbers("initW", self.count, WIKI_INIT, least=0)
        self._shared = weight_sources(spec.section, self.count)

    def _adopt(self, spec: Spec, number: int, fresh: nn.Parameter) -> None:
        """Take a new weight for an input, filled with its initial numbers, or another layer's that it is to share."""
        source = self._shared[number]
        if source:
            fresh = self._owner(spec, number, source, fresh)
        else:
            nn.init.normal_(fresh, std=self._initial_std[number])
        setattr(self, weight_name(number), fresh)

    def _owner(self, spec: Spec, number: int, source: str, fresh: nn.Parameter) -> nn.Parameter:
        """The weight that `weightSource` names as `layer` or `layer[input]`."""
        match = SHARED.fullmatch(source)
        layer = (self if match[1] == spec.name else spec.others.get(match[1])) if match else None
        index = int(match[2] or 0) if match else 0
        known = number if layer is self else getattr(layer, "count", 0)
        if type(layer) is not type(self) or index >= known:
            raise spec.section.error(f"weightSource names an input of a layer of its kind above; got {source[:60]!r}")
        weight = getattr(layer, weight_name(index))
        if weight.shape != fresh.shape or weight.device != fresh.device:
            raise spec.section.error(f"its weight of input {number} cannot be that of {source}, of {weight.shape}")
        return weight

    def _begin_bias(self, spec: Spec, bias: nn.Parameter | None) -> None:
        if bias is not None:
            self.bias = bias
            nn.init.constant_(bias, spec.section.number("initB", 0.0))


@dataclass(frozen=True)
class Window:
    """How one input of a convolution is read.

    Attributes:
        channels: of the input.
        seen: the channels of all groups together, which differ from the input's where they are listed (`randSparse`).
        side: of the input.
        size, stride: of the filters.
        padding: zeros at the top and on the left; there are more below and on the right if the last filter overhangs.
        groups: of filters and of the channels that they see.
    """

    channels: int
    seen: int
    side: int
    size: int
    stride: int
    padding: int
    groups: int

    @property
    def places(self) -> int:
        """Filters along a side, counted with ceil: the last may overhang the picture, and reads zeros there."""
        return -(-(self.side + 2 * self.padding - self.size) // self.stride) + 1

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Zeros around the picture: top, bottom, left, right."""
        after = (self.places - 1) * self.stride + self.size - self.side - self.padding
        return self.padding, after, self.padding, after


def read_windows(spec: Spec) -> tuple[list[Window], int]:
    """How a convolution or local layer reads each input, and how many filters it has."""
    section, count = spec.section, len(spec.inputs)
    channels, groups = section.integers("channels", count), section.integers("groups", count, 1)
    sizes, strides = section.integers("filterSize", count), section.integers("stride", count, 1)
    padding = section.integers("padding", count, 0, least=0)
    sparse, listed = section.flags("randSparse", count, False), section.integers("filterChannels", count, 0, least=0)
    filters = [number * group for number, group in zip(section.integers("filters", count), groups, strict=True)]
    windows = []
    for t in range(count):
        seen = channels[t]
        if channels[t] % groups[t]:
            raise section.error(f"its {channels[t]} channels do not divide into {groups[t]} groups")
        if sparse[t]:
            each = listed[t] or channels[t] // groups[t]
            seen = groups[t] * each
            if groups[t] < 2 or channels[t] % each or seen % channels[t]:
                raise section.error(
                    f"randSparse takes 2 groups or more, and filterChannels that divide the {channels[t]} channels, "
                    f"which all groups together see equally often; got {groups[t]} groups of {each}"
                )
        window = Window(channels[t], seen, maps_of(spec, t, channels[t]), sizes[t], strides[t], padding[t], groups[t])
        if window.side + 2 * window.padding < window.size:
            side = f"{window.side} x {window.side}"
            raise section.error(f"filters of {window.size} x {window.size} do not fit the {side} of {spec.sources[t]}")
        windows.append(window)
    if len(set(filters)) > 1 or len({window.places for window in windows}) > 1:
        raise section.error(
            "its inputs give "
            + " and ".join(f"{f} maps of {w.places} x {w.places}" for f, w in zip(filters, windows, strict=True))
            + ", which cannot be added (filters counts those of one group)"
        )
    return windows, filters[0]


class Filters(Weighted):
    """What convolutions and local layers share: y = bias + the sum over inputs of what filters make of them.

    `filters` counts the filters of one group; all inputs make the same number of maps. The ReLU is applied as the
    filters write, where there is one input.

    With `randSparse`, an input's group g reads the channels that a list names at g n ... (g + 1) n - 1, n =
    filterChannels; the list is of permutations of all channels, one after the other, and belongs to the state of a
    net. It is drawn before the weights.
    """

    operation: Callable[..., mg.Tensor]
    unshared = False  # whether each place has filters of its own
    output_bias = False  # whether each output has a bias of its own, added behind filters that have none

    def __init__(self, spec: Spec) -> None:
        self._begin(spec)
        self.windows, count = read_windows(spec)
        places = self.windows[0].places
        weights = [count * w.seen // w.groups * w.size**2 for w in self.windows]
        check_size(spec.section, "weights", max(weights) * (places**2 if self.unshared else 1))
        filters = f"{count} of {' and '.join(f'{w.size} x {w.size} x {w.seen // w.groups}' for w in self.windows)}"
        if any(w.stride > 1 for w in self.windows):
            filters += f", stride {' and '.join(dict.fromkeys(str(w.stride) for w in self.windows))}"
        super().__init__(spec, (count, places, places), filters, sum(weights) * places**2)
        self._draw_lists(spec)
        for t, w in enumerate(self.windows):
            layer = self.fresh(spec, w, count, t == 0 and not self.output_bias)
            self._adopt(spec, t, layer.weight)
            self._begin_bias(spec, layer.bias)
        if self.output_bias:
            self._begin_bias(spec, nn.LocallyConnected2d(1, count, 1, places, device=spec.device).bias)
        relu = self.activation is not None and self.activation.name == "relu"
        self.fused = relu and self.count == 1 and not self.output_bias
        if self.fused:
            self.activation = None

    def _draw_lists(self, spec: Spec) -> None:
        for t, sparse in enumerate(spec.section.flags("randSparse", self.count, False)):
            if sparse:
                draw, window = stream(*default_generator.next()), self.windows[t]
                drawn = [draw.permutation(window.channels) for _ in range(window.seen // window.channels)]
                self.channel_lists[t] = np.concatenate(drawn).astype(np.int64)

    @abstractmethod
    def fresh(self, spec: Spec, window: Window, filters: int, bias: bool) -> nn.Conv2d | nn.LocallyConnected2d:
        """A layer with new parameters for one input."""

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Maps (N, K, M, M)."""
        bias = None if self.output_bias else self.bias
        operation = type(self).operation
        y, *others = (
            operation(self.read(t, x), weight, None if t else bias, w.stride, w.sides, groups=w.groups, relu=self.fused)
            for t, (x, weight, w) in enumerate(zip(inputs, self.weights(), self.windows, strict=True))
        )
        y = sum(others, y)
        return y + self.bias if self.output_bias else y

    def read(self, number: int, x: mg.Tensor) -> mg.Tensor:
        """What the filters see of an input: its maps, or those that its list names."""
        x = as_maps(x, self.windows[number].channels)
        if number not in self.channel_lists:
            return x
        return x[:, mg.tensor(self.channel_lists[number], device=self.device)]


class Convolution(Filters):
    """y[k, i, j] = b_k + sum over inputs t, channels c of k's group, u and v of W_t[k, c, u, v] x_t[c, s i - p + u,
    s j - p + v], with `padding` p and `stride` s.

    With sharedBiases=false there is a bias b[k, i, j] for each output.

    Parameters: weight (K, C / groups, size, size), bias (K,) or (K, M, M).
    """

    operation = F.conv2d

    def __init__(self, spec: Spec) -> None:
        self.output_bias = not spec.section.flag("sharedBiases", True)
        super().__init__(spec)

    def fresh(self, spec: Spec, window: Window, filters: int, bias: bool) -> nn.Conv2d:
        """A convolution."""
        w = window
        return nn.Conv2d(w.seen, filters, w.size, groups=w.groups, bias=bias, device=spec.device)


class Local(Filters):
    """y[k, i, j] = b[k, i, j] + sum over inputs t, channels c of k's group, u and v of W_t[i, j, c, u, v, k] x_t[c,
    s i - p + u, s j - p + v]: a convolution without sharing, whose every place has filters of its own.

    Parameters: weight (M, M, C / groups, size, size, K), bias (K, M, M).
    """

    operation = F.locally_connected2d
    unshared = True

    def fresh(self, spec: Spec, window: Window, filters: int, bias: bool) -> nn.LocallyConnected2d:
        """A local layer."""
        w = window
        return nn.LocallyConnected2d(
            w.seen, filters, w.size, w.side, w.stride, w.sides, w.groups, bias=bias, device=spec.device
        )


class FullyConnected(Weighted):
    """y = b + sum over inputs t of W_t x_t, each x_t with its axes (channel, row, column) made one.

    Parameters: weight (outputs, length of the input), bias (outputs,).
    """

    def __init__(self, spec: Spec) -> None:
        self._begin(spec)
        outputs = spec.section.integer("outputs")
        lengths = [prod(shape) for shape in spec.inputs]
        filters = f"{outputs} of {' and '.join(map(str, lengths))}"
        super().__init__(spec, (outputs,), filters, outputs * sum(lengths))
        for t, length in enumerate(lengths):
            check_size(spec.section, "weights", outputs * length)
            layer = nn.Linear(length, outputs, bias=t == 0, device=spec.device)
            self._adopt(spec, t, layer.weight)
            self._begin_bias(spec, layer.bias)

    def compute(self, *inputs: mg.Tensor) -> mg.Tensor:
        """Numbers (N, outputs)."""
        y, *others = (
            F.linear(x.flatten(1), weight, self.bias if t == 0 else None)
            for t, (x, weight) in enumerate(zip(inputs, self.weights(), strict=True))
        )
        return sum(others, y)
