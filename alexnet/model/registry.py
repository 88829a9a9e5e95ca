"""The networks that a recipe can name: their layers, their options, and how they are built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import minigrad as mg
from alexnet.cuda_convnet import LayerNet, networks, weighted_layers
from alexnet.cuda_convnet import initial_std as layer_file_std
from alexnet.model.alexnet import LAYERS, WEIGHT_STD, AlexNet, initial_std
from minigrad import nn

__all__ = ["NETWORKS", "Network"]

Options = Mapping[str, Any]
Devices = Sequence[str | mg.Device]
NOT_OPTIONS = ("num_classes", "in_channels", "devices", "return")  # what comes from the data and the command line


@dataclass(frozen=True)
class Network:
    """A kind of network.

    Attributes:
        layers: of the options, the names of those with weights.
        options: what a recipe can set, with types.
        columns: how many it has unless an option says otherwise.
        build: makes one with fresh weights, of the number of classes, the channels and the side of its pictures, the
            devices and the options.
        initial_std: of the options and a layer's name; None for sqrt(2 / fan-in).
    """

    layers: Callable[[Options], tuple[str, ...]]
    options: Mapping[str, Any]
    columns: int
    build: Callable[[int, int, int, Devices, Options], nn.Module]
    initial_std: Callable[[Options, str], float | None]


def _alexnet(num_classes: int, in_channels: int, image_size: int, devices: Devices, options: Options) -> nn.Module:
    arguments = {**options, "in_channels": in_channels, "image_size": image_size}
    return AlexNet(num_classes, devices=devices, **arguments)


def _80sec(num_classes: int, in_channels: int, image_size: int, devices: Devices, options: Options) -> nn.Module:
    if len(devices) != 1:
        raise ValueError(f"the network of cifar10-80sec has one column and takes one device, got {len(devices)}")
    return networks.cifar10_80sec(num_classes, in_channels, devices[0])


def _layer_file(num_classes: int, in_channels: int, image_size: int, devices: Devices, options: Options) -> nn.Module:
    files = options["layers"], options["layer_params"]
    return LayerNet(*files, image_size, in_channels, num_classes, devices, options.get("filter_scale", 1.0))


NETWORKS = {
    "alexnet": Network(
        layers=lambda options: LAYERS,
        options={name: hint for name, hint in get_type_hints(AlexNet.__init__).items() if name not in NOT_OPTIONS},
        columns=2,
        build=_alexnet,
        initial_std=lambda options, layer: initial_std(options.get("weight_std", WEIGHT_STD), layer),
    ),
    "cifar10-80sec": Network(
        layers=lambda options: tuple(networks.WEIGHT_STD),
        options={},
        columns=1,
        build=_80sec,
        initial_std=lambda options, layer: networks.WEIGHT_STD[layer],
    ),
    "layer-file": Network(  # whose sections, `layers` and `layer_params`, a recipe puts beside its options
        layers=lambda options: weighted_layers(options["layers"]),
        options={"filter_scale": float},
        columns=1,
        build=_layer_file,
        initial_std=lambda options, layer: layer_file_std(options["layers"], layer),
    ),
}
