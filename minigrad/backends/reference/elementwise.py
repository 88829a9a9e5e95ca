"""Arithmetic and activations, one result per element. x and y broadcast as NumPy's arrays do."""

from __future__ import annotations

import numpy as np

from minigrad.backends.reference.primitive import Array, primitive


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
