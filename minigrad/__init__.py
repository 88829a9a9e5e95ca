"""minigrad: automatic differentiation on NumPy and Numba, small enough to read.

    >>> import minigrad as mg
    >>> x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.numpy().tolist()
    [2.0, 4.0, 6.0]

Names, argument order and defaults are PyTorch's wherever PyTorch has the thing.
"""

from typing import TYPE_CHECKING

from minigrad import checkpoint, cuda, functional, nn, optim
from minigrad.arrays import Device, DeviceArray, DeviceInfo, DeviceMismatchError, device, devices
from minigrad.autograd import Function, no_grad
from minigrad.backends.threads import get_num_threads, set_num_threads
from minigrad.creation import (
    arange,
    cat,
    eye,
    from_dlpack,
    full,
    linspace,
    ones,
    ones_like,
    rand,
    randint,
    randn,
    stack,
    tensor,
    zeros,
    zeros_like,
)
from minigrad.drawing import graph
from minigrad.dtypes import bool, double, float, float32, float64, int32, int64, long, uint8
from minigrad.functions import (
    abs,
    all,
    any,
    argmax,
    argmin,
    clamp,
    eq,
    exp,
    flatten,
    ge,
    gt,
    le,
    log,
    log_softmax,
    lt,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    mm,
    ne,
    neg,
    permute,
    pow,
    relu,
    reshape,
    sigmoid,
    softmax,
    sqrt,
    squeeze,
    std,
    sum,
    tanh,
    transpose,
    unsqueeze,
    var,
    where,
)
from minigrad.gradient_check import GradcheckError, gradcheck
from minigrad.not_offered import in_module
from minigrad.profiling import profile
from minigrad.random import manual_seed
from minigrad.saving import load, save
from minigrad.tensors import Tensor

__version__ = "0.1.0"

if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "mg")

__all__ = [
    "Device",
    "DeviceArray",
    "DeviceInfo",
    "DeviceMismatchError",
    "Function",
    "GradcheckError",
    "Tensor",
    "abs",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "bool",
    "cat",
    "checkpoint",
    "clamp",
    "cuda",
    "device",
    "devices",
    "double",
    "eq",
    "exp",
    "eye",
    "flatten",
    "float",
    "float32",
    "float64",
    "from_dlpack",
    "full",
    "functional",
    "ge",
    "get_num_threads",
    "gradcheck",
    "graph",
    "gt",
    "int32",
    "int64",
    "le",
    "linspace",
    "load",
    "log",
    "log_softmax",
    "long",
    "lt",
    "manual_seed",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mm",
    "ne",
    "neg",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "permute",
    "pow",
    "profile",
    "rand",
    "randint",
    "randn",
    "relu",
    "reshape",
    "save",
    "set_num_threads",
    "sigmoid",
    "softmax",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "sum",
    "tanh",
    "tensor",
    "transpose",
    "uint8",
    "unsqueeze",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
