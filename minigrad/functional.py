"""The operations of a network as a user calls them: arguments are checked here, so that primitives need not."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from minigrad.functions import log_softmax, relu, sigmoid, softmax, tanh
from minigrad.operands import same_dtype
from minigrad.ops import convolution, loss, matrix, normalisation, pooling
from minigrad.ops import dropout as dropout_ops
from minigrad.random import default_generator
from minigrad.tensors import Tensor

__all__ = [
    "avg_pool2d",
    "conv2d",
    "cross_entropy",
    "dropout",
    "linear",
    "local_response_norm",
    "log_softmax",
    "max_pool2d",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "within_map_response_norm",
]

Size = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[int, int, int, int]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x weight^T + bias: a fully-connected layer.

    Args:
        x: shape (..., in_features).
        weight: shape (out_features, in_features).
        bias: shape (out_features,), or None.

    Returns:
        shape (..., out_features).
    """
    same_dtype("linear", x, weight, *(() if bias is None else (bias,)))
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: an input of shape {x.shape} does not fit a weight of shape {weight.shape}, "
            "which is (out_features, in_features)"
        )
    _check_bias("linear", bias, weight.shape[0])
    flat = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
    y = matrix.Linear.apply(flat, weight, bias)
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], weight.shape[0])


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    groups: int = 1,
    *,
    relu: bool = False,
) -> Tensor:
    """Cross-correlation of images with filters.

    Args:
        x: shape (N, C, H, W).
        weight: shape (K, C / groups, KH, KW).
        bias: shape (K,), or None.
        stride: an integer or (h, w).
        padding: zeros around the image: an integer, (h, w), or (top, bottom, left, right).
        groups: the k-th group of filters sees the k-th group of channels only.
        relu: return the ReLU of the result. The numbers are those of `relu(conv2d(...))`; applied as the convolution
            writes, it saves a pass over the largest arrays of a network, and the array before it.

    Returns:
        shape (N, K, OH, OW), with OH = (H + top + bottom - KH) // stride + 1.
    """
    same_dtype("conv2d", x, weight, *(() if bias is None else (bias,)))
    _check_image("conv2d", x)
    strides, sides = check_pair("conv2d", "stride", stride, 1), check_sides("conv2d", padding)
    groups = check_count("conv2d", "groups", groups, 1)
    if weight.ndim != 4:
        raise ValueError(f"conv2d: the weight has shape (filters, channels, height, width), got {weight.shape}")
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(
            f"conv2d: an input of {x.shape[1]} channels in {groups} group(s) does not fit a weight of shape "
            f"{weight.shape}: {weight.shape[0]} filters of {weight.shape[1]} channels each"
        )
    _check_bias("conv2d", bias, weight.shape[0])
    _check_window("conv2d", x, weight.shape[2:], sides)
    return convolution.Conv2d.apply(x, weight, bias, stride=strides, padding=sides, groups=groups, relu=bool(relu))


def max_pool2d(
    x: Tensor, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False
) -> Tensor:
    """Largest value in each window; windows may overlap (section 3.4).

    Args:
        x: shape (N, C, H, W).
        kernel_size: an integer or (h, w).
        stride: the same; `kernel_size` if None.
        padding: the same, at most half a window; padding never wins.
        ceil_mode: count the windows with ceil: the last may overhang the image.

    Returns:
        shape (N, C, OH, OW).
    """
    options = _pooling("max_pool2d", x, kernel_size, stride, padding)
    return pooling.MaxPool2d.apply(x, **options, ceil_mode=bool(ceil_mode))


def avg_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window. Arguments as for `max_pool2d`; with `count_include_pad` padding counts as zeros."""
    options = _pooling("avg_pool2d", x, kernel_size, stride, padding)
    return pooling.AvgPool2d.apply(x, **options, ceil_mode=bool(ceil_mode), count_include_pad=bool(count_include_pad))


def local_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha / size * sum of squares over `size` neighbouring channels)^beta (section 3.3).

    The paper does not divide alpha by the window's size: its alpha = 1e-4 with n = 5 is alpha = 5e-4 here.

    Args:
        x: shape (N, C, H, W).
        size: number of channels in a window.
    """
    options = _normalisation("local_response_norm", x, size, alpha, beta, k)
    return normalisation.LocalResponseNorm.apply(x, **options)


def within_map_response_norm(x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + alpha / size^2 * sum of squares over the `size` x `size` pixels around, in the same map)^beta.

    cuda-convnet, the program behind the paper, calls it "response normalization (same map)", Caffe "within channel". As
    in both, alpha is divided by the number of pixels in a window, and what lies outside the image counts as zeros.

    Args:
        x: shape (N, C, H, W).
        size: height and width of a window.
    """
    options = _normalisation("within_map_response_norm", x, size, alpha, beta, k)
    return normalisation.WithinMapResponseNorm.apply(x, **options)


def dropout(x: Tensor, p: float = 0.5, training: bool = True, scale_at: str = "train") -> Tensor:
    """Zero each element with probability p in training (section 4.2).

    Args:
        x: any shape.
        p: probability of zero.
        training: whether this is training or testing.
        scale_at: "train" multiplies what is left by 1 / (1 - p) in training, as PyTorch does; "test" multiplies
            everything by 1 - p in testing, as the paper does.
    """
    if not isinstance(p, numbers.Real) or not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability from 0 to 1, got {p!r}")
    if scale_at not in ("train", "test"):
        raise ValueError(f"dropout: scale_at is 'train' or 'test', got {scale_at!r}")
    _floating("dropout", x)
    if not training:
        return x * (1 - p) if scale_at == "test" and p > 0 else x
    if p == 0:
        return x
    scale = 1.0 if scale_at == "test" or p == 1 else 1 / (1 - p)
    seed, counter = default_generator.next()
    return dropout_ops.Dropout.apply(x, p=float(p), scale=scale, seed=seed, counter=counter)


def cross_entropy(logits: Tensor, targets: Tensor, reduction: str = "mean") -> Tensor:
    """-log softmax(logits)[target], the loss of multinomial logistic regression (section 3.5).

    Args:
        logits: shape (N, classes).
        targets: the right class of each example, shape (N,), int64.
        reduction: "mean", "sum" or "none" (one loss per example).

    Raises:
        ValueError: a target is not among the classes.
    """
    _floating("cross_entropy", logits)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"cross_entropy: reduction is 'mean', 'sum' or 'none', got {reduction!r}")
    if not isinstance(targets, Tensor) or targets.dtype.kind not in "iu":
        given = targets.dtype if isinstance(targets, Tensor) else type(targets).__name__
        raise TypeError(f"cross_entropy: targets are class numbers, a tensor of int64; got {given}")
    if logits.ndim != 2 or targets.shape != logits.shape[:1]:
        raise ValueError(
            f"cross_entropy: logits have shape (N, classes) and targets (N,), got {logits.shape} and {targets.shape}"
        )
    if 0 in logits.shape:
        raise ValueError(f"cross_entropy: there is nothing to average in logits of shape {logits.shape}")
    losses = loss.CrossEntropy.apply(logits, targets.to(np.int64))
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


# checks


def _floating(name: str, x: Tensor) -> Tensor:
    same_dtype(name, x)
    return x


def check_count(name: str, what: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"{name}: {what} is an integer, {least} or more; got {value!r}")
    return int(value)


def check_pair(name: str, what: str, value: Any, least: int) -> tuple[int, int]:
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{name}: {what} is an integer or (h, w), got {value!r}")
    return check_count(name, what, pair[0], least), check_count(name, what, pair[1], least)


def check_sides(name: str, padding: Any) -> tuple[int, int, int, int]:
    """(top, bottom, left, right)."""
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = (check_count(name, "padding", side, 0) for side in padding)
        return top, bottom, left, right
    h, w = check_pair(name, "padding", padding, 0)
    return h, h, w, w


def _check_image(name: str, x: Tensor) -> None:
    if x.ndim != 4:
        raise ValueError(f"{name} takes images of shape (batch, channels, height, width), got {x.shape}")


def _check_bias(name: str, bias: Tensor | None, length: int) -> None:
    if bias is not None and bias.shape != (length,):
        raise ValueError(f"{name}: the bias has one number an output, shape ({length},); got {bias.shape}")


def _check_window(name: str, x: Tensor, kernel_size: tuple[int, ...], sides: tuple[int, int, int, int]) -> None:
    height, width = x.shape[2] + sides[0] + sides[1], x.shape[3] + sides[2] + sides[3]
    if kernel_size[0] > height or kernel_size[1] > width or 0 in kernel_size:
        raise ValueError(
            f"{name}: a window of {kernel_size[0]} x {kernel_size[1]} does not fit an image of {height} x {width}, "
            "padding included"
        )


def _normalisation(name: str, x: Tensor, size: Any, alpha: float, beta: float, k: float) -> dict[str, Any]:
    """Checked arguments that both kinds of normalisation share."""
    _check_image(name, _floating(name, x))
    for what, value in (("alpha", alpha), ("beta", beta), ("k", k)):
        if not isinstance(value, numbers.Real):
            raise ValueError(f"{name}: {what} is a number, got {value!r}")
    return {"size": check_count(name, "size", size, 1), "alpha": float(alpha), "beta": float(beta), "k": float(k)}


def _pooling(name: str, x: Tensor, kernel_size: Any, stride: Any, padding: Any) -> dict[str, Any]:
    """Checked arguments that both kinds of pooling share."""
    _check_image(name, _floating(name, x))
    size = check_pair(name, "kernel_size", kernel_size, 1)
    strides = size if stride is None else check_pair(name, "stride", stride, 1)
    h, w = check_pair(name, "padding", padding, 0)
    if 2 * h > size[0] or 2 * w > size[1]:
        raise ValueError(f"{name}: padding is at most half a window, got padding {(h, w)} for windows of {size}")
    sides = (h, h, w, w)
    _check_window(name, x, size, sides)
    return {"kernel_size": size, "stride": strides, "padding": sides}
