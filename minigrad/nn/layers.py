"""The layers of a network."""

from __future__ import annotations

from math import sqrt

import numpy as np

from minigrad import functional as F
from minigrad import init
from minigrad.arrays import Device, DeviceArray
from minigrad.arrays import device as as_device
from minigrad.functional import Padding, Size, check_count, check_pair, check_sides
from minigrad.nn.module import Module, Parameter
from minigrad.tensors import Tensor

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "ReLU",
    "Tanh",
    "WithinMapResponseNorm",
]


def _uniform_parameter(*shape: int, bound: float, device: str | Device) -> Parameter:
    where = as_device(device)
    blank = DeviceArray(lambda: None, shape, np.dtype(np.float32), where)  # filled before anybody looks
    return Parameter(init.uniform_(Tensor(blank), -bound, bound))


class Linear(Module):
    """A fully-connected layer, y = x weight^T + bias; the weight has shape (out_features, in_features)."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: str | Device = "cpu") -> None:
        check_count("Linear", "in_features", in_features, 0)
        check_count("Linear", "out_features", out_features, 0)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / sqrt(max(in_features, 1))
        self.weight = _uniform_parameter(out_features, in_features, bound=bound, device=device)
        self.bias = _uniform_parameter(out_features, bound=bound, device=device) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}, bias={self.bias is not None}"


class Conv2d(Module):
    """A layer of filters, `functional.conv2d` with its own weight (K, C / groups, KH, KW) and bias."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        groups: int = 1,
        bias: bool = True,
        device: str | Device = "cpu",
        *,
        relu: bool = False,
    ) -> None:
        check_count("Conv2d", "in_channels", in_channels, 1)
        check_count("Conv2d", "out_channels", out_channels, 1)
        check_count("Conv2d", "groups", groups, 1)
        check_pair("Conv2d", "stride", stride, 1)
        check_sides("Conv2d", padding)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: {in_channels} input and {out_channels} output channels do not divide into {groups} groups"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.stride, self.padding, self.relu = stride, padding, relu
        self.kernel_size = check_pair("Conv2d", "kernel_size", kernel_size, 1)
        bound = 1 / sqrt(in_channels // groups * self.kernel_size[0] * self.kernel_size[1])
        shape = out_channels, in_channels // groups, *self.kernel_size
        self.weight = _uniform_parameter(*shape, bound=bound, device=device)
        self.bias = _uniform_parameter(out_channels, bound=bound, device=device) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K, OH, OW)."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.groups, relu=self.relu)

    def extra_repr(self) -> str:
        rest = f"stride={self.stride}, padding={self.padding}, groups={self.groups}, bias={self.bias is not None}"
        rest += ", relu=True" if self.relu else ""
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, {rest}"


class MaxPool2d(Module):
    """`functional.max_pool2d` as a layer."""

    def __init__(
        self, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, OH, OW)."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, ceil_mode={self.ceil_mode}"


class AvgPool2d(Module):
    """`functional.avg_pool2d` as a layer."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, OH, OW)."""
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        rest = f"ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}"
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, {rest}"


class LocalResponseNorm(Module):
    """`functional.local_response_norm` as a layer (section 3.3)."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class WithinMapResponseNorm(Module):
    """`functional.within_map_response_norm` as a layer."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return F.within_map_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class Dropout(Module):
    """`functional.dropout` as a layer, active in training mode (section 4.2)."""

    def __init__(self, p: float = 0.5, scale_at: str = "train") -> None:
        self.p, self.scale_at = p, scale_at

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.dropout(x, self.p, self.training, self.scale_at)

    def extra_repr(self) -> str:
        return f"{self.p}, scale_at={self.scale_at!r}"


class ReLU(Module):
    """max(x, 0) (section 3.1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.relu(x)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.tanh(x)


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` made one: by default all but the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) to (N, product of the rest)."""
        return x.flatten(self.start_dim, self.end_dim)
