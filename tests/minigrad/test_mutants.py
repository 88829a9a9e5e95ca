"""The suite proved: primitives and gradients broken on purpose, each of which the suite's own checks must notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks import (
    check_adam,
    check_avg_pool2d,
    check_broadcast_multiply,
    check_conv2d,
    check_cross_entropy,
    check_dropout,
    check_extreme,
    check_indexing,
    check_linear,
    check_local_response_norm,
    check_locally_connected2d,
    check_max_pool2d,
    check_operation,
    check_sgd,
    check_sum,
    check_within_map_response_norm,
)
from parity import CASES, check_primitive
from strategies import ConvCase, PoolCase, apart, moderate

import minigrad as mg
import minigrad.functional as F
from minigrad.arrays import DeviceArray
from minigrad.backends import cpu
from minigrad.ops import activation, arithmetic, convolution, dropout, reduction

Patch = Callable[[pytest.MonkeyPatch], None]

GROUPED = ConvCase((2, 4, 4, 4), (4, 2, 3, 2), 1, (1, 0, 0, 2), 2, True, 0)
STRIDED = ConvCase((2, 2, 6, 5), (3, 2, 3, 2), (2, 1), 1, 1, True, 0)
OVERLAPPING = PoolCase((3, 2, 7, 7), 3, 2, 0, False, 0)
PADDED = PoolCase((3, 2, 5, 5), 3, 2, 1, False, 0)


def changed(x: DeviceArray, change: Callable[[np.ndarray], np.ndarray]) -> DeviceArray:
    """A copy of x with its values, as an array on the host, changed; in the same memory order."""
    return cpu.reorder(cpu.from_host(np.ascontiguousarray(change(cpu.to_host(x))), x.device), x.chwn)


def replaced(name: str, broken: Callable[..., Any]) -> Patch:
    """The primitive of that name replaced by `broken`, which gets the right primitive as its first argument."""
    primitive = getattr(cpu, name)
    return lambda patch: patch.setattr(cpu, name, lambda *arguments: broken(primitive, *arguments))


def backward(function: type, broken: Callable[..., Any]) -> Patch:
    """The Function's backward replaced by `broken`, which gets the right backward as its first argument."""
    right = function.backward
    return lambda patch: patch.setattr(function, "backward", lambda self, dy: broken(right, self, dy))


def gradient_with_other_mask(right: Callable[..., DeviceArray], self: dropout.Dropout, dy: DeviceArray) -> DeviceArray:
    p, scale, seed, counter, first = self.arguments
    return cpu.dropout(dy, p, scale, seed, counter + 1, first)


def sum_along_the_other_axis(right: Callable[..., DeviceArray], self: reduction.Sum, dy: DeviceArray) -> DeviceArray:
    return cpu.broadcast_to(dy, self.shape)


def first_instead_of_sum(dy: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    front = dy.ndim - len(shape)
    sides = (1,) * front + shape
    index = tuple(slice(0, 1) if n == 1 else slice(None) for n in sides)
    return cpu.reshape(cpu.getitem(dy, index), shape)


def last_instead_of_sum(
    primitive: Callable[..., DeviceArray], dy: DeviceArray, indices: DeviceArray, shape: tuple[int, ...], axis: int
) -> DeviceArray:
    dx = cpu.full(shape, 0, dy.dtype, dy.device)
    dx.data[(slice(None),) * axis + (indices.data,)] = cpu.to_host(dy)
    return dx


def blind_to_order(primitive: Callable[..., DeviceArray], x: DeviceArray, y: DeviceArray) -> DeviceArray:
    """Elements paired as they lie in memory, which is right as long as both arrays have one order."""
    if x.shape == y.shape and x.chwn != y.chwn:
        y = DeviceArray(y.data.reshape(x.data.shape), x.shape, y.dtype, y.device, x.chwn)
    return primitive(x, y)


def imprecise_in_float32(primitive: Callable[..., DeviceArray], *arguments: Any) -> DeviceArray:
    y = primitive(*arguments)
    return changed(y, lambda a: a * 1.001) if y.dtype == np.float32 else y


def without_subtraction(
    primitive: Callable[..., DeviceArray], dy: DeviceArray, p: DeviceArray, _: DeviceArray
) -> DeviceArray:
    return cpu.mul(cpu.reshape(dy, (dy.shape[0], 1)), p)


def rate_outside_momentum(
    primitive: Callable[..., DeviceArray],
    w: DeviceArray,
    g: DeviceArray,
    v: DeviceArray,
    lr: float,
    momentum: float,
    decay: float,
) -> DeviceArray:
    """PyTorch's rule: v <- momentum v + g + decay w; w <- w - lr v."""
    v.data[...] = momentum * v.data + g.data + decay * w.data
    return cpu.sub(w, cpu.scale(v, lr))


def decay_outside_the_means(
    primitive: Callable[..., DeviceArray],
    w: DeviceArray,
    g: DeviceArray,
    m: DeviceArray,
    v: DeviceArray,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    decay: float,
    step: int,
) -> DeviceArray:
    """The rule of AdamW: w <- (1 - lr decay) w before the step."""
    return primitive(cpu.scale(w, 1 - lr * decay), g, m, v, lr, betas, eps, 0.0, step)


# What is broken, how, and the check that must see it.
MUTANTS: dict[str, tuple[Patch, Callable[[], None]]] = {
    "gradient with the wrong sign": (
        backward(activation.Tanh, lambda right, self, dy: cpu.neg(right(self, dy))),
        lambda: check_operation(F.tanh, np.tanh, [moderate((3, 2), 0)], "cpu:0"),
    ),
    "relu's gradient passes everything": (
        replaced("relu_grad", lambda primitive, dy, y: cpu.scale(dy, 1.0)),
        lambda: check_operation(F.relu, lambda a: np.maximum(a, 0), [apart((3, 2), 0)], "cpu:0"),
    ),
    "normalisation misses a channel of its window": (
        replaced("local_response_norm", lambda primitive, x, n, a, b, k: primitive(x, n - 1, a * (n - 1) / n, b, k)),
        lambda: check_local_response_norm(moderate((2, 6, 2, 1), 0), 5, 1.0, 0.75, 2.0, "cpu:0"),
    ),
    "normalisation's gradient misses a channel of its window": (
        replaced(
            "local_response_norm_grad",
            lambda primitive, dy, x, n, a, b, k: primitive(dy, x, n - 1, a * (n - 1) / n, b, k),
        ),
        lambda: check_local_response_norm(moderate((2, 6, 2, 1), 0), 5, 1.0, 0.75, 2.0, "cpu:0"),
    ),
    "normalisation's window of even size leans to the other side": (
        replaced(
            "local_response_norm",
            lambda primitive, x, *rest: changed(
                primitive(changed(x, lambda a: a[:, ::-1]), *rest), lambda a: a[:, ::-1]
            ),
        ),
        lambda: check_local_response_norm(moderate((2, 6, 2, 1), 0), 4, 1.0, 0.75, 2.0, "cpu:0"),
    ),
    "normalisation within a map misses a row and a column of its window": (
        replaced(
            "within_map_response_norm",
            lambda primitive, x, n, a, b, k: primitive(x, n - 1, a * (n - 1) ** 2 / n**2, b, k),
        ),
        lambda: check_within_map_response_norm(moderate((2, 1, 4, 3), 0), 3, 9.0, 0.75, 2.0, "cpu:0"),
    ),
    "the gradient of normalisation within a map leans to the wrong side": (
        replaced(
            "within_map_response_norm_grad",
            lambda primitive, dy, x, *rest: changed(
                primitive(changed(dy, lambda a: a[..., ::-1]), changed(x, lambda a: a[..., ::-1]), *rest),
                lambda a: a[..., ::-1],
            ),
        ),
        lambda: check_within_map_response_norm(moderate((2, 1, 4, 3), 0), 2, 9.0, 0.75, 2.0, "cpu:0"),
    ),
    "pooling pays the wrong place": (
        replaced(
            "max_pool2d_grad",
            lambda primitive, dy, argmax, *rest: primitive(dy, changed(argmax, lambda a: a * 0), *rest),
        ),
        lambda: check_max_pool2d(OVERLAPPING, apart(OVERLAPPING.x_shape, 0), "cpu:0"),
    ),
    "average's gradient divides by another area": (
        replaced("avg_pool2d_grad", lambda primitive, dy, *rest: primitive(dy, *rest[:-1], not rest[-1])),
        lambda: check_avg_pool2d(PADDED, moderate(PADDED.x_shape, 0), True, "cpu:0"),
    ),
    "input gradient mixes up the groups": (
        replaced(
            "conv2d_grad_input",
            lambda primitive, dy, w, *rest: primitive(dy, changed(w, lambda a: np.roll(a, len(a) // 2, axis=0)), *rest),
        ),
        lambda: check_conv2d(GROUPED, "cpu:0"),
    ),
    "weight gradient is flipped": (
        replaced(
            "conv2d_grad_weight", lambda primitive, *rest: changed(primitive(*rest), lambda a: a[:, :, ::-1, ::-1])
        ),
        lambda: check_conv2d(STRIDED, "cpu:0"),
    ),
    "padding on the opposite side": (
        replaced(
            "conv2d",
            lambda primitive, x, w, b, stride, p, *rest: primitive(x, w, b, stride, (p[1], p[0], p[3], p[2]), *rest),
        ),
        lambda: check_conv2d(GROUPED, "cpu:0"),
    ),
    "convolution is imprecise in float32": (
        replaced("conv2d", imprecise_in_float32),
        lambda: check_conv2d(STRIDED, "cpu:0"),
    ),
    "a place has its neighbour's weights": (
        replaced(
            "locally_connected2d",
            lambda primitive, x, w, *rest: primitive(x, changed(w, lambda a: np.roll(a, 1, axis=1)), *rest),
        ),
        lambda: check_locally_connected2d(GROUPED, "cpu:0"),
    ),
    "the input's gradient of a local layer is that of a shared one": (
        replaced(
            "locally_connected2d_grad_input",
            lambda primitive, dy, w, *rest: primitive(dy, changed(w, lambda a: a[:1, :1] + 0 * a), *rest),
        ),
        lambda: check_locally_connected2d(STRIDED, "cpu:0"),
    ),
    "the weight's gradient of a local layer is averaged over places": (
        replaced(
            "locally_connected2d_grad_weight",
            lambda primitive, *rest: changed(primitive(*rest), lambda a: a.mean((0, 1)) + 0 * a),
        ),
        lambda: check_locally_connected2d(STRIDED, "cpu:0"),
    ),
    "a local layer's biases share their gradient": (
        backward(
            convolution.LocallyConnected2d,
            lambda right, self, dy: (
                *right(self, dy)[:2],
                changed(right(self, dy)[2], lambda a: a.sum((1, 2), keepdims=True) + 0 * a),
            ),
        ),
        lambda: check_locally_connected2d(STRIDED, "cpu:0"),
    ),
    "cross entropy's gradient forgets to subtract the target": (
        replaced("cross_entropy_grad", without_subtraction),
        lambda: check_cross_entropy(moderate((3, 4), 0), np.array([1, 0, 3]), "mean", "cpu:0"),
    ),
    "dropout's gradient has another mask": (
        backward(dropout.Dropout, gradient_with_other_mask),
        lambda: check_dropout(apart((5, 6), 0), 0.5, True, "train", 1, "cpu:0"),
    ),
    "dropout is scaled in training where it should be at test": (
        replaced("dropout", lambda primitive, x, p, scale, *draw: primitive(x, p, 1 / (1 - p), *draw)),
        lambda: check_dropout(apart((5, 6), 0), 0.5, True, "test", 1, "cpu:0"),
    ),
    "sum's gradient is spread along another axis": (
        backward(reduction.Sum, sum_along_the_other_axis),
        lambda: check_sum(moderate((3, 3), 0), 1, False, "cpu:0"),
    ),
    "min's gradient goes to the largest": (
        replaced("min", lambda primitive, x, *rest: (primitive(x, *rest)[0], cpu.max(x, *rest)[1])),
        lambda: check_extreme("min", apart((3, 4), 0), 1, False, "cpu:0"),
    ),
    "what is taken twice gets the last of its gradients": (
        replaced("take_grad", last_instead_of_sum),
        lambda: check_indexing(moderate((3, 2), 0), [1, 0, 1], "cpu:0"),
    ),
    "indices are taken along another axis": (
        replaced("take", lambda primitive, x, indices, axis: primitive(x, indices, 1 - axis)),
        lambda: check_indexing(moderate((3, 3), 0), [1, 0, 1], "cpu:0"),
    ),
    "gradient of a broadcast operand is not summed": (
        lambda patch: patch.setattr(arithmetic, "sum_to", first_instead_of_sum),
        lambda: check_broadcast_multiply(moderate((3, 2), 0), moderate((2,), 1), "cpu:0"),
    ),
    "product is blind to the memory order": (
        replaced("mul", blind_to_order),
        lambda: check_broadcast_multiply(moderate((3, 2), 0), moderate((3, 2), 1), "cpu:0"),
    ),
    "linear's weight gradient is averaged over the batch": (
        replaced("linear_grad_weight", lambda primitive, dy, x: cpu.scale(primitive(dy, x), 1 / x.shape[0])),
        lambda: check_linear([moderate((3, 2), 0), moderate((4, 2), 1), moderate((4,), 2)], "cpu:0"),
    ),
    "Adam corrects for one step too few": (
        replaced("adam_update", lambda primitive, *rest: primitive(*rest[:-1], max(rest[-1] - 1, 1))),
        lambda: check_adam((3,), np.float64, {}, 0, "cpu:0"),
    ),
    "Adam's decay does not go into the means": (
        replaced("adam_update", decay_outside_the_means),
        lambda: check_adam((3,), np.float64, {"weight_decay": 0.1}, 0, "cpu:0"),
    ),
    "rate outside the momentum": (
        replaced("sgd_update", rate_outside_momentum),
        lambda: check_sgd((3,), np.float64, 0.1, 0.9, 0.0, 0, "cpu:0"),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check passes as long as nothing is broken, and fails once it is (GradcheckError is an AssertionError)."""
    break_it, check = MUTANTS[name]
    check()
    with monkeypatch.context() as patch:
        break_it(patch)
        with pytest.raises(AssertionError):
            check()
    check()


reorder = cpu.reorder  # as it is while a test has another in its place


def one_element_off(x: DeviceArray) -> DeviceArray:
    values = cpu.to_host(x)
    if values.size:
        values.flat[-1] = not values.flat[-1] if values.dtype == bool else values.flat[-1] + 1
    return reorder(cpu.from_host(values, x.device), x.chwn)


def in_the_other_order(x: DeviceArray) -> DeviceArray:
    return reorder(x, not x.chwn)


@pytest.mark.parametrize("broken", [one_element_off, in_the_other_order])
@pytest.mark.parametrize("name", CASES)
def test_parity_notices(
    name: str, broken: Callable[[DeviceArray], DeviceArray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever primitive it is, the comparison with the reference sees one wrong element, and a wrong memory order."""

    def mutant(primitive: Callable[..., Any], *arguments: Any) -> Any:
        result = primitive(*arguments)
        return tuple(map(broken, result)) if isinstance(result, tuple) else broken(result)

    replaced(name, mutant)(monkeypatch)
    with pytest.raises(AssertionError):
        check_primitive(name, np.float64, "cpu:0")


X, Y = moderate((3, 4), 0), np.where(np.arange(4) < 2, moderate((3, 4), 0), moderate((3, 4), 1))  # in part alike


def check_as_numpy(compute: Callable[..., mg.Tensor], in_numpy: Callable[..., np.ndarray], device: str) -> None:
    """An operation on X and Y is NumPy's."""
    x, y = (mg.tensor(each, device=device) for each in (X, Y))
    np.testing.assert_array_equal(compute(x, y).numpy(), in_numpy(X, Y))


def both_above_0(x: Any, y: Any) -> Any:
    return (x > 0) & (y > 0)


def one_above_0(x: Any, y: Any) -> Any:
    return (x > 0) | (y > 0)


# Primitives that users' operations reach on every backend, and the check of such an operation.
REACHED: dict[str, Callable[[str], None]] = {
    "equal": lambda device: check_as_numpy(mg.eq, np.equal, device),
    "less": lambda device: check_as_numpy(mg.gt, np.greater, device),
    "less_equal": lambda device: check_as_numpy(mg.le, np.less_equal, device),
    "logical_and": lambda device: check_as_numpy(both_above_0, both_above_0, device),
    "logical_or": lambda device: check_as_numpy(one_above_0, one_above_0, device),
    "logical_not": lambda device: check_as_numpy(mg.ne, np.not_equal, device),
    "where": lambda device: check_as_numpy(
        lambda x, y: mg.where(x > 0, x, y), lambda x, y: np.where(x > 0, x, y), device
    ),
    "maximum": lambda device: check_as_numpy(mg.maximum, np.maximum, device),
    "minimum": lambda device: check_as_numpy(mg.minimum, np.minimum, device),
    "sqrt": lambda device: check_as_numpy(lambda x, y: (x * x).sqrt(), lambda x, y: np.sqrt(x * x), device),
    "min": lambda device: check_extreme("min", apart((3, 4), 0), 1, False, device),
    "take": lambda device: check_indexing(moderate((3, 2), 0), [1, 0, 1], device),
    "take_grad": lambda device: check_indexing(moderate((3, 2), 0), [1, 0, 1], device),
    "adam_update": lambda device: check_adam((3, 2), np.float64, {}, 0, device),
}


@pytest.mark.parametrize("name", REACHED)
def test_checks_notice_on_every_backend(name: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One element off is seen, whether the primitive is the reference's, the CPU's or CUDA's."""
    backend = mg.device(device).backend
    primitive = getattr(backend, name)

    def off(result: DeviceArray) -> DeviceArray:
        values = backend.to_host(result)
        last = values.flat[-1]
        values.flat[-1] = not last if values.dtype == bool else last + 1
        return backend.from_host(values, result.device)

    def mutant(*arguments: Any) -> Any:
        result = primitive(*arguments)
        return (off(result[0]), *result[1:]) if isinstance(result, tuple) else off(result)

    REACHED[name](device)
    monkeypatch.setattr(backend, name, mutant)
    with pytest.raises(AssertionError):
        REACHED[name](device)
