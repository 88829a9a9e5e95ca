"""Matrix products and the fully-connected layer."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from checks import assert_close, check_linear, check_operation, chwn, complains, gradients, leaves
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, moderate, seeds

import minigrad as mg
import minigrad.functional as F


def check_product(x: np.ndarray, y: np.ndarray, device: str) -> None:
    check_operation(operator.matmul, operator.matmul, [x, y], device, terms=operator.matmul)


@given(n=batches, k=st.integers(1, 4), m=st.integers(1, 4), seed=seeds)
def test_matrix_product(device: str, n: int, k: int, m: int, seed: int) -> None:
    check_product(moderate((n, k), seed), moderate((k, m), seed + 1), device)


@given(k=st.integers(1, 5), m=st.integers(1, 4), seed=seeds)
def test_products_with_vectors(device: str, k: int, m: int, seed: int) -> None:
    for left, right in (((k,), (k,)), ((m, k), (k,)), ((k,), (k, m))):
        check_product(moderate(left, seed), moderate(right, seed + 1), device)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_matrix_product(dtype: type, device: str) -> None:
    a, b = moderate((33, 130), 1), moderate((130, 65), 2)
    x, y = (mg.tensor(array.astype(dtype), device=device) for array in (a, b))
    assert_close(x @ y, a.astype(dtype).astype(np.float64) @ b.astype(dtype).astype(np.float64))


def test_matrix_product_of_misfits_complains() -> None:
    with complains("(2, 3)", "(2, 4)"):
        mg.zeros(2, 3) @ mg.zeros(2, 4)


def test_matrix_product_of_many_dims_complains() -> None:
    with complains("(2, 3, 4)"):
        mg.zeros(2, 3, 4) @ mg.zeros(4, 2)


def test_matrix_product_of_two_dtypes_complains() -> None:
    with complains("float32", "float64", error=TypeError):
        mg.zeros(2, 3) @ mg.zeros(3, 2, dtype=np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_passes_through_a_matrix_product(dtype: type, device: str) -> None:
    """0 * NaN and 0 * inf are NaN: no product may be skipped because a factor is zero."""
    for bad in (np.nan, np.inf):
        array = np.ones((20, 33), dtype)
        array[3, 7] = bad
        x, zeros = mg.tensor(array, device=device), mg.zeros(9, 33, device=device, dtype=dtype)
        for y in (x @ zeros.transpose(0, 1), F.linear(x, zeros)):
            assert np.isnan(y.numpy()[3]).all() and np.isfinite(np.delete(y.numpy(), 3, axis=0)).all()


@given(n=batches, features=st.integers(1, 5), outputs=st.integers(1, 4), bias=st.booleans(), seed=seeds)
def test_linear(device: str, n: int, features: int, outputs: int, bias: bool, seed: int) -> None:
    shapes = [(n, features), (outputs, features)] + [(outputs,)] * bias
    check_linear([moderate(shape, seed + number) for number, shape in enumerate(shapes)], device)


@pytest.mark.parametrize("n", [1, 17, 130])
@pytest.mark.parametrize("features, outputs", [(300, 70), (70, 300), (33, 10)])
def test_layers_large_enough_to_be_shared_out(n: int, features: int, outputs: int, device: str) -> None:
    arrays = [moderate((n, features), 1), moderate((outputs, features), 2), moderate((outputs,), 3)]
    x, weight, bias = arrays = [array.astype(np.float32).astype(np.float64) for array in arrays]
    cotangent = moderate((n, outputs), 4).astype(np.float32).astype(np.float64)
    truth = cotangent @ weight, cotangent.T @ x, cotangent.sum(0)
    for dtype in (np.float32, np.float64):
        for order in (lambda t: t, chwn):
            tensors = leaves(arrays, device, dtype)
            assert_close(F.linear(order(tensors[0]), *tensors[1:]), x @ weight.T + bias)
            found = gradients(lambda a, w, b, order=order: F.linear(order(a), w, b), tensors, cotangent)
            for number, (grad, exact) in enumerate(zip(found, truth, strict=True)):
                assert_close(grad, exact, f"gradient of input {number}")


def test_linear_takes_what_lies_before_the_features(device: str) -> None:
    x, weight, bias = moderate((2, 3, 4), 1), moderate((5, 4), 2), moderate((5,), 3)
    check_operation(F.linear, lambda a, w, b: a @ w.T + b, [x, weight, bias], device)
    check_operation(F.linear, lambda a, w, b: a @ w.T + b, [x[0, 0], weight, bias], device)


def test_linear_complains_about_shapes_and_dtypes() -> None:
    with complains("linear", "(2, 3)", "(5, 4)"):
        F.linear(mg.zeros(2, 3), mg.zeros(5, 4))
    with complains("linear", "bias"):
        F.linear(mg.zeros(2, 3), mg.zeros(5, 3), mg.zeros(4))
    with complains("linear", "float32", "float64", error=TypeError):
        F.linear(mg.zeros(2, 3), mg.zeros(5, 3, dtype=np.float64))


def test_a_batch_of_nothing(device: str) -> None:
    weight = mg.ones(3, 4, device=device, requires_grad=True)
    for x in (mg.zeros(0, 4, device=device), F.avg_pool2d(mg.zeros(0, 4, 1, 1, device=device), 1).flatten(1)):
        y = F.linear(x, weight, mg.ones(3, device=device))
        assert y.shape == (0, 3)
        weight.grad = None
        y.sum().backward()
        assert weight.grad is not None and not weight.grad.numpy().any()
