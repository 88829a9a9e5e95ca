"""The networks of layer files: their sizes, and that they are the nets that the project has otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_files import net_of, params_of, pixels, two_columns

import minigrad as mg
import minigrad.functional as F
from alexnet.model import AlexNet
from alexnet.recipes import RECIPES
from minigrad import nn


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(
    ("layers", "parameters"),
    [
        (two_columns(), 60_965_224),
        (two_columns(columns=1, conv5=256, fc6=4096, fc7=4096), 59_798_312),
        (two_columns(norms=False), 60_965_224),
        (two_columns(overlapping=False, padding={"conv2": 1, "conv3": 1, "conv4": 1}), 60_965_224),
        (two_columns(crossing=(), conv2=160, fc6=4096), 60_714_408),
    ],
    ids=["both columns", "one column", "no norms", "pooling 2 / 2", "columns that never meet"],
)
def test_the_nets_of_2012_have_as_many_parameters(layers: str, parameters: int) -> None:
    assert count(net_of(layers, size=224, classes=1000)) == parameters


# the same nets from both sides: what the layer file says, and what the model is asked for
COLUMNS = {
    "recipe original": ({}, {}),
    "one column": ({"columns": 1, "conv5": 256, "fc6": 4096, "fc7": 4096}, {"columns": 1}),
    "without norms": ({"norms": False}, {"lrn": False, "within_map_norm": False}),
    "pooling 2 / 2": ({"overlapping": False}, {"overlapping_pooling": False, "image_size": 103}),
    "conv3 of its own column": ({"crossing": ("fc6", "fc7")}, {"cross_columns": False}),
}


@pytest.mark.parametrize(("said", "options"), COLUMNS.values(), ids=COLUMNS)
def test_a_layer_file_is_the_model_of_the_paper(said: dict[str, Any], options: dict[str, Any]) -> None:
    """The logits, and the gradient of every weight and bias, in float64 to 1e-12 of the largest."""
    original = RECIPES["original"].network_options
    arguments = {**original, "columns": 2, "width": 1 / 16, "image_size": 99, **options}
    model = AlexNet(7, devices=["cpu"], **arguments).to(np.float64).eval()
    layers = two_columns(7, width=1 / 16, **said)
    net = net_of(layers, params_of(layers), size=model.image_size, classes=7).to(np.float64).eval()
    net.load_state_dict(as_layer_file(model, dict(model.named_parameters())))

    x, targets = pixels(net, 4), mg.tensor(np.array([0, 6, 3, 3]))
    logits = []
    for each in (model, net):
        y = each(x)
        F.cross_entropy(y, targets).backward()
        logits.append(y.numpy())
    assert close(logits[1], logits[0]) < 1e-12
    gradients = as_layer_file(model, {name: p.grad for name, p in model.named_parameters()})
    for name, parameter in net.named_parameters():
        assert np.abs(gradients[name]).max() > 0, name
        assert close(parameter.grad.numpy(), gradients[name]) < 1e-12, name


def close(value: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(value - expected).max() / np.abs(expected).max())


def as_layer_file(model: AlexNet, tensors: dict[str, mg.Tensor]) -> dict[str, np.ndarray]:
    """The weights or gradients of AlexNet by the paths of the layer file: a weight for each input."""
    result, crossing = {}, ("conv3", "fc6", "fc7", "fc8")[not model.cross_columns :]
    for path, tensor in tensors.items():
        *column, layer, kind = path.split(".")
        letter = "ab"[int(column[0][-1])] if column else ""
        parts = [tensor.numpy()]
        if kind == "weight" and layer in crossing and len(model._columns) == 2:
            parts = np.split(parts[0], 2, axis=1)
            parts = parts[::-1] if layer + letter == "fc7b" else parts  # which reads its own column first
        for number, part in enumerate(parts):
            result[f"{layer}{letter}.{kind}{number or ''}"] = part
    return result


def test_layers_are_where_gpu_says() -> None:
    layers = two_columns(5, width=1 / 16)
    net = net_of(layers, params_of(layers), size=67, classes=5, devices=["cpu:0", "cpu:1"]).eval()
    where = {path: str(parameter.device) for path, parameter in net.named_parameters()}
    assert where["conv1a.weight"] == where["conv4a.bias"] == where["fc8.weight"] == "cpu:0"
    assert where["conv3b.weight1"] == where["conv4b.weight"] == where["fc7b.bias"] == "cpu:1"
    one = net_of(layers, params_of(layers), size=67, classes=5).eval()
    one.load_state_dict({name: each.numpy() for name, each in net.state_dict().items()})
    x = pixels(net, dtype=np.float32)
    y = net(x)
    assert str(y.device) == "cpu:0" and np.array_equal(y.numpy(), one(x).numpy())
