"""Arithmetic and activations, one result an element. NumPy's loops do the work, over a few large parts in parallel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends import layout
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import jitted
from minigrad.backends.layout import view
from minigrad.backends.threads import parallel, spans

PARTS = 16
WORTH_THREADS = 1 << 17  # elements
BOOL = np.dtype(bool)


def _storage_view(x: DeviceArray, ndim: int, chwn: bool) -> np.ndarray:
    """x with leading axes of 1 up to `ndim`, its axes in storage order: broadcasts against storage of that order."""
    array = view(x)
    array = array.reshape((1,) * (ndim - x.ndim) + x.shape) if x.ndim < ndim else array
    return array.transpose(*range(1, ndim), 0) if chwn else array


def _shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """That of a result. NumPy finds it slowly; where one is broadcast against numbers, it is known."""
    several = set(shapes) - {()}
    return several.pop() if len(several) == 1 else np.broadcast_shapes(*shapes)


def _broadcast(ufunc: Callable[..., Any], *operands: DeviceArray, dtype: np.dtype[Any] | None = None) -> DeviceArray:
    """Apply ufunc(*operands, out=...) to operands that broadcast; the result has their dtype or the one given.

    It is in CHWN order if an operand that holds the whole batch is.
    """
    first = operands[0]
    shape, chwn = first.shape, first.chwn
    inputs = []
    for x in operands:
        if x.shape != shape or x.chwn != chwn:
            shape = _shape(*(each.shape for each in operands))
            chwn = layout.order_as(shape, *operands)
            inputs = [_storage_view(each, len(shape), chwn) for each in operands]
            break
        inputs.append(x.data)
    z = new(shape, first.dtype if dtype is None else dtype, first.device, chwn)
    out = z.data
    if out.size < WORTH_THREADS:
        ufunc(*inputs, out=out)
    else:
        _in_parts(ufunc, inputs, out)
    return z


def _in_parts(ufunc: Callable[..., Any], inputs: list[np.ndarray], out: np.ndarray) -> None:
    """ufunc(*inputs, out=out) in parts, in parallel."""
    if all(array.shape == out.shape and array.flags.c_contiguous for array in inputs):
        out, inputs = out.reshape(-1), [array.reshape(-1) for array in inputs]
    else:
        inputs = [np.broadcast_to(array, out.shape) for array in inputs]
    parts = spans(out.shape[0], PARTS)

    def run(part: int) -> None:
        span = slice(*parts[part])
        ufunc(*(array[span] for array in inputs), out=out[span])

    parallel(run, len(parts))


def add(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.add, x, y)


def sub(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.subtract, x, y)


def mul(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.multiply, x, y)


def div(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.divide, x, y)


def pow(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.power, x, y)


def maximum(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.maximum, x, y)


def minimum(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.minimum, x, y)


def equal(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.equal, x, y, dtype=BOOL)


def less(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.less, x, y, dtype=BOOL)


def less_equal(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.less_equal, x, y, dtype=BOOL)


def logical_and(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.logical_and, x, y)


def logical_or(x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(np.logical_or, x, y)


def logical_not(x: DeviceArray) -> DeviceArray:
    return _broadcast(np.logical_not, x)


def _where(condition: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    np.copyto(out, y)
    np.copyto(out, x, where=condition)


def where(condition: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(_where, condition, x, y, dtype=x.dtype)


def neg(x: DeviceArray) -> DeviceArray:
    return _broadcast(np.negative, x)


def exp(x: DeviceArray) -> DeviceArray:
    return _broadcast(np.exp, x)


def log(x: DeviceArray) -> DeviceArray:
    return _broadcast(np.log, x)


def sqrt(x: DeviceArray) -> DeviceArray:
    return _broadcast(np.sqrt, x)


def abs(x: DeviceArray) -> DeviceArray:
    return _broadcast(np.absolute, x)


def tanh(x: DeviceArray) -> DeviceArray:
    return _broadcast(np.tanh, x)


def relu(x: DeviceArray) -> DeviceArray:
    zero = x.dtype.type(0)
    return _broadcast(lambda a, out: np.maximum(a, zero, out=out), x)


def scale(x: DeviceArray, factor: float) -> DeviceArray:
    number = x.dtype.type(factor)
    return _broadcast(lambda a, out: np.multiply(a, number, out=out), x)


def _sigmoid(x: np.ndarray, out: np.ndarray) -> None:
    """1 / (1 + e^-x) as (1 + tanh(x / 2)) / 2, which cannot overflow."""
    half = x.dtype.type(0.5)
    np.multiply(x, half, out=out)
    np.tanh(out, out=out)
    np.multiply(out, half, out=out)
    np.add(out, half, out=out)


def sigmoid(x: DeviceArray) -> DeviceArray:
    return _broadcast(_sigmoid, x)


def _pow_grad_base(dy: np.ndarray, x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
    out[...] = np.where(y == 0, 0, dy * y * np.power(x, y - 1))


def pow_grad_base(dy: DeviceArray, x: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _broadcast(_pow_grad_base, dy, x, y)


def _pow_grad_exponent(dy: np.ndarray, x: np.ndarray, z: np.ndarray, out: np.ndarray) -> None:
    out[...] = np.where(x == 0, 0, dy * z * np.log(x))


def pow_grad_exponent(dy: DeviceArray, x: DeviceArray, z: DeviceArray) -> DeviceArray:
    return _broadcast(_pow_grad_exponent, dy, x, z)


def _pairwise(loop: Callable[..., None], dy: DeviceArray, x: DeviceArray) -> DeviceArray:
    """Run loop(dy, x, dx) over flat parts; the result takes the order of x, whose gradient it is."""
    dx = new(x.shape, x.dtype, x.device, x.chwn)
    flat = stored(dy, x.chwn).reshape(-1), x.data.reshape(-1), dx.data.reshape(-1)
    size = flat[0].size
    if size < WORTH_THREADS:
        loop(*flat)
    else:
        parts = spans(size, PARTS)
        parallel(lambda part: loop(*(array[slice(*parts[part])] for array in flat)), len(parts))
    return dx


@jitted
def _relu_grad(dy, y, dx):
    """dx = dy where y is not 0, else 0."""
    for i in range(dy.size):
        dx[i] = dy.dtype.type(0) if y[i] == 0 else dy[i]


@jitted
def _tanh_grad(dy, y, dx):
    """dx = dy (1 - y^2)"""
    for i in range(dy.size):
        dx[i] = dy[i] * (1 - y[i] * y[i])


@jitted
def _sigmoid_grad(dy, y, dx):
    """dx = dy y (1 - y)"""
    for i in range(dy.size):
        dx[i] = dy[i] * y[i] * (1 - y[i])


@jitted
def _abs_grad(dy, x, dx):
    """dx = dy sign(x); at 0 that is dy times 0, at NaN NaN: infinities and NaN of either come through."""
    for i in range(dy.size):
        dx[i] = dy[i] if x[i] > 0 else (-dy[i] if x[i] < 0 else dy[i] * x[i])


def relu_grad(dy: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _pairwise(_relu_grad, dy, y)


def tanh_grad(dy: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _pairwise(_tanh_grad, dy, y)


def sigmoid_grad(dy: DeviceArray, y: DeviceArray) -> DeviceArray:
    return _pairwise(_sigmoid_grad, dy, y)


def abs_grad(dy: DeviceArray, x: DeviceArray) -> DeviceArray:
    return _pairwise(_abs_grad, dy, x)
