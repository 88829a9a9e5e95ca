"""+ - * / ** and the elementwise functions: values, broadcasting, dtypes, gradients, edges."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest
from checks import assert_close, check_broadcast_multiply, check_operation, chwn, complains, leaves, memory_orders
from hypothesis import given
from hypothesis import strategies as st
from strategies import apart, arrays, batch_shapes, broadcastable_pairs, moderate, positive, seeds, shapes

import minigrad as mg
import minigrad.functional as F

BINARY = {
    "add": (operator.add, moderate, moderate),
    "sub": (operator.sub, moderate, moderate),
    "div": (operator.truediv, moderate, positive),
    "pow": (operator.pow, positive, moderate),
}
ALL_BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
# What bounds the rounding errors of those whose terms, or those of their gradients, may cancel.
TERMS = {operator.add: operator.add, operator.sub: operator.add, operator.truediv: operator.truediv}
UNARY = {
    "neg": (operator.neg, operator.neg, moderate),
    "exp": (lambda x: x.exp(), np.exp, moderate),
    "log": (lambda x: x.log(), np.log, positive),
    "abs": (lambda x: x.abs(), np.abs, apart),
    "builtin abs": (abs, np.abs, apart),
    "relu": (F.relu, lambda a: np.maximum(a, 0), apart),
    "tanh": (F.tanh, np.tanh, moderate),
    "sigmoid": (F.sigmoid, lambda a: 1 / (1 + np.exp(-a)), moderate),
}
any_shape = st.one_of(shapes(), batch_shapes())


def check_binary(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int, device: str) -> None:
    operation, first, second = BINARY[name]
    x, y = first(shapes[0], seed), second(shapes[1], seed + 1)
    scale = float(np.max(x**y)) if name == "pow" else 0.0  # its gradients have x^y log(x), of either sign
    check_operation(operation, operation, [x, y], device, terms=TERMS.get(operation), scale=scale)


@pytest.mark.parametrize("name", BINARY)
@given(pair=broadcastable_pairs(), seed=seeds)
def test_binary_operations_broadcast(
    name: str, device: str, pair: tuple[tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    check_binary(name, pair, seed, device)


@given(pair=broadcastable_pairs(), seed=seeds)
def test_mul_broadcasts(device: str, pair: tuple[tuple[int, ...], tuple[int, ...]], seed: int) -> None:
    check_broadcast_multiply(moderate(pair[0], seed), moderate(pair[1], seed + 1), device)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shapes", [((17, 3, 2, 2), (3, 1, 1)), ((17, 4), (4,)), ((17, 4), (17, 1)), ((1, 5), (17, 5))])
def test_binary_operations_on_a_batch(name: str, device: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """A value per channel, per feature or per image, against batches in every memory order."""
    check_binary(name, shapes, 1, device)


@pytest.mark.parametrize("name", UNARY)
@given(shape=any_shape, seed=seeds)
def test_elementwise_functions(name: str, device: str, shape: tuple[int, ...], seed: int) -> None:
    operation, definition, values = UNARY[name]
    # log(1 + e) is e: an error of the argument stays what it is, however small the logarithm.
    terms = (lambda a: np.abs(np.log(a)) + 1) if name == "log" else None
    check_operation(operation, definition, [values(shape, seed)], device, terms=terms)


@pytest.mark.parametrize("operation", ALL_BINARY)
@pytest.mark.parametrize("number", [2, 0.5, -1.25])
@given(x=arrays(any_shape, positive))
def test_python_number_on_the_right(
    operation: Callable[..., mg.Tensor], number: float, device: str, x: np.ndarray
) -> None:
    terms = (lambda a: a + abs(number)) if operation in (operator.add, operator.sub) else None
    check_operation(lambda t: operation(t, number), lambda a: operation(a, number), [x], device, terms=terms)


@pytest.mark.parametrize("operation", ALL_BINARY)
@pytest.mark.parametrize("number", [2, 0.5])
@given(x=arrays(any_shape, positive))
def test_python_number_on_the_left(
    operation: Callable[..., mg.Tensor], number: float, device: str, x: np.ndarray
) -> None:
    terms = (lambda a: a + abs(number)) if operation in (operator.add, operator.sub) else None
    check_operation(lambda t: operation(number, t), lambda a: operation(number, a), [x], device, terms=terms)


@given(x=arrays(any_shape))
def test_square_of_negative_numbers(device: str, x: np.ndarray) -> None:
    check_operation(lambda t: t**2, lambda a: a**2, [x], device)
    check_operation(lambda t: t**3, lambda a: a**3, [x], device)


def test_powers_of_zero_have_finite_gradients(device: str) -> None:
    for exponent, slope in ((0, 0), (1, 1), (2, 0)):
        x = mg.tensor(np.zeros(1), device=device, requires_grad=True)
        (x**exponent).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [slope])


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv])
def test_numpy_array_meets_tensor(operation: Callable[..., mg.Tensor], device: str) -> None:
    """A tensor on the right of an array must not be taken apart element by element by NumPy."""
    array = np.array([1.0, 2.0])
    x = mg.tensor(np.array([4.0, 5.0]), device=device)
    try:
        result = operation(array, x)
    except TypeError:
        return
    assert isinstance(result, mg.Tensor)
    assert_close(result, operation(array, np.array([4.0, 5.0])))


@pytest.mark.parametrize("operation", ALL_BINARY)
def test_shapes_that_do_not_broadcast_complain(operation: Callable[..., mg.Tensor]) -> None:
    with complains("(2, 3)", "(2,)"):
        operation(mg.ones(2, 3), mg.ones(2))


@pytest.mark.parametrize("operation", [operator.add, operator.mul, operator.truediv])
@pytest.mark.parametrize("other", ["a", None, [1.0, 2.0, 3.0, 4.0], object()])
def test_other_things_are_refused(operation: Callable[..., mg.Tensor], other: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        operation(mg.ones(2), other)


DTYPES = [
    (np.float32, np.float32, np.float32),
    (np.float64, np.float64, np.float64),
    (np.float32, np.float64, np.float64),
    (np.int64, np.int64, np.int64),
    (np.int64, np.float64, np.float64),
]


@pytest.mark.parametrize("left, right, result", DTYPES)
def test_dtype_of_two_tensors(left: type, right: type, result: type, device: str) -> None:
    a, b = np.array([3, 4], left), np.array([5, 6], right)
    for x, y, expected in ((a, b, a + b), (b, a, b + a)):
        z = mg.tensor(x, device=device) + mg.tensor(y, device=device)
        assert z.dtype == result
        np.testing.assert_array_equal(z.numpy(), expected)


def test_gradient_of_mixed_dtypes_goes_back_in_each_dtype(device: str) -> None:
    x = mg.tensor(np.array([1.5, 2.0], np.float32), device=device, requires_grad=True)
    y = mg.tensor(np.array([0.5, 3.0]), device=device, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype == np.float32 and y.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad.numpy(), [0.5, 3])
    np.testing.assert_array_equal(y.grad.numpy(), [1.5, 2])


@pytest.mark.parametrize("dtype, number, result", [
    (np.float32, 2, np.float32),
    (np.float32, 2.5, np.float32),
    (np.float32, 1e-12, np.float32),
    (np.float64, 2.5, np.float64),
    (np.int64, 2, np.int64),
    (np.int64, 2.5, np.float32),
])  # fmt: skip
def test_python_number_takes_the_dtype_it_meets(dtype: type, number: float, result: type, device: str) -> None:
    x = mg.tensor(np.array([1, 2], dtype), device=device)
    for y in (x + number, number + x, x * number, number * x, x - number, number - x):
        assert y.dtype == result
    np.testing.assert_allclose((x * number).numpy(), np.array([1, 2]) * number, rtol=1e-6)


def test_integer_arithmetic(device: str) -> None:
    x = mg.tensor(np.array([5, -7], np.int64), device=device)
    assert (x * 3 - 1).dtype == np.int64
    np.testing.assert_array_equal((x * 3 - 1).numpy(), [14, -22])
    np.testing.assert_array_equal((-x).numpy(), [-5, 7])
    np.testing.assert_array_equal((x / 2).numpy(), [2.5, -3.5])


def test_float64_numbers_are_not_rounded_to_float32(device: str) -> None:
    x = mg.tensor(np.array([1.0]), device=device)
    assert (x + 0.1).item() == 1.1 and (x * 0.1).item() == 0.1 and (0.1 / x).item() == 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_tanh_far_out_are_flat_and_finite(dtype: type, device: str) -> None:
    x = mg.tensor(np.array([-1e4, -100, 100, 1e4], dtype), device=device, requires_grad=True)
    (F.sigmoid(x) + F.tanh(x)).sum().backward()
    np.testing.assert_allclose(F.sigmoid(x).numpy(), [0, 0, 1, 1], atol=1e-30)
    np.testing.assert_array_equal(F.tanh(x).numpy(), [-1, -1, 1, 1])
    np.testing.assert_allclose(x.grad.numpy(), 0, atol=1e-30)


def test_gradient_of_abs_at_nan_is_nan(device: str) -> None:
    x = mg.tensor(np.array([np.nan, -2.0, 0.0]), device=device, requires_grad=True)
    x.abs().sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [np.nan, -1, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_and_infinity_pass_through(dtype: type, device: str) -> None:
    array = np.array([np.nan, np.inf, -np.inf, -1, 2], dtype)
    x = mg.tensor(array, device=device)
    np.testing.assert_array_equal(F.relu(x).numpy(), [np.nan, np.inf, 0, 0, 2])
    np.testing.assert_array_equal((-x).numpy(), -array)
    np.testing.assert_array_equal(x.abs().numpy(), np.abs(array))
    np.testing.assert_array_equal((x * 0).numpy(), [np.nan, np.nan, np.nan, 0, 0])
    np.testing.assert_array_equal(F.tanh(x).numpy(), np.tanh(array))


def test_relu_gradient_at_zero_is_zero(device: str) -> None:
    x = mg.tensor(np.array([0.0, -0.0, 1.0]), device=device, requires_grad=True)
    F.relu(x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 1])


@pytest.mark.parametrize("name", [*BINARY, "mul"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_large_enough_to_be_shared_out(name: str, dtype: type, device: str) -> None:
    operation = operator.mul if name == "mul" else BINARY[name][0]
    a, b = (positive((37, 12, 10, 9), seed).astype(dtype) for seed in (1, 2))
    small = positive((12, 1, 1), 3).astype(dtype)
    for second in (b, small):
        for orders in memory_orders(2)[: 4 if second is b else 2]:
            x, y = mg.tensor(a, device=device), mg.tensor(second, device=device)
            z = operation(chwn(x) if orders[0] else x, chwn(y) if orders[1] and second is b else y)
            assert_close(z, operation(a.astype(np.float64), second.astype(np.float64)))


@pytest.mark.parametrize("name", ["exp", "log", "tanh", "sigmoid", "relu", "abs", "neg"])
def test_functions_of_large_arrays(name: str, device: str) -> None:
    """Their gradients against those of a small part, which is checked by differences above."""
    function, definition, values = UNARY[name]
    array = values((37, 12, 10, 9), 1)
    for order in (lambda t: t, chwn):
        x = mg.tensor(array, device=device, requires_grad=True)
        y = function(order(x))
        assert_close(y, definition(array))
        y.backward(mg.tensor(np.full(array.shape, 2.0), device=device))
        (part,) = leaves([array[:2, :3]], device)
        function(part).backward(mg.tensor(np.full((2, 3, 10, 9), 2.0), device=device))
        np.testing.assert_allclose(x.grad.numpy()[:2, :3], part.grad.numpy(), rtol=1e-12)


def test_numpy_scalars_are_numbers(device: str) -> None:
    x = mg.tensor([1.0, 2.0], device=device)
    for y in (np.float64(2) * x, x * np.float64(2), np.int64(2) * x):
        assert isinstance(y, mg.Tensor) and y.dtype == np.float32
        np.testing.assert_array_equal(y.numpy(), [2, 4])


def test_overflow_is_infinite_without_a_warning(device: str) -> None:
    x = mg.tensor(np.array([1e4, 3e38], np.float32), device=device)
    np.testing.assert_array_equal(x.exp().numpy(), [np.inf, np.inf])
    np.testing.assert_array_equal((x * 1e30).numpy()[1:], [np.inf])
    assert np.isnan((-x).log().numpy()).all()
    np.testing.assert_array_equal(mg.tensor(np.array([1e300]), device=device).to(np.float32).numpy(), [np.inf])


def test_division_by_zero_is_ieee(device: str) -> None:
    x = mg.tensor(np.array([1.0, -1.0, 0.0]), device=device)
    np.testing.assert_array_equal((x / 0).numpy(), [np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal((x - x).log().numpy(), [-np.inf] * 3)
