"""Arithmetic and activations, one result per element. x and y broadcast as NumPy's arrays do."""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.reference.primitive import Array, primitive, wrap


@primitive
def add(x: Array, y: Array) -> Array:
    """z = x + y"""
    return x + y


@primitive
def sub(x: Array, y: Array) -> Array:
    """z = x - y"""
    return x - y


@primitive
def mul(x: Array, y: Array) -> Array:
    """z = x y"""
    return x * y


@primitive
def div(x: Array, y: Array) -> Array:
    """z = x / y"""
    return x / y


@primitive
def pow(x: Array, y: Array) -> Array:
    """z = x^y"""
    return x**y


@primitive
def maximum(x: Array, y: Array) -> Array:
    """z = the larger of x and y; NaN where one of them is"""
    return np.maximum(x, y)


@primitive
def minimum(x: Array, y: Array) -> Array:
    """z = the smaller of x and y; NaN where one of them is"""
    return np.minimum(x, y)


@primitive
def equal(x: Array, y: Array) -> Array:
    """z = whether x is y; NaN is not even itself"""
    return x == y


@primitive
def less(x: Array, y: Array) -> Array:
    """z = whether x < y; NaN never is"""
    return x < y


@primitive
def less_equal(x: Array, y: Array) -> Array:
    """z = whether x <= y; NaN never is"""
    return x <= y


@primitive
def logical_and(x: Array, y: Array) -> Array:
    """z = x and y"""
    return x & y


@primitive
def logical_or(x: Array, y: Array) -> Array:
    """z = x or y"""
    return x | y


def where(condition: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
    """z = x where the condition is True, else y"""
    return wrap(np.where(condition.data, x.data, y.data))


@primitive
def pow_grad_base(dy: Array, x: Array, y: Array) -> Array:
    """The gradient of x in z = x^y, dy being that of z: dy y x^(y - 1), and 0 where y is 0, also at x = 0"""
    return np.where(y == 0, 0, dy * y * x ** (y - 1))


@primitive
def pow_grad_exponent(dy: Array, x: Array, z: Array) -> Array:
    """The gradient of y in z = x^y, dy being that of z: dy z log(x), and 0 where x is 0"""
    return np.where(x == 0, 0, dy * z * np.log(x))


@primitive
def scale(x: Array, factor: float) -> Array:
    """y = factor x"""
    return factor * x


@primitive
def neg(x: Array) -> Array:
    """y = -x"""
    return -x


@primitive
def exp(x: Array) -> Array:
    """y = e^x"""
    return np.exp(x)


@primitive
def log(x: Array) -> Array:
    """y = log x, to the base e"""
    return np.log(x)


@primitive
def sqrt(x: Array) -> Array:
    """y = the square root of x"""
    return np.sqrt(x)


@primitive
def logical_not(x: Array) -> Array:
    """y = not x"""
    return ~x


@primitive
def abs(x: Array) -> Array:
    """y = |x|"""
    return np.abs(x)


@primitive
def abs_grad(dy: Array, x: Array) -> Array:
    """dx = dy sign(x)"""
    return dy * np.sign(x)


@primitive
def relu(x: Array) -> Array:
    """y = max(x, 0) (section 3.1); NaN stays NaN"""
    return np.maximum(x, 0)


@primitive
def relu_grad(dy: Array, y: Array) -> Array:
    """dx = dy where y = relu(x) is not 0, else 0"""
    return np.where(y != 0, dy, 0)


@primitive
def relu_bias_grad(dy: Array, y: Array) -> tuple[Array, Array]:
    """For y = relu(x + bias), a value of bias for each channel: dx, as above, and dbias, its sum over all but axis 1"""
    dx = np.where(y != 0, dy, 0)
    return dx, dx.sum(axis=(0, 2, 3))


@primitive
def tanh(x: Array) -> Array:
    """y = (e^x - e^-x) / (e^x + e^-x)"""
    return np.tanh(x)


@primitive
def tanh_grad(dy: Array, y: Array) -> Array:
    """dx = dy (1 - y^2), with y = tanh(x)"""
    return dy * (1 - y**2)


@primitive
def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + e^-x); an infinite e^-x gives 0, as it should"""
    return 1 / (1 + np.exp(-x))


@primitive
def sigmoid_grad(dy: Array, y: Array) -> Array:
    """dx = dy y (1 - y), with y = sigmoid(x)"""
    return dy * y * (1 - y)
