"""The operations of a network as a user calls them: arguments are checked here, so that primitives need not."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from minigrad import functions
from minigrad.arguments import (
    Padding,
    Sides,
    Size,
    check_count,
    check_flag,
    check_old_reduction,
    check_pair,
    check_reduction,
    check_sides,
    check_window,
    no_dilation,
    no_divisor,
    no_gaps,
    no_indices,
    no_weights,
    only,
    whole_windows,
)
from minigrad.creation import arange, cat, full
from minigrad.creation import tensor as new_tensor
from minigrad.dtypes import dtype_beside
from minigrad.functions import sigmoid, tanh
from minigrad.not_offered import in_module
from minigrad.operands import checked_tensor, same_dtype
from minigrad.ops import convolution, loss, matrix, normalisation, pooling
from minigrad.ops import dropout as dropout_ops
from minigrad.random import default_generator
from minigrad.tensors import Tensor

__all__ = [
    "adaptive_avg_pool2d",
    "avg_pool2d",
    "conv2d",
    "cross_entropy",
    "dropout",
    "linear",
    "local_response_norm",
    "locally_connected2d",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "within_map_response_norm",
]

if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "F")


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0), elementwise (section 3.1); with `inplace` the input itself takes the result."""
    result = functions.relu(input)
    return input._become("relu", lambda: result) if check_flag("relu", "inplace", inplace) else result


def softmax(input: Tensor, dim: int | None = None, *, dtype: npt.DTypeLike | None = None) -> Tensor:
    """e^x over its sum along the axis `dim`, which must be given; computed in `dtype`, if that is given."""
    return functions.softmax(_along("softmax", input, dim, dtype), dim)


def log_softmax(input: Tensor, dim: int | None = None, *, dtype: npt.DTypeLike | None = None) -> Tensor:
    """Logarithm of softmax along the axis `dim`, which must be given, without underflow."""
    return functions.log_softmax(_along("log_softmax", input, dim, dtype), dim)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input weight^T + bias: a fully-connected layer.

    Args:
        input: shape (..., in_features).
        weight: shape (out_features, in_features).
        bias: shape (out_features,), or None.

    Returns:
        shape (..., out_features).
    """
    same_dtype("linear", input, weight, *(() if bias is None else (bias,)))
    if weight.ndim != 2 or input.ndim < 1 or input.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: an input of shape {input.shape} does not fit a weight of shape {weight.shape}, "
            "which is (out_features, in_features)"
        )
    _check_bias("linear", bias, weight.shape[0])
    flat = input if input.ndim == 2 else input.reshape(-1, input.shape[-1])
    y = matrix.Linear.apply(flat, weight, bias)
    return y if input.ndim == 2 else y.reshape(*input.shape[:-1], weight.shape[0])


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    relu: bool = False,
) -> Tensor:
    """Cross-correlation of images with filters.

    Args:
        input: shape (N, C, H, W).
        weight: shape (K, C / groups, KH, KW).
        bias: shape (K,), or None.
        stride: an integer or (h, w).
        padding: zeros around the image: an integer, (h, w), or (top, bottom, left, right).
        dilation: 1; filters with gaps are not offered.
        groups: the k-th group of filters sees the k-th group of channels only.
        relu: return the ReLU of the result. The numbers are those of `relu(conv2d(...))`; applied as the convolution
            writes, it saves a pass over the largest arrays of a network, and the array before it.

    Returns:
        shape (N, K, OH, OW), with OH = (H + top + bottom - KH) // stride + 1.
    """
    same_dtype("conv2d", input, weight, *(() if bias is None else (bias,)))
    _check_image("conv2d", input)
    no_dilation("conv2d", dilation)
    strides, sides = check_pair("conv2d", "stride", stride, 1), check_sides("conv2d", padding)
    groups = check_count("conv2d", "groups", groups, 1)
    if weight.ndim != 4:
        raise ValueError(f"conv2d: the weight has shape (filters, channels, height, width), got {weight.shape}")
    if input.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ValueError(
            f"conv2d: an input of {input.shape[1]} channels in {groups} group(s) does not fit a weight of shape "
            f"{weight.shape}: {weight.shape[0]} filters of {weight.shape[1]} channels each"
        )
    _check_bias("conv2d", bias, weight.shape[0])
    check_window("conv2d", input.shape[2:], weight.shape[2:], sides)
    options = {"stride": strides, "padding": sides, "groups": groups, "relu": bool(relu)}
    return convolution.Conv2d.apply(input, weight, bias, **options)


def locally_connected2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    groups: int = 1,
    *,
    relu: bool = False,
) -> Tensor:
    """Cross-correlation of images with filters that each place has of its own: a "local" layer of cuda-convnet.

    Args:
        input: shape (N, C, H, W).
        weight: shape (OH, OW, C / groups, KH, KW, K).
        bias: shape (K, OH, OW), or None.
        stride: an integer or (h, w).
        padding: zeros around the image: an integer, (h, w), or (top, bottom, left, right).
        groups: the k-th group of filters sees the k-th group of channels only.
        relu: return the ReLU of the result.

    Returns:
        shape (N, K, OH, OW), with OH = (H + top + bottom - KH) // stride + 1.
    """
    name = "locally_connected2d"
    same_dtype(name, input, weight, *(() if bias is None else (bias,)))
    _check_image(name, input)
    strides, sides = check_pair(name, "stride", stride, 1), check_sides(name, padding)
    groups = check_count(name, "groups", groups, 1)
    if weight.ndim != 6:
        raise ValueError(
            f"{name}: the weight has shape (rows, columns, channels, height, width, filters), got {weight.shape}"
        )
    *places, channels, height, width, filters = weight.shape
    if input.shape[1] != channels * groups or filters % groups:
        raise ValueError(
            f"{name}: an input of {input.shape[1]} channels in {groups} group(s) does not fit a weight of shape "
            f"{weight.shape}: {filters} filters of {channels} channels each"
        )
    check_window(name, input.shape[2:], (height, width), sides)
    size = whole_windows(input.shape[2:], (height, width), strides, sides)
    if tuple(places) != size:
        raise ValueError(
            f"{name}: a weight of shape {weight.shape} has filters for {places[0]} x {places[1]} places, but there are "
            f"{size[0]} x {size[1]} in images of shape {input.shape}"
        )
    if bias is not None and bias.shape != (filters, *places):
        raise ValueError(f"{name}: the bias has shape {(filters, *places)}, one number an output; got {bias.shape}")
    options = {"stride": strides, "padding": sides, "groups": groups, "relu": bool(relu)}
    return convolution.LocallyConnected2d.apply(input, weight, bias, **options)


def max_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """Largest value in each window; windows may overlap (section 3.4).

    Args:
        input: shape (N, C, H, W).
        kernel_size: an integer or (h, w).
        stride: the same; `kernel_size` if None.
        padding: the same, at most half a window; or (top, bottom, left, right), each less than a window. Padding never
            wins.
        dilation: 1; windows with gaps are not offered.
        ceil_mode: count the windows with ceil: the last may overhang the image.
        return_indices: False; where the maxima stood is not offered.

    Returns:
        shape (N, C, OH, OW).
    """
    no_gaps("max_pool2d", dilation)
    no_indices("max_pool2d", return_indices)
    options = _pooling("max_pool2d", input, kernel_size, stride, padding)
    return pooling.MaxPool2d.apply(input, **options, ceil_mode=bool(ceil_mode))


def avg_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window. Arguments as for `max_pool2d`; with `count_include_pad` padding counts as zeros."""
    no_divisor("avg_pool2d", divisor_override)
    options = _pooling("avg_pool2d", input, kernel_size, stride, padding)
    options |= {"ceil_mode": bool(ceil_mode), "count_include_pad": bool(count_include_pad)}
    return pooling.AvgPool2d.apply(input, **options)


def adaptive_avg_pool2d(input: Tensor, output_size: Size | tuple[int | None, int | None] | None) -> Tensor:
    """Means of OH x OW windows that cover the image, whatever its size.

    Row i of the result is the mean of the rows from floor(i H / OH) to ceil((i + 1) H / OH); columns alike. Where OH
    does not divide H, windows overlap by a row, and differ in size by one.

    Args:
        input: shape (N, C, H, W), of at least one pixel.
        output_size: OH and OW, or one number for both; None for that of the image.

    Returns:
        shape (N, C, OH, OW).
    """
    _check_image("adaptive_avg_pool2d", _floating("adaptive_avg_pool2d", input))
    pair = output_size if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if len(pair) != 2:
        raise ValueError(f"adaptive_avg_pool2d: output_size is an integer or (h, w), got {output_size!r}")
    height, width = (
        length if wanted is None else check_count("adaptive_avg_pool2d", "output_size", wanted, 1)
        for wanted, length in zip(pair, input.shape[2:], strict=True)
    )
    if 0 in input.shape[2:]:
        raise ValueError(f"adaptive_avg_pool2d: there is nothing to average in images of shape {input.shape}")
    if input.shape[2] % height == input.shape[3] % width == 0:
        return avg_pool2d(input, (input.shape[2] // height, input.shape[3] // width))
    return _averaged(_averaged(input, 2, height), 3, width)


def _averaged(x: Tensor, dim: int, length: int) -> Tensor:
    """The means of `length` windows along an axis."""
    means, full = [], x.shape[dim]
    for i in range(length):
        window = slice(i * full // length, -(-(i + 1) * full // length))
        means.append(x[tuple(window if axis == dim else slice(None) for axis in range(x.ndim))].mean(dim, keepdim=True))
    return cat(means, dim)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha / size * sum of squares over `size` neighbouring channels)^beta (section 3.3).

    The paper does not divide alpha by the window's size: its alpha = 1e-4 with n = 5 is alpha = 5e-4 here.

    Args:
        input: shape (N, C, H, W).
        size: number of channels in a window.
    """
    options = _normalisation("local_response_norm", input, size, alpha, beta, k)
    return normalisation.LocalResponseNorm.apply(input, **options)


def within_map_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """input / (k + alpha / size^2 * sum of squares over the `size` x `size` pixels around, in the same map)^beta.

    cuda-convnet, the program behind the paper, calls it "response normalization (same map)", Caffe "within channel". As
    in both, alpha is divided by the number of pixels in a window, and what lies outside the image counts as zeros.

    Args:
        input: shape (N, C, H, W).
        size: height and width of a window.
    """
    options = _normalisation("within_map_response_norm", input, size, alpha, beta, k)
    return normalisation.WithinMapResponseNorm.apply(input, **options)


def dropout(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, *, scale_at: str = "train"
) -> Tensor:
    """Zero each element with probability p in training (section 4.2).

    Args:
        input: any shape.
        p: probability of zero.
        training: whether this is training or testing.
        inplace: whether the input itself takes the result.
        scale_at: "train" multiplies what is left by 1 / (1 - p) in training, as PyTorch does; "test" multiplies
            everything by 1 - p in testing, as the paper does.
    """
    if not isinstance(p, numbers.Real) or not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability from 0 to 1, got {p!r}")
    if scale_at not in ("train", "test"):
        raise ValueError(f"dropout: scale_at is 'train' or 'test', got {scale_at!r}")
    check_flag("dropout", "inplace", inplace)
    result = _dropped(_floating("dropout", input), float(p), training, scale_at)
    return input._become("dropout", lambda: result) if inplace and result is not input else result


def _dropped(x: Tensor, p: float, training: bool, scale_at: str) -> Tensor:
    if not training:
        return x * (1 - p) if scale_at == "test" and p > 0 else x
    if p == 0:
        return x
    scale = 1.0 if scale_at == "test" or p == 1 else 1 / (1 - p)
    seed, counter = default_generator.next()
    row = default_generator.first_row
    first = row * math.prod(x.shape[1:]) if row and x.ndim else 0
    return dropout_ops.Dropout.apply(x, p=p, scale=scale, seed=seed, counter=counter, first=first)


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The tensor with a border around it.

    Args:
        input: any shape.
        pad: lengths, two an axis, from the last axis backwards: (left, right), (left, right, top, bottom), ...
        mode: "constant"; others are not offered.
        value: of the border, 0 if None.
    """
    value = False if value is None else value  # 0 in any dtype
    only("pad", "mode", mode, "constant", "join what shall be the border to the tensor with mg.cat")
    if not isinstance(pad, (tuple, list)) or len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ValueError(f"pad: the lengths are two an axis, (left, right, top, bottom), of {input.ndim}; got {pad!r}")
    if not isinstance(value, numbers.Real):
        raise TypeError(f"pad: value is a number, got {value!r}")
    dtype = dtype_beside("pad", value, input.dtype)
    for number, length in enumerate(pad):
        axis = input.ndim - 1 - number // 2
        count = check_count("pad", "a length (slice where there shall be less)", length, 0)
        shape = (*input.shape[:axis], count, *input.shape[axis + 1 :])
        border = full(shape, value, dtype=dtype, device=input.device)
        input = cat([input, border] if number % 2 else [border, input], axis)
    return input


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 where the class is and 0 elsewhere: class numbers of any shape to int64 of shape (..., num_classes).

    Args:
        tensor: class numbers from 0, integers.
        num_classes: -1 for one more than the largest number.

    Raises:
        ValueError: a number is not among the classes.
    """
    classes = _class_numbers("one_hot", "tensor", tensor).numpy()
    if num_classes == -1:
        num_classes = int(classes.max(initial=0)) + 1 if classes.size else 0
    count = check_count("one_hot", "num_classes", num_classes, 1)
    _check_classes("one_hot", classes, count)
    return new_tensor((classes[..., None] == np.arange(count)).astype(np.int64), tensor.device)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input)[target], the loss of multinomial logistic regression (section 3.5).

    Args:
        input: logits, shape (N, classes).
        target: the right class of each example, shape (N,), int64.
        weight, size_average, ignore_index, reduce, label_smoothing: not offered; PyTorch has them.
        reduction: "mean", "sum" or "none" (one loss per example).

    Raises:
        ValueError: a target is not among the classes.
    """
    no_weights("cross_entropy", weight, size_average, ignore_index, reduce, label_smoothing)
    targets = _check_targets("cross_entropy", "logits", input, target, reduction)
    return _reduced(loss.CrossEntropy.apply(input, targets), reduction)


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: None = None,
    size_average: None = None,
    ignore_index: int = -100,
    reduce: None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target]: the loss of a classifier that gives logarithms of probabilities, as `log_softmax` does.

    Args:
        input: logarithms of probabilities, shape (N, classes).
        target: the right class of each example, shape (N,), int64.
        weight, size_average, ignore_index, reduce: not offered; PyTorch has them.
        reduction: "mean", "sum" or "none" (one loss per example).

    Raises:
        ValueError: a target is not among the classes.
    """
    no_weights("nll_loss", weight, size_average, ignore_index, reduce)
    targets = _check_targets("nll_loss", "logarithms of probabilities", input, target, reduction)
    _check_classes("nll_loss", targets.numpy(), input.shape[1])
    return _reduced(-input[arange(len(targets)), targets], reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: None = None,
    reduce: None = None,
    reduction: str = "mean",
    weight: None = None,
) -> Tensor:
    """(input - target)^2, the loss of least squares.

    Args:
        input: any shape.
        target: the same shape; PyTorch lets other shapes broadcast, which is hardly ever meant.
        size_average, reduce, weight: not offered; PyTorch has them.
        reduction: "mean", "sum" or "none" (one loss per element).
    """
    check_old_reduction("mse_loss", size_average, reduce)
    only(
        "mse_loss", "weight", weight, None, "weigh the losses that reduction='none' gives: (losses * w).sum() / w.sum()"
    )
    check_reduction("mse_loss", reduction)
    checked_tensor("mse_loss", input), checked_tensor("mse_loss", target)
    if input.shape != target.shape:
        raise ValueError(
            f"mse_loss: input and target have one shape, got {input.shape} and {target.shape}; bring them to it with "
            ".reshape"
        )
    difference = input - target
    return _reduced(difference * difference, reduction)


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


# checks


def _along(name: str, input: Tensor, dim: int | None, dtype: npt.DTypeLike | None) -> Tensor:
    """What a softmax along an axis is taken of: the input in the dtype that was asked for."""
    if dim is None:
        raise TypeError(f"{name}: give dim, the axis along which it sums to 1: dim=1 for logits of shape (N, classes)")
    return input if dtype is None else checked_tensor(name, input).to(dtype)


def _class_numbers(name: str, what: str, x: Any) -> Tensor:
    if not isinstance(x, Tensor) or x.dtype.kind not in "iu":
        given = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name}: {what} holds class numbers, a tensor of int64; got {given}")
    return x


def _check_classes(name: str, classes: np.ndarray, count: int) -> None:
    wrong = classes[(classes < 0) | (classes >= count)]
    if wrong.size:
        raise ValueError(f"{name}: the target {wrong[0]} is not among the {count} classes, 0 to {count - 1}")


def _check_targets(name: str, what: str, input: Tensor, target: Tensor, reduction: str) -> Tensor:
    """The targets of a loss of classes as int64."""
    _floating(name, input)
    check_reduction(name, reduction)
    _class_numbers(name, "target", target)
    if input.ndim != 2 or target.shape != input.shape[:1]:
        raise ValueError(
            f"{name}: input, {what}, has shape (N, classes) and target (N,), got {input.shape} and {target.shape}"
        )
    if 0 in input.shape:
        raise ValueError(f"{name}: there is nothing to average in {what} of shape {input.shape}")
    return target.to(np.int64)


def _floating(name: str, x: Tensor) -> Tensor:
    same_dtype(name, x)
    return x


def _check_image(name: str, x: Tensor) -> None:
    if x.ndim != 4:
        raise ValueError(f"{name} takes images of shape (batch, channels, height, width), got {x.shape}")


def _check_bias(name: str, bias: Tensor | None, length: int) -> None:
    if bias is not None and bias.shape != (length,):
        raise ValueError(f"{name}: the bias has one number an output, shape ({length},); got {bias.shape}")


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
    sides = _pooling_sides(name, padding, size)
    check_window(name, x.shape[2:], size, sides)
    return {"kernel_size": size, "stride": strides, "padding": sides}


def _pooling_sides(name: str, padding: Any, size: tuple[int, int]) -> Sides:
    """(top, bottom, left, right): at most half a window, as in PyTorch, or less than one where all four are given."""
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = check_sides(name, padding)
        if max(top, bottom) >= size[0] or max(left, right) >= size[1]:
            raise ValueError(f"{name}: padding is less than a window, got padding {padding} for windows of {size}")
        return top, bottom, left, right
    h, w = check_pair(name, "padding", padding, 0)
    if 2 * h > size[0] or 2 * w > size[1]:
        raise ValueError(f"{name}: padding is at most half a window, got padding {(h, w)} for windows of {size}")
    return h, h, w, w
