"""The table: every primitive that a backend must have, with its signature, its shapes and a sentence.

A primitive takes DeviceArrays of one device, allocates its results there and returns them. It may assume that shapes
fit and dtypes agree (`functional` and `Tensor` have checked), and must accept arrays in either memory order: C order,
or CHWN, in which axis 0 comes last. The order of what it returns:

    elementwise, softmax, cast, dropout,                 that of the operand; of several that broadcast, CHWN if one of
    sgd_update, adam_update                              the result's height has it
    their gradients                                      that of the value whose gradient it is
    cat                                                  CHWN if one of the arrays has it
    getitem, take, their gradients, reshape,             that of the operand, where axis 0 stays as it is; else C
    broadcast_to, sum
    convolution, pooling, normalisation, linear, loss    CHWN, and the gradients of their inputs too
    the rest, gradients of weights among it              C

In the reference everything is in C order. (`tests/parity.py` has this rule as a function.) Results do not depend on the
number of threads. Infinities and NaN come through; that NumPy does not warn of them is seen to by who calls (`quiet` in
minigrad/arrays.py). An array is never written again once a primitive has returned it, so results may share memory with
operands; the exceptions are the velocity of `sgd_update` and the means of `adam_update`, which their optimisers own.

Geometry is spelled out: `stride` and `kernel_size` are (h, w), `padding` is (top, bottom, left, right), `dims` a tuple
of non-negative axes, `shape` the shape of the result. Images are N x C x H x W, filters K x C / groups x KH x KW.
`*_grad` turn the gradient `dy` of a result into that of an input.

A backend is a package whose names are these. `minigrad.backends.reference` defines each in the plainest way there is,
`minigrad.backends.cpu` and `minigrad.backends.cuda` are fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from minigrad.arrays import Device, DeviceArray, DeviceInfo
from minigrad.backends.window import Pair, Sides

__all__ = ["PRIMITIVES", "Backend", "Index", "Shape"]

Shape = tuple[int, ...]
Index = tuple[int | slice, ...]  # an integer, not negative, or a slice for each axis


class Backend(Protocol):
    """What `Device.backend` is: a module with a function for each of these."""

    # devices and memory

    def devices(self) -> Sequence[DeviceInfo]:
        """Those that there are of this kind, in the order of their numbers."""

    def from_host(self, array: np.ndarray, device: Device) -> DeviceArray:
        """A copy of a NumPy array, in C order."""

    def to_host(self, x: DeviceArray) -> np.ndarray:
        """A copy as a NumPy array in C order."""

    def copy_to(self, x: DeviceArray, device: Device) -> DeviceArray:
        """A copy on another device of the same backend, in the same order."""

    def full(self, shape: Shape, value: float, dtype: np.dtype[Any], device: Device) -> DeviceArray:
        """An array of one value."""

    def cast(self, x: DeviceArray, dtype: np.dtype[Any]) -> DeviceArray:
        """x in another dtype, in the same order."""

    def reorder(self, x: DeviceArray, chwn: bool) -> DeviceArray:
        """x stored in the order wanted; x itself where it is."""

    # elementwise, with broadcasting

    def add(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x + y."""

    def sub(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x - y."""

    def mul(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x y."""

    def div(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x / y."""

    def pow(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x^y."""

    def maximum(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """The larger of x and y; NaN where one of them is."""

    def minimum(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """The smaller of x and y; NaN where one of them is."""

    def equal(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x = y, a bool array; False where one of them is NaN."""

    def less(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x < y, a bool array; False where one of them is NaN."""

    def less_equal(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x <= y, a bool array; False where one of them is NaN."""

    def logical_and(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x and y, of bool arrays."""

    def logical_or(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x or y, of bool arrays."""

    def where(self, condition: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """x where the condition, a bool array, is True, else y; all three broadcast."""

    def pow_grad_base(self, dy: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
        """dy y x^(y - 1), 0 where y is 0; operands broadcast."""

    def pow_grad_exponent(self, dy: DeviceArray, x: DeviceArray, z: DeviceArray) -> DeviceArray:
        """dy z log(x) with z = x^y, 0 where x is 0; operands broadcast."""

    # elementwise, one shape

    def scale(self, x: DeviceArray, factor: float) -> DeviceArray:
        """factor x, for a Python number."""

    def neg(self, x: DeviceArray) -> DeviceArray:
        """-x."""

    def exp(self, x: DeviceArray) -> DeviceArray:
        """e^x."""

    def log(self, x: DeviceArray) -> DeviceArray:
        """Natural logarithm."""

    def sqrt(self, x: DeviceArray) -> DeviceArray:
        """Square root; NaN of negative numbers."""

    def logical_not(self, x: DeviceArray) -> DeviceArray:
        """not x, of a bool array."""

    def abs(self, x: DeviceArray) -> DeviceArray:
        """|x|."""

    def abs_grad(self, dy: DeviceArray, x: DeviceArray) -> DeviceArray:
        """dy sign(x)."""

    def relu(self, x: DeviceArray) -> DeviceArray:
        """max(x, 0)."""

    def relu_grad(self, dy: DeviceArray, y: DeviceArray) -> DeviceArray:
        """dy where y = relu(x) is not 0."""

    def relu_bias_grad(self, dy: DeviceArray, y: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        """For y in CHWN order, as `conv2d` returned it: `relu_grad`, and its sums over all axes but 1.

        The sums are the gradient of a bias of C values.
        """

    def tanh(self, x: DeviceArray) -> DeviceArray:
        """Hyperbolic tangent."""

    def tanh_grad(self, dy: DeviceArray, y: DeviceArray) -> DeviceArray:
        """dy (1 - y^2) with y = tanh(x)."""

    def sigmoid(self, x: DeviceArray) -> DeviceArray:
        """1 / (1 + e^-x), without overflow."""

    def sigmoid_grad(self, dy: DeviceArray, y: DeviceArray) -> DeviceArray:
        """dy y (1 - y) with y = sigmoid(x)."""

    # shape

    def reshape(self, x: DeviceArray, shape: Shape) -> DeviceArray:
        """The elements of x, in C order of its axes, under another shape."""

    def transpose(self, x: DeviceArray, dim0: int, dim1: int) -> DeviceArray:
        """x with two axes exchanged."""

    def getitem(self, x: DeviceArray, index: Index) -> DeviceArray:
        """x[index]."""

    def getitem_grad(self, dy: DeviceArray, index: Index, shape: Shape) -> DeviceArray:
        """Zeros of that shape with dy at [index]."""

    def take(self, x: DeviceArray, indices: DeviceArray, axis: int) -> DeviceArray:
        """What stands at int64 indices along an axis, whose place their axes take; they are 0 to its length - 1."""

    def take_grad(self, dy: DeviceArray, indices: DeviceArray, shape: Shape, axis: int) -> DeviceArray:
        """Zeros of that shape, with each dy added at its index: in float64, one after another in C order."""

    def cat(self, arrays: Sequence[DeviceArray], dim: int) -> DeviceArray:
        """Arrays joined along an axis."""

    def broadcast_to(self, x: DeviceArray, shape: Shape) -> DeviceArray:
        """x repeated to the shape."""

    # reductions

    def sum(self, x: DeviceArray, dims: tuple[int, ...], keepdim: bool) -> DeviceArray:
        """Sums over the axes, which keep the length 1 or go."""

    def max(self, x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
        """Largest values along an axis, and the int64 index of the first of them."""

    def min(self, x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
        """Smallest values along an axis, and the int64 index of the first of them."""

    def max_grad(self, dy: DeviceArray, indices: DeviceArray, shape: Shape, dim: int) -> DeviceArray:
        """dy at the indices that `max` or `min` gave, 0 elsewhere; dy and indices have the axis, of length 1."""

    def softmax(self, x: DeviceArray, dim: int) -> DeviceArray:
        """e^x over its sum along an axis, without overflow."""

    def softmax_grad(self, dy: DeviceArray, y: DeviceArray, dim: int) -> DeviceArray:
        """y (dy - sum(dy y)) with y = softmax(x)."""

    def log_softmax(self, x: DeviceArray, dim: int) -> DeviceArray:
        """Logarithm of softmax, without underflow."""

    def log_softmax_grad(self, dy: DeviceArray, y: DeviceArray, dim: int) -> DeviceArray:
        """dy - e^y sum(dy) with y = log_softmax(x)."""

    # matrices

    def matmul(self, x: DeviceArray, y: DeviceArray, transpose_x: bool, transpose_y: bool) -> DeviceArray:
        """Product of two matrices, each transposed first or not."""

    def linear(self, x: DeviceArray, weight: DeviceArray, bias: DeviceArray | None) -> DeviceArray:
        """x weight^T + bias: x N x D, weight O x D, bias O or None, result N x O."""

    def linear_grad_input(self, dy: DeviceArray, weight: DeviceArray) -> DeviceArray:
        """dy weight: N x D."""

    def linear_grad_weight(self, dy: DeviceArray, x: DeviceArray) -> DeviceArray:
        """dy^T x: O x D."""

    # convolution

    def conv2d(
        self,
        x: DeviceArray,
        weight: DeviceArray,
        bias: DeviceArray | None,
        stride: Pair,
        padding: Sides,
        groups: int,
        relu: bool,
    ) -> DeviceArray:
        """Cross-correlation of x, padded with zeros, with filters; plus bias, K or None; max(., 0) of it if `relu`."""

    def conv2d_grad_input(
        self, dy: DeviceArray, weight: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
    ) -> DeviceArray:
        """Gradient of x, which has that shape."""

    def conv2d_grad_weight(
        self, dy: DeviceArray, x: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
    ) -> DeviceArray:
        """Gradient of the weight, which has that shape."""

    # unshared convolution

    def locally_connected2d(
        self,
        x: DeviceArray,
        weight: DeviceArray,
        bias: DeviceArray | None,
        stride: Pair,
        padding: Sides,
        groups: int,
        relu: bool,
    ) -> DeviceArray:
        """conv2d with a weight for each place, OH x OW x C / groups x KH x KW x K, and a bias, K x OH x OW or None."""

    def locally_connected2d_grad_input(
        self, dy: DeviceArray, weight: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
    ) -> DeviceArray:
        """Gradient of x, which has that shape."""

    def locally_connected2d_grad_weight(
        self, dy: DeviceArray, x: DeviceArray, shape: Shape, stride: Pair, padding: Sides, groups: int
    ) -> DeviceArray:
        """Gradient of the weight, which has that shape."""

    # pooling

    def max_pool2d(
        self, x: DeviceArray, kernel_size: Pair, stride: Pair, padding: Sides, ceil_mode: bool
    ) -> tuple[DeviceArray, DeviceArray]:
        """Maxima, and for each which place of its window, counted row by row, was the first that had it."""

    def max_pool2d_grad(
        self, dy: DeviceArray, argmax: DeviceArray, shape: Shape, kernel_size: Pair, stride: Pair, padding: Sides
    ) -> DeviceArray:
        """dy at the places that won, added up where windows overlap."""

    def avg_pool2d(
        self,
        x: DeviceArray,
        kernel_size: Pair,
        stride: Pair,
        padding: Sides,
        ceil_mode: bool,
        count_include_pad: bool,
    ) -> DeviceArray:
        """Means of windows, over their places in the image, or also those in the padding."""

    def avg_pool2d_grad(
        self,
        dy: DeviceArray,
        shape: Shape,
        kernel_size: Pair,
        stride: Pair,
        padding: Sides,
        count_include_pad: bool,
    ) -> DeviceArray:
        """dy spread evenly over its window, added up where windows overlap."""

    # normalisation

    def local_response_norm(self, x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
        """x / (k + alpha / size * sum of the squares of `size` neighbouring channels)^beta (section 3.3)."""

    def local_response_norm_grad(
        self, dy: DeviceArray, x: DeviceArray, size: int, alpha: float, beta: float, k: float
    ) -> DeviceArray:
        """Gradient of x."""

    def within_map_response_norm(self, x: DeviceArray, size: int, alpha: float, beta: float, k: float) -> DeviceArray:
        """The same over size x size neighbouring pixels of a channel, with alpha / size^2."""

    def within_map_response_norm_grad(
        self, dy: DeviceArray, x: DeviceArray, size: int, alpha: float, beta: float, k: float
    ) -> DeviceArray:
        """Gradient of x."""

    # loss, dropout, and the rule of the optimiser

    def cross_entropy(self, logits: DeviceArray, targets: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        """Losses, and softmax of the logits: logits N x classes, targets and losses N.

        Raises:
            ValueError: a target is no class.
        """

    def cross_entropy_grad(self, dy: DeviceArray, probabilities: DeviceArray, targets: DeviceArray) -> DeviceArray:
        """Gradient of the logits, from that of each loss."""

    def dropout(self, x: DeviceArray, p: float, scale: float, seed: int, counter: int, first: int) -> DeviceArray:
        """scale x where a random word, the first of them number `first`, says so (with probability 1 - p), else 0.

        Its own gradient, too.
        """

    def sgd_update(
        self, w: DeviceArray, g: DeviceArray, v: DeviceArray | None, lr: float, momentum: float, weight_decay: float
    ) -> DeviceArray:
        """The next w; the velocity v, None or in the order of w, is changed (section 5)."""

    def adam_update(
        self,
        w: DeviceArray,
        g: DeviceArray,
        m: DeviceArray,
        v: DeviceArray,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        step: int,
    ) -> DeviceArray:
        """The next w by Adam, at the step of that number, from 1; m and v, in the order of w, are changed.

        m and v are the running means of the gradient and of its square, 0 at first.
        """


PRIMITIVES = tuple(name for name in vars(Backend) if not name.startswith("_"))  # the names of all of them
