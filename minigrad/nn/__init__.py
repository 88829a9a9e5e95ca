"""Modules: parameters, the layers that hold them, and what holds layers."""

import sys

from minigrad import functional, init
from minigrad.nn.containers import Sequential
from minigrad.nn.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Tanh,
    WithinMapResponseNorm,
)
from minigrad.nn.losses import CrossEntropyLoss
from minigrad.nn.module import Module, Parameter

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Tanh",
    "WithinMapResponseNorm",
    "functional",
    "init",
]

# PyTorch's addresses for two modules that stand below this one: `import minigrad.nn.functional as F`
sys.modules[f"{__name__}.functional"] = functional
sys.modules[f"{__name__}.init"] = init
