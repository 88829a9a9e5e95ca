"""Operators that change a tensor in place, and `data`: every holder sees it, and nothing that was recorded is lost."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks import chwn, complains
from hypothesis import given
from strategies import broadcastable_pairs, moderate, positive, seeds

import minigrad as mg
from minigrad import nn

IN_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ipow: operator.pow,
}


@pytest.mark.parametrize("change", IN_PLACE)
@given(pair=broadcastable_pairs(), seed=seeds)
def test_every_holder_sees_the_value_and_its_gradient(
    change: Callable[..., mg.Tensor], device: str, pair: tuple[tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    """x += y is x = x + y for all who hold x, where the result has the shape of x."""
    shape = np.broadcast_shapes(*pair)
    arrays = moderate(shape, seed), positive(pair[1], seed + 1)
    cotangent = mg.tensor(np.random.default_rng(seed).standard_normal(shape), device=device)
    found = []
    for operation in (change, IN_PLACE[change]):
        x, y = (mg.tensor(array, device=device, requires_grad=True) for array in arrays)
        holder = z = x * 2
        z = operation(z, y)
        assert (holder is z) == (operation is change)
        z.backward(cotangent)
        found.append([each.numpy() for each in (z, x.grad, y.grad)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_parameters_train_by_hand(device: str) -> None:
    mg.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).to(device)
    x, losses = mg.randn(32, 4, device=device), []
    for _ in range(50):
        loss = ((net(x) - x.sum(1, keepdim=True)) ** 2).mean()
        losses.append(loss.item())
        net.zero_grad()
        loss.backward()
        with mg.no_grad():
            for p in net.parameters():
                p -= 0.1 * p.grad
    assert losses[-1] < 0.2 * losses[0] and all(p.requires_grad and p.grad_fn is None for p in net.parameters())


def test_a_loss_that_grows_has_the_gradient_of_all_its_terms(device: str) -> None:
    w = mg.tensor(np.array([1.0, 2.0]), device=device, requires_grad=True)
    loss = (3 * w).sum()
    loss += (w * w).sum()
    loss.backward()
    assert w.grad.numpy().tolist() == [5, 7]


def test_what_was_recorded_before_keeps_its_numbers(device: str) -> None:
    w = mg.tensor(np.array([2.0]), device=device, requires_grad=True)
    y = (w * w).sum()
    with mg.no_grad():
        w *= 100
    y.backward()
    assert w.numpy().tolist() == [200] and w.grad.numpy().tolist() == [4]


def test_a_constant_becomes_part_of_the_graph(device: str) -> None:
    w, total = mg.ones(2, device=device, requires_grad=True), mg.zeros(2, device=device)
    total += 2 * w
    total.sum().backward()
    assert w.grad.numpy().tolist() == [2, 2] and total.grad is None


def test_a_leaf_that_requires_a_gradient_is_left_alone_while_recording() -> None:
    w = mg.ones(2, requires_grad=True)
    for change in (lambda: operator.iadd(w, 1), lambda: operator.imul(w, w), w.zero_):
        with complains("leaf that requires a gradient", "no_grad", error=RuntimeError):
            change()
    assert w.numpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    "x, y, words, error",
    [
        (mg.ones(2), mg.ones(3, 2), ["(3, 2)", "(2,)"], ValueError),
        (mg.tensor([1, 2]), 0.5, ["float32", "int64"], TypeError),
        (mg.tensor([1, 2]), mg.tensor([2, 2]), ["div", "float32"], TypeError),
    ],
)
def test_a_result_that_does_not_fit_complains(x: mg.Tensor, y: Any, words: list[str], error: type[Exception]) -> None:
    before = x.numpy()
    with complains("in place", *words, error=error):
        x /= y
    np.testing.assert_array_equal(x.numpy(), before)


def test_dtype_and_memory_order_stay(device: str) -> None:
    x = chwn(mg.tensor(np.ones((17, 2, 3, 3), np.float32), device=device))
    order = x.array.chwn
    x += mg.tensor(np.full((17, 2, 3, 3), 2.0), device=device)
    assert x.dtype == np.float32 and x.array.chwn == order and float(x.max()) == 3


def test_zero_makes_nought_of_anything(device: str) -> None:
    x = mg.tensor(np.array([np.nan, np.inf, 1]), device=device)
    assert x.zero_() is x and x.numpy().tolist() == [0, 0, 0]


def test_data_reads_and_writes_through(device: str) -> None:
    p = mg.tensor(np.array([1.0, 2.0]), device=device, requires_grad=True)
    d = p.data
    assert not d.requires_grad
    d -= 1
    assert p.numpy().tolist() == [0, 1]
    p.data *= 10
    assert p.numpy().tolist() == d.numpy().tolist() == [0, 10]
    p.data = mg.tensor(np.array([5.0, 6.0]), device=device)
    assert d.numpy().tolist() == [5, 6] and p.requires_grad and p.grad_fn is None
    (p * p).sum().backward()
    p.grad.data.zero_()
    assert p.grad.numpy().tolist() == [0, 0]


def test_a_detached_tensor_goes_its_own_way(device: str) -> None:
    x = mg.ones(2, device=device, requires_grad=True)
    d = x.detach()
    d *= 5
    assert x.numpy().tolist() == [1, 1] and d.numpy().tolist() == [5, 5]


def test_data_that_does_not_fit_complains() -> None:
    x = mg.ones(2)
    with complains("data", "ndarray", error=TypeError):
        x.data = np.ones(2)  # type: ignore[assignment]
    with complains("data", "float32", "int64", error=TypeError):
        x.data = mg.tensor([1, 2])
    with complains("cpu:0", "cpu:1", error=mg.DeviceMismatchError):
        x.data = mg.ones(2, device="cpu:1")


def test_who_holds_a_gradient_sees_what_is_added_to_it(device: str) -> None:
    x = mg.ones(3, device=device, requires_grad=True)
    (2 * x).sum().backward()
    gradient = x.grad
    (3 * x).sum().backward()
    assert x.grad is gradient and gradient.tolist() == [5, 5, 5]
    x.zero_grad()
    x.sum().backward()
    assert gradient.tolist() == [5, 5, 5] and x.grad.tolist() == [1, 1, 1]


def test_gradients_can_stay_as_noughts() -> None:
    net = nn.Linear(2, 2)
    net(mg.ones(1, 2)).sum().backward()
    held = net.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.weight.grad is held and held.numpy().tolist() == [[0, 0], [0, 0]]
    mg.optim.SGD(net.parameters(), lr=0.1).zero_grad()
    assert net.weight.grad is None


def test_requires_grad_can_be_set_in_a_chain() -> None:
    x = mg.ones(2).requires_grad_()
    assert x.requires_grad and not x.requires_grad_(False).requires_grad


def test_an_attribute_that_does_not_exist_cannot_be_assigned() -> None:
    for x in (mg.ones(1), nn.Parameter(mg.ones(1)), mg.ones(1).data):
        with pytest.raises(AttributeError):
            x.requires_gard = True


def test_copies_have_what_the_tensor_had() -> None:
    p = nn.Parameter(mg.tensor([1.0, 2.0]))
    other = copy.deepcopy(p)
    with mg.no_grad():
        other += 1
    assert type(other) is nn.Parameter and other.requires_grad
    assert p.numpy().tolist() == [1, 2] and other.numpy().tolist() == [2, 3]
