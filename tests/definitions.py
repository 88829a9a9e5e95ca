"""What operations should give, on NumPy arrays and with arguments as a user writes them.

They are the reference backend's primitives in float64. What lies between a user's arguments and theirs is spelled out
here once more: so tests see where `functional` gets it wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from strategies import Padding, Size, four_sides, pair

import minigrad as mg

REFERENCE = mg.device("reference:0")


def defined(name: str, *arguments: Any) -> np.ndarray:
    """What the reference backend's primitive returns, or the first of it, for NumPy arrays taken as float64."""
    backend = REFERENCE.backend
    given = [
        backend.from_host(each.astype(np.float64) if each.dtype.kind == "f" else each, REFERENCE)
        if isinstance(each, np.ndarray)
        else each
        for each in arguments
    ]
    result = getattr(backend, name)(*given)
    return backend.to_host(result[0] if isinstance(result, tuple) else result)


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    groups: int = 1,
) -> np.ndarray:
    return defined("conv2d", x, weight, bias, pair(stride), four_sides(padding), groups, False)


def locally_connected2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    groups: int = 1,
) -> np.ndarray:
    return defined("locally_connected2d", x, weight, bias, pair(stride), four_sides(padding), groups, False)


def max_pool2d(
    x: np.ndarray, kernel_size: Size, stride: Size | None = None, padding: Padding = 0, ceil_mode: bool = False
) -> np.ndarray:
    steps = pair(kernel_size if stride is None else stride)
    return defined("max_pool2d", x, pair(kernel_size), steps, four_sides(padding), ceil_mode)


def avg_pool2d(
    x: np.ndarray,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> np.ndarray:
    steps = pair(kernel_size if stride is None else stride)
    return defined("avg_pool2d", x, pair(kernel_size), steps, four_sides(padding), ceil_mode, count_include_pad)


def local_response_norm(
    x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> np.ndarray:
    return defined("local_response_norm", x, size, alpha, beta, k)


def within_map_response_norm(
    x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> np.ndarray:
    return defined("within_map_response_norm", x, size, alpha, beta, k)


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    return defined("linear", x, weight, bias)


def softmax(x: np.ndarray, dim: int) -> np.ndarray:
    return defined("softmax", x, dim % x.ndim)


def log_softmax(x: np.ndarray, dim: int) -> np.ndarray:
    return defined("log_softmax", x, dim % x.ndim)


def cross_entropy(logits: np.ndarray, targets: np.ndarray, reduction: str = "mean") -> np.ndarray:
    """The losses of the rows: their mean, their sum or all of them."""
    losses = defined("cross_entropy", logits, targets)
    return {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]
