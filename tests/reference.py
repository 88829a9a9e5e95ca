"""The slow, obviously right definitions that the engine is held against: float64, plain loops, no cleverness.

Each function follows the formula in its docstring word for word and knows nothing of minigrad. Wherever the engine and
this file disagree, read this file first: it should be short enough to be checked by eye.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

Size = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[int, int, int, int]


def pair(size: Size) -> tuple[int, int]:
    """(height, width) of an int or of a pair."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def four_sides(padding: Padding) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of an int, of (height, width) or of all four."""
    if isinstance(padding, int):
        return padding, padding, padding, padding
    if len(padding) == 2:
        return padding[0], padding[0], padding[1], padding[1]
    return padding[0], padding[1], padding[2], padding[3]


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    groups: int = 1,
) -> np.ndarray:
    """y[n, o, i, j] = bias[o] + sum over c, u, v of weight[o, c, u, v] * x[n, g + c, i * stride + u, j * stride + v].

    x is padded with zeros; g is the first input channel of the group that output channel o belongs to.
    """
    top, bottom, left, right = four_sides(padding)
    stride_h, stride_w = pair(stride)
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (top, bottom), (left, right)))
    images, channels, height, width = padded.shape
    outputs, group_channels, kernel_h, kernel_w = weight.shape
    assert channels == groups * group_channels and outputs % groups == 0
    y = np.zeros((images, outputs, (height - kernel_h) // stride_h + 1, (width - kernel_w) // stride_w + 1))
    for n, o, i, j in np.ndindex(*y.shape):
        first = (o // (outputs // groups)) * group_channels
        total = 0.0 if bias is None else float(bias[o])
        for c in range(group_channels):
            window = padded[
                n, first + c, i * stride_h : i * stride_h + kernel_h, j * stride_w : j * stride_w + kernel_w
            ]
            total += float(np.sum(window * weight[o, c]))
        y[n, o, i, j] = total
    return y


def pooled_size(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """How many windows fit; with `ceil_mode` one may overhang if it starts in the image or in the padding before it."""
    steps = (size + 2 * padding - kernel) / stride
    count = (math.ceil(steps) if ceil_mode else math.floor(steps)) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def windows(
    shape: Sequence[int], kernel_size: Size, stride: Size | None, padding: Size, ceil_mode: bool
) -> Iterator[tuple[int, int, int, int]]:
    """(i, j, first row, first column) of every window over an image of the given (..., H, W), row by row."""
    (kernel_h, kernel_w), (stride_h, stride_w) = pair(kernel_size), pair(kernel_size if stride is None else stride)
    padding_h, padding_w = pair(padding)
    for i in range(pooled_size(shape[-2], kernel_h, stride_h, padding_h, ceil_mode)):
        for j in range(pooled_size(shape[-1], kernel_w, stride_w, padding_w, ceil_mode)):
            yield i, j, i * stride_h - padding_h, j * stride_w - padding_w


def max_pool2d(
    x: np.ndarray, kernel_size: Size, stride: Size | None = None, padding: Size = 0, ceil_mode: bool = False
) -> np.ndarray:
    """y[n, c, i, j] = the largest value of x[n, c] in window (i, j), clipped to the image; NaN if one is in it."""
    kernel_h, kernel_w = pair(kernel_size)
    places = list(windows(x.shape, kernel_size, stride, padding, ceil_mode))
    y = np.zeros((*x.shape[:2], places[-1][0] + 1, places[-1][1] + 1))
    for i, j, row, column in places:
        window = x[:, :, max(row, 0) : row + kernel_h, max(column, 0) : column + kernel_w]
        y[:, :, i, j] = window.max(axis=(2, 3))
    return y


def avg_pool2d(
    x: np.ndarray,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> np.ndarray:
    """y[n, c, i, j] = the sum of window (i, j) over the image, divided by the window's area.

    The area counts what lies in the image and, with `count_include_pad`, in its padding; never what overhangs both.
    """
    (kernel_h, kernel_w), (padding_h, padding_w) = pair(kernel_size), pair(padding)
    height, width = x.shape[2:]
    places = list(windows(x.shape, kernel_size, stride, padding, ceil_mode))
    y = np.zeros((*x.shape[:2], places[-1][0] + 1, places[-1][1] + 1))
    for i, j, row, column in places:
        total, area = np.zeros(x.shape[:2]), 0
        for r in range(row, row + kernel_h):
            for c in range(column, column + kernel_w):
                in_image = 0 <= r < height and 0 <= c < width
                in_padding = -padding_h <= r < height + padding_h and -padding_w <= c < width + padding_w
                if in_image:
                    total = total + x[:, :, r, c]
                area += in_padding if count_include_pad else in_image
        y[:, :, i, j] = total / area
    return y


def local_response_norm(
    x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> np.ndarray:
    """y[:, i] = x[:, i] / (k + alpha / size * sum of x[:, j]^2)^beta over j = i - size // 2 ... i + (size - 1) // 2."""
    y = np.zeros(x.shape)
    channels = x.shape[1]
    for i in range(channels):
        total = np.zeros_like(y[:, 0])
        for j in range(i - size // 2, i + (size - 1) // 2 + 1):
            if 0 <= j < channels:
                total = total + x[:, j].astype(np.float64) ** 2
        y[:, i] = x[:, i] / (k + alpha / size * total) ** beta
    return y


def within_map_response_norm(
    x: np.ndarray, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> np.ndarray:
    """y[:, :, i, j] = x[:, :, i, j] / (k + alpha / size^2 * sum of x[:, :, u, v]^2)^beta.

    The sum is over rows u = i - size // 2 ... i + (size - 1) // 2 and columns v, around j alike, inside the image.
    """
    y = np.zeros(x.shape)
    height, width = x.shape[2:]
    for i, j in np.ndindex(height, width):
        total = np.zeros_like(y[:, :, 0, 0])
        for u in range(i - size // 2, i + (size - 1) // 2 + 1):
            for v in range(j - size // 2, j + (size - 1) // 2 + 1):
                if 0 <= u < height and 0 <= v < width:
                    total = total + x[:, :, u, v].astype(np.float64) ** 2
        y[:, :, i, j] = x[:, :, i, j] / (k + alpha / size**2 * total) ** beta
    return y


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """y[n, o] = bias[o] + sum over i of x[n, i] * weight[o, i]."""
    y = np.zeros((x.shape[0], weight.shape[0]))
    for n, o in np.ndindex(*y.shape):
        y[n, o] = 0.0 if bias is None else bias[o]
        for i in range(x.shape[1]):
            y[n, o] += float(x[n, i]) * float(weight[o, i])
    return y


def softmax(x: np.ndarray, dim: int) -> np.ndarray:
    """exp(x) over its sum along `dim`; the largest is subtracted first, which changes nothing but the range."""
    powers = np.exp(x.astype(np.float64) - x.max(axis=dim, keepdims=True))
    return powers / powers.sum(axis=dim, keepdims=True)


def log_softmax(x: np.ndarray, dim: int) -> np.ndarray:
    """x minus the logarithm of the sum of exp(x) along `dim`."""
    shifted = x.astype(np.float64) - x.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


def cross_entropy(logits: np.ndarray, targets: np.ndarray, reduction: str = "mean") -> np.ndarray:
    """-log of the probability that softmax gives each row's target: their mean, their sum or all of them."""
    losses = np.array([-log_softmax(row, 0)[target] for row, target in zip(logits, targets, strict=True)])
    return {"mean": losses.mean(), "sum": losses.sum(), "none": losses}[reduction]


def dropout(x: np.ndarray, kept: np.ndarray, p: float, training: bool, scale_at: str) -> np.ndarray:
    """What dropout makes of x where `kept` says which values survive; scaled by 1 - p in training or at test."""
    if scale_at == "train":
        return np.where(kept, x, 0.0) / (1 - p) if training else x
    return np.where(kept, x, 0.0) if training else x * (1 - p)


def sgd_step(
    w: np.ndarray, g: np.ndarray, v: np.ndarray, lr: float, momentum: float, weight_decay: float
) -> tuple[np.ndarray, np.ndarray]:
    """The paper's rule, section 5: v <- momentum * v - weight_decay * lr * w - lr * g; w <- w + v. Returns (w, v)."""
    v = momentum * v - weight_decay * lr * w - lr * g
    return w + v, v


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int], rounds: int = 10) -> tuple[int, int, int, int]:
    """Philox4x32 of one counter in Python integers (Salmon et al. 2011, section 3.3)."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(rounds):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3
