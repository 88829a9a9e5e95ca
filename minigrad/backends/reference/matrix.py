"""Matrix products."""

from __future__ import annotations

from minigrad.backends.reference.primitive import Array, primitive


@primitive
def matmul(x: Array, y: Array, transpose_x: bool, transpose_y: bool) -> Array:
    """z[i, j] = sum over d of x[i, d] y[d, j], each matrix transposed first or not"""
    return (x.T if transpose_x else x) @ (y.T if transpose_y else y)


@primitive
def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """y[n, o] = sum over d of x[n, d] weight[o, d], plus bias[o]: a fully-connected layer"""
    y = x @ weight.T
    return y if bias is None else y + bias


@primitive
def linear_grad_input(dy: Array, weight: Array) -> Array:
    """dx[n, d] = sum over o of dy[n, o] weight[o, d]"""
    return dy @ weight


@primitive
def linear_grad_weight(dy: Array, x: Array) -> Array:
    """dweight[o, d] = sum over n of dy[n, o] x[n, d]"""
    return dy.T @ x
