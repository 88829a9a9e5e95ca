"""Modules: parameters, the layers that hold them, and what holds layers."""

import sys
from typing import TYPE_CHECKING

from minigrad import functional, init
from minigrad.nn.containers import ModuleDict, ModuleList, Sequential
from minigrad.nn.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Identity,
    Linear,
    LocallyConnected2d,
    LocalResponseNorm,
    LogSoftmax,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
    WithinMapResponseNorm,
)
from minigrad.nn.losses import CrossEntropyLoss, MSELoss, NLLLoss
from minigrad.nn.module import Module, Parameter
from minigrad.not_offered import in_module

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "Identity",
    "Linear",
    "LocalResponseNorm",
    "LocallyConnected2d",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "WithinMapResponseNorm",
    "functional",
    "init",
]

# PyTorch's addresses for two modules that stand below this one: `import minigrad.nn.functional as F`
sys.modules[f"{__name__}.functional"] = functional
sys.modules[f"{__name__}.init"] = init

if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "nn")
