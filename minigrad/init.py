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
from typing import Any

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.random import default_generator, stream
from minigrad.tensors import Tensor

__all__ = ["constant_", "kaiming_normal_", "normal_", "ones_", "uniform_", "zeros_"]

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


def _check_numbers(*values: Any) -> None:
    for value in values:
        if not isinstance(value, numbers.Real):
            raise TypeError(f"nn.init fills with numbers, got {value!r}")


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fill with normals: the paper's weights are normal_(w, std=0.01) (section 5)."""
    _check_numbers(mean, std)
    if not std >= 0:
        raise ValueError(f"normal_ takes a standard deviation of 0 or more, got std={std}")
    name = default_generator.next()
    return _fill(tensor, lambda: stream(*name).standard_normal, std, mean)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Fill with numbers from [a, b)."""
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


def fan_in(tensor: Tensor) -> int:
    """Number of inputs to a unit: the product of all axes of a weight but the first."""
    return prod(tensor.shape[1:])


def kaiming_normal_(tensor: Tensor) -> Tensor:
    """Fill with N(0, 2 / fan_in), which keeps the size of ReLU activations from layer to layer.

    He, Zhang, Ren and Sun, "Delving deep into rectifiers" (2015), equation 10.

    Raises:
        ValueError: it is no weight, which has two axes or more: outputs first, then inputs.
    """
    if tensor.ndim < 2:
        raise ValueError(
            f"kaiming_normal_ fills weights, of shape (outputs, inputs, ...); got the shape {tensor.shape}"
        )
    return normal_(tensor, std=sqrt(2 / max(fan_in(tensor), 1)))
