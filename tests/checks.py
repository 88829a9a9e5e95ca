"""The checks behind the tests of operations, as plain functions: the tests call them on drawn cases, and
`test_mutants.py` calls them on broken primitives and gradients to see that they fail.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from definitions import (
    avg_pool2d,
    conv2d,
    cross_entropy,
    linear,
    local_response_norm,
    locally_connected2d,
    max_pool2d,
    within_map_response_norm,
)
from strategies import ConvCase, PoolCase, moderate

import minigrad as mg
import minigrad.functional as F
from minigrad import optim

# Of the largest value in the expected array, or of the sum of each value's terms: float64 sums differ in their last
# bits, float32 ones by a few roundings.
FLOAT64_TOLERANCE = 1e-10
FLOAT32_TOLERANCE = 2e-5

USER_ERRORS = (ValueError, TypeError, IndexError, RuntimeError)

Operation = Callable[..., mg.Tensor]


def chwn(x: mg.Tensor) -> mg.Tensor:
    """The same tensor, its axis 0 stored last: what a pooling over windows of one pixel returns."""
    if len(x.shape) < 2:
        return x
    return F.avg_pool2d(x.reshape(x.shape[0], -1, 1, 1), 1).reshape(*x.shape)


def memory_orders(count: int) -> list[tuple[bool, ...]]:
    """Which of `count` inputs come in CHWN order: none, all, and each alone."""
    alone = [tuple(number == other for other in range(count)) for number in range(count)] if count > 1 else []
    return [(False,) * count, (True,) * count, *alone]


def in_orders(operation: Operation, orders: Sequence[bool]) -> Operation:
    """The operation on its inputs after those marked in `orders` have been laid out in CHWN order."""

    def reordered(*tensors: mg.Tensor) -> mg.Tensor:
        return operation(*(chwn(t) if order else t for t, order in zip(tensors, orders, strict=True)))

    return reordered


def assert_close(
    actual: mg.Tensor,
    expected: np.ndarray,
    what: str = "value",
    *,
    scale: float = 0.0,
    terms: np.ndarray | None = None,
) -> None:
    """Shape and values, to a tolerance that follows from the dtype and the largest of what is expected and `scale`.

    `terms` holds for each value the sum of the absolute values of the terms that it is the sum of: the tolerance then
    follows from that. Terms that cancel leave their rounding errors behind, whatever is left of themselves.
    """
    found = actual.numpy()
    assert actual.shape == tuple(np.shape(expected)), f"{what}: shape {actual.shape}, expected {np.shape(expected)}"
    assert found.shape == actual.shape and found.dtype == actual.dtype and found.flags.c_contiguous
    tolerance = {np.dtype(np.float64): FLOAT64_TOLERANCE, np.dtype(np.float32): FLOAT32_TOLERANCE}[found.dtype]
    if terms is None:
        scale = float(np.max(np.abs(expected), initial=scale, where=np.isfinite(expected)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale, err_msg=what)
    else:
        within = np.abs(found - expected) <= tolerance * terms
        assert within.all(), f"{what}: {found[~within]}, expected {np.asarray(expected)[~within]}"


def leaves(
    arrays: Sequence[np.ndarray], device: str, dtype: type = np.float64, requires_grad: bool = True
) -> list[mg.Tensor]:
    return [mg.tensor(array.astype(dtype), device=device, requires_grad=requires_grad) for array in arrays]


def gradients(operation: Operation, tensors: Sequence[mg.Tensor], cotangent: np.ndarray) -> list[mg.Tensor]:
    """The gradient of each input along the cotangent."""
    y = operation(*tensors)
    y.backward(mg.tensor(cotangent.astype(y.dtype), device=str(y.device)))
    return [tensor.grad for tensor in tensors]


def check_operation(
    operation: Operation,
    definition: Callable[..., np.ndarray],
    arrays: Sequence[np.ndarray],
    device: str,
    *,
    orders: Sequence[tuple[bool, ...]] | None = None,
    scale: float = 0.0,
    terms: Callable[..., np.ndarray] | None = None,
) -> None:
    """Value and gradients of an operation, in float64 and float32 and for inputs in every memory order.

    Values are held against the definition; float64 gradients against differences (`gradcheck` draws the cotangents; one
    direction has to do on other devices than the CPU); the gradients of every other order and dtype against those first
    ones, along a cotangent drawn here. `scale` is the size of numbers that occur on the way and cancel.

    `terms` is for operations that add products and quotients of their inputs: what they are if every term is positive,
    as a function of the inputs' absolute values. The gradients are such sums too, and the operation says theirs.
    """
    expected = definition(*arrays)
    cotangent = np.random.default_rng(99).uniform(-2, 2, np.shape(expected))
    truth = [grad.numpy() for grad in gradients(operation, leaves(arrays, device), cotangent)]
    value_terms: np.ndarray | None = None
    gradient_terms: list[np.ndarray | None] = [None] * len(arrays)
    if terms:
        sizes = [np.abs(array) for array in arrays]
        value_terms = terms(*sizes)
        found = gradients(operation, leaves(sizes, "cpu:0"), np.abs(cotangent))
        gradient_terms = [np.abs(grad.numpy()) for grad in found]
    for order in orders or memory_orders(len(arrays)):
        ordered = in_orders(operation, order)
        for dtype in (np.float64, np.float32):
            tensors = leaves(arrays, device, dtype)
            y = ordered(*tensors)
            assert y.dtype == dtype and str(y.device) == device and y.requires_grad
            assert_close(y, expected, scale=scale, terms=value_terms)
            for number, grad in enumerate(gradients(ordered, tensors, cotangent)):
                assert grad.dtype == dtype and str(grad.device) == device
                what = f"gradient of input {number}, CHWN: {order}"
                assert_close(grad, truth[number], what, scale=scale, terms=gradient_terms[number])
    if device.startswith("cpu"):
        mg.gradcheck(operation, leaves(arrays, device))
    else:
        check_along_one_direction(operation, arrays, cotangent, truth, device)


def check_along_one_direction(
    operation: Operation,
    arrays: Sequence[np.ndarray],
    cotangent: np.ndarray,
    gradients: Sequence[np.ndarray],
    device: str,
) -> None:
    """One difference an input: enough where the formula has passed gradcheck on another device, and much faster."""
    step, random = 1e-6, np.random.default_rng(98)
    for number, gradient in enumerate(gradients):
        direction = random.uniform(-1, 1, gradient.shape)
        ends = []
        for sign in (1, -1):
            moved = [array + sign * step * direction if n == number else array for n, array in enumerate(arrays)]
            with mg.no_grad():
                ends.append(np.sum(cotangent * operation(*leaves(moved, device, requires_grad=False)).numpy()))
        said, found = np.sum(gradient * direction), (ends[0] - ends[1]) / (2 * step)
        assert abs(said - found) <= 1e-6 + 1e-5 * abs(found), f"gradient of input {number} along a direction"


@contextmanager
def complains(
    *words: str, error: type[Exception] | tuple[type[Exception], ...] = USER_ERRORS
) -> Iterator[pytest.ExceptionInfo[Exception]]:
    """One sentence on one line is raised, with all of `words` in it."""
    with pytest.raises(error) as caught:
        yield caught
    assert not isinstance(caught.value, NotImplementedError | RecursionError)
    message = str(caught.value.args[0])
    assert "\n" not in message and len(message.split()) >= 4, f"not a sentence: {message!r}"
    for word in words:
        assert word in message, f"{word!r} is missing from: {message}"


def check_conv2d(case: ConvCase, device: str) -> None:
    def operation(x: mg.Tensor, weight: mg.Tensor, bias: mg.Tensor | None = None) -> mg.Tensor:
        return F.conv2d(x, weight, bias, case.stride, case.padding, groups=case.groups)

    def definition(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        return conv2d(x, weight, bias, case.stride, case.padding, case.groups)

    arrays = case.arrays()
    orders = [(False,) * len(arrays), (True, False, False)[: len(arrays)]]
    check_operation(operation, definition, arrays, device, orders=orders, terms=definition)


def check_locally_connected2d(case: ConvCase, device: str) -> None:
    def operation(x: mg.Tensor, weight: mg.Tensor, bias: mg.Tensor | None = None) -> mg.Tensor:
        return F.locally_connected2d(x, weight, bias, case.stride, case.padding, case.groups)

    def definition(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
        return locally_connected2d(x, weight, bias, case.stride, case.padding, case.groups)

    arrays = case.local_arrays()
    orders = [(False,) * len(arrays), (True, False, False)[: len(arrays)]]
    check_operation(operation, definition, arrays, device, orders=orders, terms=definition)


def check_max_pool2d(case: PoolCase, x: np.ndarray, device: str) -> None:
    """x must hold values far apart: its maxima may not change within a step of a difference quotient."""
    check_operation(
        lambda t: F.max_pool2d(t, *case.arguments[:3], ceil_mode=case.ceil_mode),
        lambda a: max_pool2d(a, *case.arguments),
        [x],
        device,
    )


def check_avg_pool2d(case: PoolCase, x: np.ndarray, count_include_pad: bool, device: str) -> None:
    def definition(a: np.ndarray) -> np.ndarray:
        return avg_pool2d(a, *case.arguments, count_include_pad)

    check_operation(
        lambda t: F.avg_pool2d(t, *case.arguments, count_include_pad), definition, [x], device, terms=definition
    )


def check_local_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float, device: str) -> None:
    check_operation(
        lambda t: F.local_response_norm(t, size, alpha, beta, k),
        lambda a: local_response_norm(a, size, alpha, beta, k),
        [x],
        device,
    )


def check_within_map_response_norm(x: np.ndarray, size: int, alpha: float, beta: float, k: float, device: str) -> None:
    check_operation(
        lambda t: F.within_map_response_norm(t, size, alpha, beta, k),
        lambda a: within_map_response_norm(a, size, alpha, beta, k),
        [x],
        device,
    )


def check_cross_entropy(logits: np.ndarray, targets: np.ndarray, reduction: str, device: str) -> None:
    labels = mg.tensor(targets, device=device)
    check_operation(
        lambda t: F.cross_entropy(t, labels, reduction=reduction),
        lambda a: cross_entropy(a, targets, reduction),
        [logits],
        device,
        scale=float(np.abs(logits).max()),
    )


def dropout_mask(shape: tuple[int, ...], p: float, seed: int, device: str) -> np.ndarray:
    """Which values the next dropout after `manual_seed(seed)` keeps, read off its effect on ones."""
    mg.manual_seed(seed)
    return F.dropout(mg.ones(*shape, device=device), p).numpy() != 0


def check_dropout(x: np.ndarray, p: float, training: bool, scale_at: str, seed: int, device: str) -> None:
    """x must not hold zeros: they would look dropped."""
    kept = dropout_mask(x.shape, p, seed, device)

    def operation(t: mg.Tensor) -> mg.Tensor:
        mg.manual_seed(seed)
        return F.dropout(t, p, training, scale_at=scale_at)

    def definition(a: np.ndarray) -> np.ndarray:
        if training:
            return np.where(kept, a, 0) / (1 - p if scale_at == "train" else 1)
        return a if scale_at == "train" else a * (1 - p)

    check_operation(operation, definition, [x], device)


def check_sum(x: np.ndarray, dim: int | tuple[int, ...] | None, keepdim: bool, device: str) -> None:
    def definition(a: np.ndarray) -> np.ndarray:
        return a.sum(axis=dim, keepdims=keepdim and dim is not None)

    check_operation(lambda t: t.sum(dim, keepdim), definition, [x], device, terms=definition)


def check_mean(x: np.ndarray, dim: int | tuple[int, ...] | None, keepdim: bool, device: str) -> None:
    def definition(a: np.ndarray) -> np.ndarray:
        return a.mean(axis=dim, keepdims=keepdim and dim is not None)

    check_operation(lambda t: t.mean(dim, keepdim), definition, [x], device, terms=definition)


def check_broadcast_multiply(x: np.ndarray, y: np.ndarray, device: str) -> None:
    check_operation(lambda s, t: s * t, np.multiply, [x, y], device, terms=np.multiply)


def check_linear(arrays: Sequence[np.ndarray], device: str) -> None:
    """arrays: x, weight and perhaps a bias."""
    orders = [(False,) * len(arrays), (True, False, False)[: len(arrays)]]
    check_operation(F.linear, linear, arrays, device, orders=orders, terms=linear)


def check_indexing(x: np.ndarray, index: Any, device: str) -> None:
    """What an index takes, as in NumPy, and its gradient."""
    check_operation(lambda t: t[index], lambda a: a[index], [x], device)


def check_extreme(name: str, x: np.ndarray, dim: int, keepdim: bool, device: str) -> None:
    """`max` or `min` along an axis, with its gradient, and where the values stand."""
    check_operation(
        lambda t: getattr(t, name)(dim, keepdim)[0],
        lambda a: getattr(a, name)(axis=dim, keepdims=keepdim),
        [x],
        device,
    )
    for order in (lambda t: t, chwn):
        indices = getattr(order(mg.tensor(x, device=device, requires_grad=True)), name)(dim, keepdim)[1]
        assert indices.dtype == np.int64 and not indices.requires_grad
        np.testing.assert_array_equal(indices.numpy(), getattr(x, f"arg{name}")(axis=dim, keepdims=keepdim))


def check_sgd(
    shape: tuple[int, ...],
    dtype: type,
    lr: float,
    momentum: float,
    weight_decay: float,
    seed: int,
    device: str,
    chwn: bool = False,
) -> None:
    """Five steps with gradients and rates that change: the rate inside the momentum shows where the rate changes."""
    w, v = moderate(shape, seed), np.zeros(shape)
    parameter = mg.tensor(w.astype(dtype), device=device, requires_grad=True)
    parameter.array = parameter.device.backend.reorder(parameter.array, chwn)
    optimizer = optim.SGD([parameter], lr, momentum, weight_decay=weight_decay)
    for step in range(5):
        rate = lr / (1 + step)
        optimizer.param_groups[0]["lr"] = rate
        g = moderate(shape, seed + step)
        optimizer.zero_grad()
        (parameter * mg.tensor(g.astype(dtype), device=device)).sum().backward()
        optimizer.step()
        v = momentum * v - weight_decay * rate * w - rate * g  # the paper's rule, section 5
        w = w + v
        assert_close(parameter, w)


def check_adam(
    shape: tuple[int, ...],
    dtype: type,
    settings: dict[str, Any],
    seed: int,
    device: str,
    chwn: bool = False,
) -> None:
    """Five steps with gradients that change, against the rule in NumPy."""
    lr, (beta1, beta2) = settings.get("lr", 1e-3), settings.get("betas", (0.9, 0.999))
    eps, decay = settings.get("eps", 1e-8), settings.get("weight_decay", 0)
    w, m, v = moderate(shape, seed), np.zeros(shape), np.zeros(shape)
    parameter = mg.tensor(w.astype(dtype), device=device, requires_grad=True)
    parameter.array = parameter.device.backend.reorder(parameter.array, chwn)
    optimizer = optim.Adam([parameter], **settings)
    for step in range(1, 6):
        g = moderate(shape, seed + step)
        optimizer.zero_grad()
        (parameter * mg.tensor(g.astype(dtype), device=device)).sum().backward()
        optimizer.step()
        g = g + decay * w  # the algorithm of the paper, with the decay of PyTorch
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w = w - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step)) + eps)
        assert_close(parameter, w)
    kept = optimizer.state_dict()["state"][0]
    assert kept["step"] == 5
    assert_close(kept["exp_avg"], m)
    assert_close(kept["exp_avg_sq"], v)


def notebook(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed from here on, as if to a notebook's kernel, which is no terminal."""

    class Stream(io.StringIO):
        __module__ = "ipykernel.iostream"

    stream = Stream()
    monkeypatch.setattr("sys.stdout", stream)
    return stream
