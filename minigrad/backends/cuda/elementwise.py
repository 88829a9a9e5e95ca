"""Arithmetic and activations, one result an element.

Each formula is a device function of numbers. The kernels around them are few: arrays of one shape and single numbers
are walked as lines; only what broadcasts in earnest needs its index taken apart.
"""

from __future__ import annotations

import math
from builtins import abs as magnitude
from collections.abc import Callable

import numpy as np
from numba import cuda
from numpy.typing import DTypeLike

from minigrad.arrays import DeviceArray
from minigrad.backends import layout
from minigrad.backends.cuda import driver, strides
from minigrad.backends.cuda.launch import DeviceFunction, Kernel, device_function, kernel, launch_1d
from minigrad.backends.cuda.memory import flat, new, reorder
from minigrad.backends.cuda.strides import places


def _named(function: DeviceFunction, what: str, body: Callable[..., None]) -> Callable[..., None]:
    """The body of a kernel, under the name of its function and what it does with it."""
    body.__name__ = f"{function.py_func.__name__.strip('_')}_{what}"
    return body


def _unary(function: DeviceFunction, word: str = "float") -> Kernel:
    """The kernel of a function of one number."""

    def body(x, y):
        """for each element: y = function(x)"""
        for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
            y[i] = function(x[i])

    return kernel(f"{word}[::1], {word}[::1]")(_named(function, "of_each", body))


def _binary(function: DeviceFunction, word: str = "float", result: str = "") -> Kernel:
    """The kernel of a function of two numbers: of arrays of the result's size (stride 1) or numbers (0).

    Its result has their type, or the one given.
    """

    def body(x, y, z, x_stride, y_stride):
        """for each element: z = function(x, y)"""
        for i in range(cuda.grid(1), z.size, cuda.gridsize(1)):
            z[i] = function(x[i * x_stride], y[i * y_stride])

    return kernel(f"{word}[::1], {word}[::1], {result or word}[::1], i8, i8")(_named(function, "of_pairs", body))


def _broadcasting(function: DeviceFunction, word: str = "float", result: str = "") -> Kernel:
    """The kernel of a function of two numbers from arrays that broadcast."""

    def body(x, y, z, walk):
        """for each element: z = function(x, y), x and y by strides of their own; z has no gaps"""
        for i in range(cuda.grid(1), z.size, cuda.gridsize(1)):
            x_at, y_at = places(walk, i)
            z[i] = function(x[x_at], y[y_at])

    declaration = f"{word}[::1], {word}[::1], {result or word}[::1], i8[:,::1]"
    return kernel(declaration)(_named(function, "broadcasting", body))


def _ternary(function: DeviceFunction, first: str = "float", word: str = "float") -> Kernel:
    """The kernel of a function of three numbers, the first perhaps of another type."""

    def body(x, y, z, result):
        """for each element: result = function(x, y, z)"""
        for i in range(cuda.grid(1), result.size, cuda.gridsize(1)):
            result[i] = function(x[i], y[i], z[i])

    declaration = f"{first}[::1], {word}[::1], {word}[::1], {word}[::1]"
    return kernel(declaration)(_named(function, "of_triples", body))


def _result(dtype: DTypeLike, operands: tuple[DeviceArray, ...]) -> DeviceArray:
    """Room for a result of operands that broadcast: in CHWN order if one that holds the whole batch is."""
    shape = np.broadcast_shapes(*(x.shape for x in operands))
    return new(shape, dtype, operands[0].device, layout.order_as(shape, *operands))


def _map(each: Kernel, x: DeviceArray) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.chwn)
    launch_1d(each, y.size, x.device, flat(x), flat(y))
    return y


def _combine(
    kernels: tuple[Kernel, Kernel], x: DeviceArray, y: DeviceArray, dtype: DTypeLike | None = None
) -> DeviceArray:
    """Apply the kernel for pairs where that is possible, the one that broadcasts elsewhere."""
    pairs, broadcasting = kernels
    z = _result(x.dtype if dtype is None else dtype, (x, y))
    if z.size == 0:
        return z
    x, y = (reorder(each, z.chwn) if each.shape == z.shape else each for each in (x, y))
    walks = (layout.storage(strides.broadcast_strides(each, z.shape), z.chwn) for each in (x, y))
    sizes, (x_strides, y_strides) = strides.collapse(layout.storage(z.shape, z.chwn), *walks)
    if len(sizes) == 1:
        launch_1d(pairs, z.size, z.device, flat(x), flat(y), flat(z), x_strides[0], y_strides[0])
    else:
        walk = strides.on_device(z.device, sizes, x_strides, y_strides)
        launch_1d(broadcasting, z.size, z.device, flat(x), flat(y), flat(z), walk)
    return z


def _pairwise(pairs: Kernel, dy: DeviceArray, x: DeviceArray) -> DeviceArray:
    """Two arrays of one shape; the result takes the order of x, whose gradient it is."""
    dx = new(x.shape, x.dtype, x.device, x.chwn)
    launch_1d(pairs, dx.size, x.device, flat(reorder(dy, x.chwn)), flat(x), flat(dx), 1, 1)
    return dx


def repeat(x: DeviceArray, shape: tuple[int, ...], chwn: bool) -> DeviceArray:
    """x repeated to a shape, stored in the order wanted."""
    if x.shape == shape:
        return reorder(x, chwn)
    z = new(shape, x.dtype, x.device, chwn)
    sizes, walk = (layout.storage(each, z.chwn) for each in (shape, strides.broadcast_strides(x, shape)))
    strides.copy_strided(x.data, z.data, sizes, walk, strides.contiguous(sizes))
    return z


def _triples(kernel_of_three: Kernel, *operands: DeviceArray) -> DeviceArray:
    """Three arrays that broadcast: rare enough to be repeated to one shape first. The result has the last's dtype."""
    z = _result(operands[2].dtype, operands)
    lines = (flat(repeat(x, z.shape, z.chwn)) for x in operands)
    launch_1d(kernel_of_three, z.size, z.device, *lines, flat(z))
    return z


# The formulas. type(x)(1) is a 1 in the precision of x: a plain 1 would make float32 arithmetic float64.


@device_function
def _add(x, y):
    return x + y


@device_function
def _sub(x, y):
    return x - y


@device_function
def _mul(x, y):
    return x * y


@device_function
def _div(x, y):
    return x / y


@device_function
def _pow(x, y):
    return x**y


@device_function
def _maximum(x, y):
    """NaN of either passes."""
    return x if x > y or x != x else y


@device_function
def _minimum(x, y):
    """NaN of either passes."""
    return x if x < y or x != x else y


@device_function
def _equal(x, y):
    return x == y


@device_function
def _less(x, y):
    return x < y


@device_function
def _less_equal(x, y):
    return x <= y


@device_function
def _logical_and(x, y):
    return x and y


@device_function
def _logical_or(x, y):
    return x or y


@device_function
def _logical_not(x):
    return not x


@device_function
def _where(condition, x, y):
    return x if condition else y


@device_function
def _neg(x):
    return -x


@device_function
def _exp(x):
    return math.exp(x)


@device_function
def _log(x):
    return math.log(x)


@device_function
def _sqrt(x):
    return math.sqrt(x)


@device_function
def _abs(x):
    return magnitude(x)


@device_function
def _tanh(x):
    return math.tanh(x)


@device_function
def _relu(x):
    """NaN passes."""
    return x if x > 0 or x != x else type(x)(0)


@device_function
def _sigmoid(x):
    """1 / (1 + e^-x) as (1 + tanh(x / 2)) / 2, which cannot overflow."""
    half = type(x)(0.5)
    return half + half * math.tanh(half * x)


@device_function
def _relu_grad(dy, y):
    return type(dy)(0) if y == 0 else dy


@device_function
def _tanh_grad(dy, y):
    return dy * (type(y)(1) - y * y)


@device_function
def _sigmoid_grad(dy, y):
    return dy * y * (type(y)(1) - y)


@device_function
def _abs_grad(dy, x):
    if x > 0:
        return dy
    return -dy if x < 0 else dy * x  # 0 times dy, or NaN


@device_function
def _pow_grad_base(dy, x, y):
    return type(x)(0) if y == 0 else dy * y * math.pow(x, y - type(y)(1))


@device_function
def _pow_grad_exponent(dy, x, z):
    return type(x)(0) if x == 0 else dy * z * math.log(x)


_ADD = _binary(_add, "any"), _broadcasting(_add, "any")
_SUB = _binary(_sub, "any"), _broadcasting(_sub, "any")
_MUL = _binary(_mul, "any"), _broadcasting(_mul, "any")
_DIV = _binary(_div), _broadcasting(_div)
_POW = _binary(_pow, "any"), _broadcasting(_pow, "any")
_NEG, _ABS, _RELU = (_unary(function, "any") for function in (_neg, _abs, _relu))
_MAXIMUM, _MINIMUM = ((_binary(each, "any"), _broadcasting(each, "any")) for each in (_maximum, _minimum))
_EQUAL, _LESS, _LESS_EQUAL = (
    (_binary(each, "any", "b1"), _broadcasting(each, "any", "b1")) for each in (_equal, _less, _less_equal)
)
_LOGICAL_AND, _LOGICAL_OR = ((_binary(each, "b1"), _broadcasting(each, "b1")) for each in (_logical_and, _logical_or))
_LOGICAL_NOT = _unary(_logical_not, "b1")
_WHERE = _ternary(_where, "b1", "any")
_EXP, _LOG, _SQRT, _TANH, _SIGMOID = (_unary(function) for function in (_exp, _log, _sqrt, _tanh, _sigmoid))
_RELU_GRAD, _TANH_GRAD, _SIGMOID_GRAD, _ABS_GRAD = (
    _binary(function) for function in (_relu_grad, _tanh_grad, _sigmoid_grad, _abs_grad)
)
_POW_GRAD_BASE, _POW_GRAD_EXPONENT = _ternary(_pow_grad_base), _ternary(_pow_grad_exponent)


@kernel("float[::1], float[::1], float")
def _scale(x, y, factor):
    """for each element: y = factor x"""
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        y[i] = factor * x[i]


def add(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_ADD, x, y)


def sub(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_SUB, x, y)


def mul(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_MUL, x, y)


def div(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_DIV, x, y)


def pow(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    if y.dtype.kind == "i" and (driver.copy_to_host(y.data) < 0).any():
        raise ValueError("Integers to negative integer powers are not allowed.")  # NumPy's words
    return _combine(_POW, x, y)


def maximum(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_MAXIMUM, x, y)


def minimum(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_MINIMUM, x, y)


def equal(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_EQUAL, x, y, bool)


def less(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_LESS, x, y, bool)


def less_equal(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_LESS_EQUAL, x, y, bool)


def logical_and(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_LOGICAL_AND, x, y)


def logical_or(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _combine(_LOGICAL_OR, x, y)


def logical_not(x: DeviceArray) -> DeviceArray:
    return _map(_LOGICAL_NOT, x)


def where(condition: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _triples(_WHERE, condition, x, y)


def scale(x: DeviceArray, factor: float) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.chwn)
    launch_1d(_scale, y.size, x.device, flat(x), flat(y), float(factor))
    return y


def neg(x: DeviceArray) -> DeviceArray:
    return _map(_NEG, x)


def exp(x: DeviceArray) -> DeviceArray:
    return _map(_EXP, x)


def log(x: DeviceArray) -> DeviceArray:
    return _map(_LOG, x)


def sqrt(x: DeviceArray) -> DeviceArray:
    return _map(_SQRT, x)


def abs(x: DeviceArray) -> DeviceArray:
    return _map(_ABS, x)


def relu(x: DeviceArray) -> DeviceArray:
    return _map(_RELU, x)


def tanh(x: DeviceArray) -> DeviceArray:
    return _map(_TANH, x)


def sigmoid(x: DeviceArray) -> DeviceArray:
    return _map(_SIGMOID, x)


def abs_grad(dy: DeviceArray, x: DeviceArray) -> DeviceArray:
    return _pairwise(_ABS_GRAD, dy, x)


def relu_grad(dy: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _pairwise(_RELU_GRAD, dy, y)


def tanh_grad(dy: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _pairwise(_TANH_GRAD, dy, y)


def sigmoid_grad(dy: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _pairwise(_SIGMOID_GRAD, dy, y)


def pow_grad_base(dy: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _triples(_POW_GRAD_BASE, dy, x, y)


def pow_grad_exponent(dy: DeviceArray, x: DeviceArray, z: DeviceArray) -> DeviceArray:
    return _triples(_POW_GRAD_EXPONENT, dy, x, z)
