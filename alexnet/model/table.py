"""The table of a network's layers: shapes, kernels, parameters and multiply-adds (Figure 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod

import minigrad as mg
from alexnet.cuda_convnet import LayerNet
from alexnet.cuda_convnet.layers import Layer, Pictures
from alexnet.model.alexnet import AlexNet
from alexnet.terminal import table
from minigrad import nn

__all__ = ["LayerRow", "format_table", "layer_table"]


@dataclass(frozen=True)
class LayerRow:
    """A line of the table: one layer over all columns.

    Attributes:
        name: name in Figure 2.
        output: shape of what one column makes of one image.
        columns: how many columns make it.
        kernels: kernels and what each sees, in words; of a layer file also the activation.
        parameters: weights and biases of all columns.
        multiply_adds: for one image, all columns.
        devices: where it is.
    """

    name: str
    output: tuple[int, ...]
    columns: int
    kernels: str
    parameters: int
    multiply_adds: int
    devices: str


def layer_table(model: AlexNet | LayerNet) -> list[LayerRow]:
    """The layers of a net in order. Those of AlexNet are found by sending one blank image through it."""
    if isinstance(model, LayerNet):
        return _rows_of_file(model)
    outputs: dict[str, list[tuple[nn.Module, tuple[int, ...]]]] = {}
    handles = []
    training = model.training
    for path, module in model.named_modules():
        name = path.rpartition(".")[2]
        if not module._modules and not name.endswith(("_act", "_drop")):

            def note(layer: nn.Module, inputs: tuple[mg.Tensor, ...], output: mg.Tensor, name: str = name) -> None:
                outputs.setdefault(name, []).append((layer, output.shape[1:]))

            handles.append(module.register_forward_hook(note))
    try:
        with mg.no_grad():
            blank = mg.zeros(1, model.in_channels, model.image_size, model.image_size, dtype=model.fc8.weight.dtype)
            model.eval()(blank)
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return [_row(name, layers) for name, layers in outputs.items()]


def _rows_of_file(model: LayerNet) -> list[LayerRow]:
    """The layers of a layer file, which tell of themselves; a weight that several share is counted at the first."""
    counts: dict[str, int] = dict.fromkeys(model.layers, 0)
    for path, parameter in model.named_parameters():
        counts[path.rpartition(".")[0]] += parameter.numel()
    return [
        LayerRow(name, layer.output, 1, _in_words(layer), counts[name], layer.multiply_adds, str(layer.device))
        for name, layer in model.layers.items()
    ]


def _in_words(layer: Layer | Pictures) -> str:
    """Filters or windows and activation, in few letters, so that there is room for the other columns."""
    return ", ".join(filter(None, [layer.filters.replace(", stride ", " / "), layer.neuron]))


def _row(name: str, layers: list[tuple[nn.Module, tuple[int, ...]]]) -> LayerRow:
    layer, output = layers[0]
    parameters = sum(p.numel() for each, _ in layers for p in each.parameters())
    multiply_adds, places, kernels = 0, "", ""
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        multiply_adds = layer.weight.numel() * prod(output[1:]) * len(layers)
        places = ", ".join(dict.fromkeys(str(p.device) for each, _ in layers for p in each.parameters()))
        sees = " x ".join(str(n) for n in (*layer.weight.shape[2:], layer.weight.shape[1]))
        kernels = f"{layer.weight.shape[0] * len(layers)} of {sees}"
        if isinstance(layer, nn.Conv2d) and layer.stride != 1:
            kernels += f", stride {layer.stride}"
    elif isinstance(layer, nn.MaxPool2d):
        kernels = f"{layer.kernel_size} x {layer.kernel_size}, stride {layer.stride}"
    elif isinstance(layer, nn.LocalResponseNorm):
        kernels = f"over {layer.size} maps"
    elif isinstance(layer, nn.WithinMapResponseNorm):
        kernels = f"over {layer.size} x {layer.size} of a map"
    return LayerRow(name.replace("_", " "), output, len(layers), kernels, parameters, multiply_adds, places)


def format_table(rows: Sequence[LayerRow], width: float = inf) -> str:
    """The table as text, with totals, in lines of at most so many characters."""
    lines: list[tuple[str, ...]] = [("layer", "output", "kernels", "parameters", "multiply-adds", "device")]
    for row in rows:
        output = " x ".join(map(str, row.output))
        output = f"{row.columns} x ({output})" if row.columns > 1 else output
        numbers = (f"{n:,}" if n else "" for n in (row.parameters, row.multiply_adds))
        lines.append((row.name, output, row.kernels, *numbers, row.devices))
    totals = (f"{sum(row.parameters for row in rows):,}", f"{sum(row.multiply_adds for row in rows):,}")
    lines.append(("total", "", "", *totals, ""))
    return table(lines, width, right=(3, 4), ruled=True)
