"""cuda-convnet's own networks: the smallest for CIFAR-10, "80sec" after its run time."""

from __future__ import annotations

from collections import OrderedDict

import minigrad as mg
from minigrad import nn

__all__ = ["WEIGHT_STD", "cifar10_80sec"]

# standard deviations of the initial weights; biases start at 0
WEIGHT_STD = {"conv1": 1e-4, "conv2": 0.01, "conv3": 0.01, "fc64": 0.1, "fc10": 0.1}


def cifar10_80sec(num_classes: int = 10, in_channels: int = 3, device: str | mg.Device = "cpu") -> nn.Sequential:
    """Three 5 x 5 convolutions, each pooled 3/2 counted with ceil (32, 16, 8, 4), and two fully-connected layers.

    Takes images (N, in_channels, 32, 32); returns logits (N, num_classes).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, 32, 5, padding=2, device=device),
        pool1=nn.MaxPool2d(3, 2, ceil_mode=True),
        relu1=nn.ReLU(),
        conv2=nn.Conv2d(32, 32, 5, padding=2, device=device, relu=True),
        pool2=nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False),
        conv3=nn.Conv2d(32, 64, 5, padding=2, device=device, relu=True),
        pool3=nn.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False),
        flatten=nn.Flatten(),
        fc64=nn.Linear(64 * 4 * 4, 64, device=device),
        relu4=nn.ReLU(),
        fc10=nn.Linear(64, num_classes, device=device),
    )
    for name, std in WEIGHT_STD.items():
        layer = layers[name]
        for kind, parameter in layer.named_parameters():
            nn.init.normal_(parameter, std=std if kind == "weight" else 0.0)
    return nn.Sequential(layers)
