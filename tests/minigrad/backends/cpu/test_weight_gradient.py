"""The gradient of a large weight is multiplied when it is asked for; who asks, and when, changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import optim
from minigrad.backends.cpu import matrix

SHAPES = [(1031, 1025, 19), (512, 2048, 64)]  # outputs, inputs, batch; no multiples of a block, and multiples


def layer(shape: tuple[int, int, int], seed: int = 0) -> tuple[mg.Tensor, mg.Tensor, mg.Tensor]:
    outputs, inputs, batch = shape
    mg.manual_seed(seed)
    weight = (mg.randn(outputs, inputs) * 0.03).detach()
    weight.requires_grad = True
    return mg.randn(batch, inputs), weight, mg.randn(batch, outputs)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_gradient(shape: tuple[int, int, int]) -> None:
    x, weight, cotangent = layer(shape)
    F.linear(x, weight).backward(cotangent)
    assert weight.grad is not None and weight.grad.array.pending is not None
    expected = cotangent.numpy().astype(np.float64).T @ x.numpy()
    found = weight.grad.numpy()
    assert weight.grad.array.pending is None
    assert np.abs(found - expected).max() <= 1e-5 * expected.std()


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("shape", SHAPES)
def test_looking_at_it_changes_no_bit_of_the_update(shape: tuple[int, int, int], momentum: float) -> None:
    weights = []
    for look in (False, True):
        x, weight, cotangent = layer(shape)
        sgd = optim.SGD([weight], lr=0.1, momentum=momentum, weight_decay=0.01)
        for _ in range(3):
            sgd.zero_grad()
            F.linear(x, weight).backward(cotangent)
            if look:
                assert weight.grad is not None and np.isfinite(weight.grad.numpy()).all()
            sgd.step()
        weights.append(weight.numpy())
    np.testing.assert_array_equal(*weights)


def test_two_uses_of_a_weight_add_up() -> None:
    x, weight, cotangent = layer(SHAPES[0])
    (F.linear(x, weight) + F.linear(x * 2, weight)).backward(cotangent)
    assert weight.grad is not None
    expected = 3 * cotangent.numpy().astype(np.float64).T @ x.numpy()
    assert np.abs(weight.grad.numpy() - expected).max() <= 1e-5 * expected.std()


def test_a_small_one_does_not_wait() -> None:
    x, weight, cotangent = layer((matrix.BLOCK_ROWS, 10, 16))
    F.linear(x, weight).backward(cotangent)
    assert weight.grad is not None and weight.grad.array.pending is None


def test_it_holds_what_the_layer_saw() -> None:
    """Arrays never change, so a gradient multiplied after the update is still that of the step before."""
    x, weight, cotangent = layer(SHAPES[1])
    sgd = optim.SGD([weight], lr=0.1)
    F.linear(x, weight).backward(cotangent)
    sgd.step()
    assert weight.grad is not None
    expected = cotangent.numpy().astype(np.float64).T @ x.numpy()
    assert np.abs(weight.grad.numpy() - expected).max() <= 1e-5 * expected.std()
