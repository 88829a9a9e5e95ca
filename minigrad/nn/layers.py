"""The layers of a network."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy.typing as npt

from minigrad import functional as F
from minigrad import init
from minigrad.arguments import (
    Padding,
    Size,
    check_count,
    check_flag,
    check_pair,
    check_sides,
    check_window,
    no_dilation,
    no_divisor,
    no_gaps,
    no_indices,
    only,
    whole_windows,
)
from minigrad.arrays import Device, DeviceArray
from minigrad.arrays import device as as_device
from minigrad.dtypes import checked_dtype
from minigrad.nn.module import Module, Parameter
from minigrad.tensors import Tensor

__all__ = [
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Identity",
    "Linear",
    "LocalResponseNorm",
    "LocallyConnected2d",
    "LogSoftmax",
    "MaxPool2d",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "WithinMapResponseNorm",
]


def _uniform_parameter(
    shape: tuple[int, ...], bound: float, device: str | Device | None, dtype: npt.DTypeLike | None
) -> Parameter:
    where = as_device("cpu" if device is None else device)
    blank = DeviceArray(lambda: None, shape, checked_dtype(dtype), where)  # filled before anybody looks
    return Parameter(init.uniform_(Tensor(blank), -bound, bound))


class Linear(Module):
    """A fully-connected layer, y = input weight^T + bias; the weight has shape (out_features, in_features)."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: str | Device | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        check_count("Linear", "in_features", in_features, 0)
        check_count("Linear", "out_features", out_features, 0)
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / sqrt(max(in_features, 1))
        self.weight = _uniform_parameter((out_features, in_features), bound, device, dtype)
        self.bias = _uniform_parameter((out_features,), bound, device, dtype) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) to (..., out_features)."""
        return F.linear(input, self.weight, self.bias)

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
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: str | Device | None = None,
        dtype: npt.DTypeLike | None = None,
        *,
        relu: bool = False,
    ) -> None:
        check_count("Conv2d", "in_channels", in_channels, 1)
        check_count("Conv2d", "out_channels", out_channels, 1)
        check_count("Conv2d", "groups", groups, 1)
        check_pair("Conv2d", "stride", stride, 1)
        check_sides("Conv2d", padding)
        no_dilation("Conv2d", dilation)
        only("Conv2d", "padding_mode", padding_mode, "zeros", "join the border you want to the input with mg.cat")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"Conv2d: {in_channels} input and {out_channels} output channels do not divide into {groups} groups"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.stride, self.padding, self.relu = stride, padding, relu
        self.kernel_size = check_pair("Conv2d", "kernel_size", kernel_size, 1)
        bound = 1 / sqrt(in_channels // groups * self.kernel_size[0] * self.kernel_size[1])
        shape = out_channels, in_channels // groups, *self.kernel_size
        self.weight = _uniform_parameter(shape, bound, device, dtype)
        self.bias = _uniform_parameter((out_channels,), bound, device, dtype) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K, OH, OW)."""
        return F.conv2d(input, self.weight, self.bias, self.stride, self.padding, groups=self.groups, relu=self.relu)

    def extra_repr(self) -> str:
        rest = f"stride={self.stride}, padding={self.padding}, groups={self.groups}, bias={self.bias is not None}"
        rest += ", relu=True" if self.relu else ""
        return f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, {rest}"


class LocallyConnected2d(Module):
    """A layer of filters that each place has of its own, `functional.locally_connected2d` with its weight and bias.

    The weight is OH x OW x C / groups x KH x KW x K, the bias K x OH x OW: so the size of the images must be known.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        image_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        groups: int = 1,
        bias: bool = True,
        relu: bool = False,
        device: str | Device | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> None:
        name = "LocallyConnected2d"
        check_count(name, "in_channels", in_channels, 1)
        check_count(name, "out_channels", out_channels, 1)
        check_count(name, "groups", groups, 1)
        self.kernel_size = check_pair(name, "kernel_size", kernel_size, 1)
        self.image_size = check_pair(name, "image_size", image_size, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {in_channels} input and {out_channels} output channels do not divide into {groups} groups"
            )
        strides, sides = check_pair(name, "stride", stride, 1), check_sides(name, padding)
        check_window(name, self.image_size, self.kernel_size, sides)
        places = whole_windows(self.image_size, self.kernel_size, strides, sides)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.stride, self.padding, self.relu = stride, padding, relu
        bound = 1 / sqrt(in_channels // groups * self.kernel_size[0] * self.kernel_size[1])
        shape = *places, in_channels // groups, *self.kernel_size, out_channels
        self.weight = _uniform_parameter(shape, bound, device, dtype)
        self.bias = _uniform_parameter((out_channels, *places), bound, device, dtype) if bias else None

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, K, OH, OW)."""
        return F.locally_connected2d(
            input, self.weight, self.bias, self.stride, self.padding, self.groups, relu=self.relu
        )

    def extra_repr(self) -> str:
        rest = f"stride={self.stride}, padding={self.padding}, groups={self.groups}, bias={self.bias is not None}"
        rest += ", relu=True" if self.relu else ""
        sizes = f"kernel_size={self.kernel_size}, image_size={self.image_size}"
        return f"{self.in_channels}, {self.out_channels}, {sizes}, {rest}"


class MaxPool2d(Module):
    """`functional.max_pool2d` as a layer."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        no_gaps("MaxPool2d", dilation)
        no_indices("MaxPool2d", return_indices)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, OH, OW)."""
        return F.max_pool2d(input, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)

    def extra_repr(self) -> str:
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, ceil_mode={self.ceil_mode}"


class AvgPool2d(Module):
    """`functional.avg_pool2d` as a layer."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        no_divisor("AvgPool2d", divisor_override)
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, OH, OW)."""
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        rest = f"ceil_mode={self.ceil_mode}, count_include_pad={self.count_include_pad}"
        return f"{self.kernel_size}, stride={self.stride}, padding={self.padding}, {rest}"


class AdaptiveAvgPool2d(Module):
    """`functional.adaptive_avg_pool2d` as a layer."""

    def __init__(self, output_size: Size | tuple[int | None, int | None] | None) -> None:
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, OH, OW)."""
        return F.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class LocalResponseNorm(Module):
    """`functional.local_response_norm` as a layer (section 3.3)."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class WithinMapResponseNorm(Module):
    """`functional.within_map_response_norm` as a layer."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return F.within_map_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class Dropout(Module):
    """`functional.dropout` as a layer, active in training mode (section 4.2)."""

    def __init__(self, p: float = 0.5, inplace: bool = False, *, scale_at: str = "train") -> None:
        self.p, self.inplace, self.scale_at = p, check_flag("Dropout", "inplace", inplace), scale_at

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.dropout(input, self.p, self.training, self.inplace, scale_at=self.scale_at)

    def extra_repr(self) -> str:
        return f"{self.p}, scale_at={self.scale_at!r}" + (", inplace=True" if self.inplace else "")


class Identity(Module):
    """What it is given; whatever arguments it is made with, it does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class ReLU(Module):
    """max(x, 0) (section 3.1); with `inplace` the input itself takes the result."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = check_flag("ReLU", "inplace", inplace)

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.relu(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.tanh(input)


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.sigmoid(input)


class Softmax(Module):
    """`functional.softmax` as a layer."""

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """`functional.log_softmax` as a layer."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.log_softmax(input, self.dim)


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` made one: by default all but the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """(N, ...) to (N, product of the rest)."""
        return input.flatten(self.start_dim, self.end_dim)
