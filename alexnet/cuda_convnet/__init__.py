"""What comes from cuda-convnet, the library that the paper published with its network: its files, and its networks."""

from alexnet.cuda_convnet.advice import copied_from, late_start, remarks
from alexnet.cuda_convnet.grammar import LayerFileError, Sections, read_sections, read_text
from alexnet.cuda_convnet.network import LayerNet, initial_std, picture_channels, weighted_layers
from alexnet.cuda_convnet.networks import cifar10_80sec
from alexnet.cuda_convnet.parameters import ParameterRule, loss_scale, parameter_rules, project
from alexnet.cuda_convnet.schedules import Schedule

__all__ = [
    "LayerFileError",
    "LayerNet",
    "ParameterRule",
    "Schedule",
    "Sections",
    "cifar10_80sec",
    "copied_from",
    "initial_std",
    "late_start",
    "loss_scale",
    "parameter_rules",
    "picture_channels",
    "project",
    "read_sections",
    "read_text",
    "remarks",
    "weighted_layers",
]
