"""minigrad: automatic differentiation on NumPy and Numba, small enough to read.

    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.numpy().tolist()
    [2.0, 4.0, 6.0]

Names, argument order and defaults are PyTorch's wherever PyTorch has the thing.
"""

from minigrad import checkpoint, functional, nn, optim
from minigrad.arrays import Device, DeviceArray, DeviceInfo, DeviceMismatchError, device, devices
from minigrad.autograd import no_grad
from minigrad.creation import cat, ones, randn, tensor, zeros
from minigrad.drawing import graph
from minigrad.gradient_check import GradcheckError, gradcheck
from minigrad.profiling import profile
from minigrad.random import manual_seed
from minigrad.tensors import Tensor

__version__ = "0.1.0"

__all__ = [
    "Device",
    "DeviceArray",
    "DeviceInfo",
    "DeviceMismatchError",
    "GradcheckError",
    "Tensor",
    "cat",
    "checkpoint",
    "device",
    "devices",
    "functional",
    "gradcheck",
    "graph",
    "manual_seed",
    "nn",
    "no_grad",
    "ones",
    "optim",
    "profile",
    "randn",
    "tensor",
    "zeros",
]
