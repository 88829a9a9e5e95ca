"""Initial weights. Each function fills a tensor in place with numbers from the generator that `mg.manual_seed` seeds.

Users write `nn.init`, as in PyTorch; the layers of `nn` use these functions, so the file stands below theirs.

Names end in an underscore, as PyTorch's do, because they change their argument, a tensor of float32 or float64. They
return it. TypeError is raised for other tensors and for arguments that are no numbers, ValueError for a negative
standard deviation and for a range that ends before it begins.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.arguments import only
from minigrad.arrays import DeviceArray
from minigrad.not_offered import in_module
from minigrad.random import default_generator, stream
from minigrad.tensors import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "nn.init")

CHUNK = 1 << 16  # numbers drawn at a time: while they are scaled they stay in the cache


Draw = Callable[[int], np.ndarray | float]  # gives the next so many numbers in float64


def _fill(tensor: Tensor, begin: Callable[[], Draw], scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """Replace the array of the tensor by scale * draws + shift, keeping dtype and device.

    `begin` starts the draws, when the array is first needed: a layer draws its weights, and a network may then fill
    them anew without the first ones ever being made. Whoever makes them again (another thread, a copy of the module,
    a second try after an interrupt) starts at the beginning too, and gets the same.
    """
    if not isinstance(tensor, Tensor) or tensor.dtype.kind != "f":
        given = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
        raise TypeError(f"nn.init fills tensors of float32 and float64, got {given}")
    shape, dtype, device = tensor.shape, tensor.dtype, tensor.device

    def make() -> Any:
        draw = begin()
        values = np.empty(shape, dtype)
        flat = values.reshape(-1)
        for at in range(0, flat.size, CHUNK):
            part = flat[at : at + CHUNK]
            part[...] = draw(part.size) * scale + shift
        return device.backend.from_host(values, device).data

    tensor.array = DeviceArray(make, shape, dtype, device)
    return tensor


def _check_generator(name: str, generator: Any) -> None:
    only(name, "generator", generator, None, "numbers are drawn from the generator that mg.manual_seed seeds")


def _check_numbers(*values: Any) -> None:
    for value in values:
        if not isinstance(value, numbers.Real):
            raise TypeError(f"nn.init fills with numbers, got {value!r}")


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: None = None) -> Tensor:
    """Fill with normals: the paper's weights are normal_(w, std=0.01) (section 5)."""
    _check_generator("normal_", generator)
    _check_numbers(mean, std)
    if not std >= 0:
        raise ValueError(f"normal_ takes a standard deviation of 0 or more, got std={std}")
    name = default_generator.next()
    return _fill(tensor, lambda: stream(*name).standard_normal, std, mean)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: None = None) -> Tensor:
    """Fill with numbers from [a, b)."""
    _check_generator("uniform_", generator)
    _check_numbers(a, b)
    if not a <= b:
        raise ValueError(f"uniform_ fills with numbers from a to b, got a={a} and b={b}; b is at least a")
    name = default_generator.next()
    return _fill(tensor, lambda: stream(*name).random, b - a, a)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    _check_numbers(val)
    return _fill(tensor, lambda: lambda count: float(val))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


# by the number of inputs and outputs of a unit


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What keeps the size of activations from layer to layer: sqrt(2) for "relu", 5 / 3 for "tanh", and so on.

    Args:
        nonlinearity: "linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the slope of "leaky_relu" below 0, 0.01 if None.
    """
    return sqrt(_squared_gain(nonlinearity, 0.01 if param is None else param))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: None = None) -> Tensor:
    """Fill with numbers from [-b, b), b = gain * sqrt(6 / (fan_in + fan_out)), for layers followed by tanh.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010), equation 16.
    """
    _check_numbers(gain)
    bound = gain * sqrt(6 / max(sum(_fans("xavier_uniform_", tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: None = None) -> Tensor:
    """Fill with N(0, std^2), std = gain * sqrt(2 / (fan_in + fan_out)); Glorot and Bengio (2010), equation 12."""
    _check_numbers(gain)
    return normal_(tensor, 0.0, gain * sqrt(2 / max(sum(_fans("xavier_normal_", tensor)), 1)), generator)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: None = None
) -> Tensor:
    """Fill with numbers from [-b, b), b = gain * sqrt(3 / fan): uniform, and of the variance of `kaiming_normal_`."""
    bound = sqrt(3 * _variance("kaiming_uniform_", tensor, a, mode, nonlinearity))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: None = None
) -> Tensor:
    """Fill with N(0, gain^2 / fan): by default N(0, 2 / fan_in), which keeps the size of ReLU activations.

    He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015), equations 10 and 14.

    Args:
        tensor: a weight, of shape (outputs, inputs, ...).
        a: the slope below 0 of the leaky ReLU that follows, 0 for ReLU.
        mode: "fan_in", which keeps the size of activations, or "fan_out", which keeps that of gradients.
        nonlinearity: what follows the layer, as `calculate_gain` takes it.
        generator: None; numbers are drawn from the generator that `mg.manual_seed` seeds.

    Raises:
        ValueError: it is no weight, which has two axes or more: outputs first, then inputs.
    """
    return normal_(tensor, 0.0, sqrt(_variance("kaiming_normal_", tensor, a, mode, nonlinearity)), generator)


def _variance(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """gain^2 / fan."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{name}: mode is 'fan_in' or 'fan_out', got {mode!r}")
    fan_in, fan_out = _fans(name, tensor)
    return _squared_gain(nonlinearity, a) / max(fan_in if mode == "fan_in" else fan_out, 1)


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """The number of inputs to a unit and of units that an input goes to."""
    if not isinstance(tensor, Tensor) or tensor.ndim < 2:
        given = f"the shape {tensor.shape}" if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(f"{name} fills weights, of shape (outputs, inputs, ...); got {given}")
    return prod(tensor.shape[1:]), tensor.shape[0] * prod(tensor.shape[2:])


def _squared_gain(nonlinearity: str, slope: float) -> float:
    _check_numbers(slope)
    gains = {"tanh": 25 / 9, "relu": 2.0, "leaky_relu": 2 / (1 + slope**2), "selu": 9 / 16}
    gains |= dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0)
    if nonlinearity not in gains:
        raise ValueError(f"nn.init knows the gains of {', '.join(sorted(gains))}; got {nonlinearity!r}")
    return gains[nonlinearity]
