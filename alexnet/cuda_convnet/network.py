"""The network that a layer file describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

import minigrad as mg
from alexnet.cuda_convnet.grammar import LayerFileError, Section, Sections, normalised, shown
from alexnet.cuda_convnet.layers import COSTS, LAYERS, WITH_WEIGHTS, Layer, Pictures, Spec, checked_type
from alexnet.cuda_convnet.layers.base import changed_by
from alexnet.cuda_convnet.layers.simple import Softmax
from alexnet.cuda_convnet.layers.weighted import WIKI_INIT, Convolution, Filters, FullyConnected, Weighted
from alexnet.cuda_convnet.scaling import scaled
from minigrad import nn

__all__ = ["LayerNet", "initial_std", "picture_channels", "weighted_layers"]

CHANNEL_LIST = "channels"  # in a state, of a layer with randSparse, followed by the number of the input if not 0


class LayerNet(nn.Module):
    """The network of a layer file: images (N, in_channels, image_size, image_size) to logits (N, num_classes).

    Each layer is a module of its name, whose parameters have paths as `conv1.weight` and `conv1.bias`; the weights of
    further inputs are `conv1.weight1`, and so on. What is given by the file is checked before any weight is drawn.

    Args:
        layers: the sections of the layer file.
        params: the sections of the parameter file; without any, the net has shapes, and gives no results where a layer
            would need its settings.
        image_size: side of the pictures.
        in_channels: colours of the pictures.
        num_classes: what the net must tell apart; 0 for as many as the file says.
        devices: `gpu=i` of a layer means devices[i], counted round where there are fewer. The logits are on the first.
        filter_scale: what the numbers of filters and of hidden units are divided by, for tests.

    Attributes:
        layers: the layers that lead to the logits, by name.

    Raises:
        LayerFileError: the file has mistakes, or asks for what cannot be done.
    """

    def __init__(
        self,
        layers: Sections,
        params: Sections,
        image_size: int,
        in_channels: int,
        num_classes: int,
        devices: Sequence[str | mg.Device] = ("cpu",),
        filter_scale: float = 1.0,
    ) -> None:
        self.image_size, self.in_channels, self.num_classes = image_size, in_channels, num_classes
        self._devices = [mg.device(each) for each in devices]
        self.layers: dict[str, Layer | Pictures] = {}
        self.inputs: dict[str, tuple[str, ...]] = {}
        sections, settings = normalised(layers), normalised(params)
        if filter_scale != 1:
            sections = scaled(sections, filter_scale, in_channels)
        labels, costs = [], []
        for name, values in sections.items():
            section = Section(f"layer {name}", values)
            kind = checked_type(section)
            if kind == "data":
                if section.integer("dataIdx", least=0):
                    labels.append(name)
                else:
                    shape = in_channels, image_size, image_size
                    self.layers[name], self.inputs[name] = Pictures(shape, self._devices[0]), ()
            elif kind in COSTS:
                costs.append(section)
                self.inputs[name] = tuple(section.names("inputs"))
            else:
                self._add(name, section, settings, labels)
        self._logits = self._end(costs, labels)
        self._last_reader = {source: name for name in self.layers for source in self.inputs[name]}

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # and no more: a layer may have the name of an attribute

    def _add(self, name: str, section: Section, settings: Mapping[str, Mapping[str, str]], labels: list[str]) -> None:
        """Make a layer and put it behind those it reads."""
        sources = tuple(section.names("inputs"))
        for source in sources:
            if source in labels:
                raise section.error(
                    f"it computes with {source}: that needs labels that name several classes at once, which no data has"
                )
            if source not in self.layers:
                raise section.error(f"its input {source[:60]!r} is no layer above it that has outputs")
        place = section.names("gpu")[0] if "gpu" in section else ""
        first = self.layers[sources[0]].device
        if place:
            number = Section(section.where, {"gpu": place}).integer("gpu", least=0)
            first = self._devices[number % len(self._devices)]
        own = Section(f"parameters of layer {name}", settings.get(name, {}))
        shapes = tuple(self.layers[source].output for source in sources)
        spec = Spec(name, section, own, bool(settings), sources, shapes, first, self.layers)
        layer = LAYERS[section.text("type")](spec)
        self.layers[name], self.inputs[name] = layer, sources
        self._modules[name] = layer  # not as an attribute, which a layer may have the name of

    def _end(self, costs: list[Section], labels: list[str]) -> str:
        """Check what the layers lead to; returns the layer whose results are the logits."""
        if len(costs) != 1:
            found = " and ".join(cost.where for cost in costs) or "none"
            raise LayerFileError(f"a layer file has one cost here, {' or '.join(COSTS)}; there is {found}")
        (cost,) = costs
        sources = cost.names("inputs")
        read = {source for sources in self.inputs.values() for source in sources}
        unused = next((name for name in (*self.layers, *labels) if name not in read), "")
        if unused:
            raise LayerFileError(f"layer {unused}: no other layer reads it")
        if len(sources) != 2:
            raise cost.error(f"its inputs are labels and a softmax; got {shown(cost.text('inputs'))}")
        if sources[0] not in labels:
            raise cost.error(f"its first input is a layer of labels (type=data, dataIdx=1), and {sources[0]} is none")
        softmax = self.layers.pop(sources[1], None)
        if not isinstance(softmax, Softmax):
            raise cost.error(f"its second input is a softmax, and {sources[1]} is none")
        if softmax.activation is not None:
            raise cost.error(f"its second input is a softmax alone, and {sources[1]} has a neuron too")
        del self._modules[sources[1]]
        (logits,) = self.inputs[sources[1]]
        count = prod(self.layers[logits].output)
        self.num_classes = self.num_classes or count
        if count != self.num_classes:
            raise LayerFileError(self._misfit(logits, count))
        return logits

    def _misfit(self, logits: str, count: int) -> str:
        """That so many logits are not those of the classes, and what changes them."""
        unfit = f"{count:,} outputs do not fit {self.num_classes:,} classes; "
        last = self._outputs_of(logits)
        if not last:
            return f"layer {logits}: {unfit}other filters may help"
        if len(last) == 1:
            change = f"layers.{last[0]}.outputs={self.num_classes}"
            return f"layer {last[0]}: {unfit}{changed_by(f'outputs={self.num_classes}', change)}"
        names = [*last[:4], *(["others"] if len(last) > 5 else last[4:])]
        change = changed_by("other numbers of outputs", "layers.NAME.outputs=...")
        return f"layers {', '.join(names[:-1])} and {names[-1]}: {unfit}they make them together; {change}"

    def _outputs_of(self, name: str) -> list[str]:
        """The layers whose key `outputs` makes the length of a layer."""
        found, waiting = {}, [name]
        while waiting:
            each = waiting.pop(0)
            if each not in found:
                found[each] = isinstance(self.layers[each], FullyConnected)
                waiting += () if found[each] else self.inputs[each]
        return [each for each, counted in found.items() if counted]

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """Images (N, in_channels, image_size, image_size) on any device to logits (N, num_classes) on the first."""
        if not isinstance(x, mg.Tensor):
            raise TypeError(f"LayerNet takes a tensor, got {type(x).__name__}; make one with mg.tensor")
        if x.ndim != 4 or x.shape[1:] != (self.in_channels, self.image_size, self.image_size):
            raise ValueError(
                f"LayerNet takes a batch of shape (N, {self.in_channels}, {self.image_size}, {self.image_size}), "
                f"got {x.shape}"
            )
        results: dict[str, dict[mg.Device, mg.Tensor]] = {}  # by layer, on the devices where they are read
        for name, layer in self.layers.items():
            y = layer(*(_on(results[source], layer.device) for source in self.inputs[name])) if self.inputs[name] else x
            results[name] = {y.device: y}
            for source in {source for source in self.inputs[name] if self._last_reader[source] == name}:
                del results[source]  # what nobody reads any more need not stay in memory
        return _on(results[self._logits], self._devices[0]).flatten(1)

    @property
    def last(self) -> Layer | Pictures:
        """The layer that makes the logits."""
        return self.layers[self._logits]

    def first_filters(self) -> list[tuple[str, np.ndarray]]:
        """Name and weights (K, C / groups, size, size) of each convolution whose first input is the picture.

        Between the two there may be layers without weights.
        """
        sees = {name for name, layer in self.layers.items() if isinstance(layer, Pictures)}
        result = []
        for name, layer in self.layers.items():
            if not self.inputs[name] or self.inputs[name][0] not in sees:
                continue
            if isinstance(layer, Convolution):
                result.append((f"{name}, {layer.device}", layer.weights()[0].numpy()))
            elif not isinstance(layer, Weighted):
                sees.add(name)
        return result

    # the channels that are listed belong to the state

    def state_dict(self) -> dict[str, mg.Tensor]:
        """The value of every parameter by path, and the lists of channels of layers with randSparse."""
        lists = {path: mg.tensor(layer.channel_lists[number]) for path, layer, number in self._lists()}
        return super().state_dict() | lists

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> None:
        """Copy values into the parameters of the same paths, and take the lists of channels.

        Raises:
            KeyError: paths are missing or unexpected.
            ValueError: a shape differs, or a list names a channel that there is not.
        """
        rest, taken = dict(state_dict), []
        for path, layer, number in self._lists():
            if path in rest:
                own, given = layer.channel_lists[number], np.asarray(rest.pop(path))
                if given.shape != own.shape or given.dtype.kind not in "iu" or sorted(given) != sorted(own):
                    raise ValueError(f"{path} is a list of {own.size} channels, the state holds something else")
                taken.append((layer, number, given.astype(np.int64)))
            elif strict:
                raise KeyError(f"the state does not fit the module: missing {path}")
        super().load_state_dict(rest, strict, assign)
        for layer, number, given in taken:
            layer.channel_lists[number] = given

    def _lists(self) -> Iterator[tuple[str, Filters, int]]:
        for name, layer in self.layers.items():
            if isinstance(layer, Filters):
                for number in layer.channel_lists:
                    yield f"{name}.{CHANNEL_LIST}{number or ''}", layer, number


def _on(copies: dict[mg.Device, mg.Tensor], device: mg.Device) -> mg.Tensor:
    """A result on a device, copied there once."""
    if device not in copies:
        copies[device] = next(iter(copies.values())).to(device)
    return copies[device]


def weighted_layers(layers: Sections) -> tuple[str, ...]:
    """The names of the layers of a layer file that have weights, in order."""
    return tuple(name for name, values in normalised(layers).items() if values.get("type") in WITH_WEIGHTS)


def initial_std(layers: Sections, layer: str) -> float:
    """The standard deviation of a layer's initial weights, `initW`, of its first input."""
    section = Section(f"layer {layer}", normalised(layers)[layer])
    return section.numbers("initW", len(section.names("inputs")), WIKI_INIT)[0]


def picture_channels(layers: Sections) -> int:
    """The colours of the pictures that a layer file is for: `channels` of the first layer that reads them; else 3."""
    sections = normalised(layers)
    data = {name for name, values in sections.items() if values.get("type") == "data"}
    for name, values in sections.items():
        section = Section(f"layer {name}", values)
        sources = section.names("inputs") if "inputs" in section else []
        for number, source in enumerate(sources):
            if source in data and "channels" in section:
                return section.integers("channels", len(sources))[number]
    return 3
