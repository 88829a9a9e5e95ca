"""gradcheck itself: it must pass what is right, and say where and by how much the rest is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from strategies import moderate

import minigrad as mg
import minigrad.functional as F


def half_wrong(x: mg.Tensor) -> mg.Tensor:
    """x^2 whose backward knows of one factor only."""
    return x * x.detach()


def wrong_at(index: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape)
    mask[index] = 1
    return mask


def test_right_gradients_pass() -> None:
    assert mg.gradcheck(lambda x, y: F.tanh(x * y) / 3, [moderate((2, 3), 0), moderate((3,), 1)]) is True


def test_tensors_and_arrays_are_taken() -> None:
    x = mg.tensor(moderate((2, 3), 0), requires_grad=True)
    assert mg.gradcheck(lambda x, y: x * y, [x, moderate((3,), 1)])
    assert mg.gradcheck(F.tanh, [mg.tensor(moderate((2,), 0), device="cpu:1")])


def test_values_of_the_inputs_stay() -> None:
    array = moderate((2, 3), 0)
    x, kept = mg.tensor(array, requires_grad=True), array.copy()
    mg.gradcheck(F.tanh, [x])
    mg.gradcheck(F.tanh, [array])
    np.testing.assert_array_equal(x.numpy(), kept)
    np.testing.assert_array_equal(array, kept)


def test_several_outputs() -> None:
    assert mg.gradcheck(lambda x: (x * 2, F.tanh(x)), [moderate((3,), 0)])
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x: (x * 2, half_wrong(x)), [moderate((3,), 0)])


def test_error_is_an_assertion_error() -> None:
    assert issubclass(mg.GradcheckError, AssertionError)


def test_error_says_which_input_which_entry_and_both_numbers() -> None:
    """d/dx of m x^2 at entry (0, 2) of the second input; the backward pass sees half of it."""
    array = np.array([[1.0, 2.0, 4.0]])
    mask = mg.tensor(wrong_at((0, 2), (1, 3)))

    def function(a: mg.Tensor, b: mg.Tensor) -> mg.Tensor:
        return (a * b + mask * half_wrong(b)).sum()

    with pytest.raises(mg.GradcheckError) as caught:
        mg.gradcheck(function, [np.ones((1, 3)), array])
    message = str(caught.value)
    assert "input 1" in message and "(0, 2)" in message
    numbers = [float(text) for text in re.findall(r"-?\d+\.\d+(?:e[-+]?\d+)?", message)]
    assert len(numbers) >= 2


@pytest.mark.parametrize("shape", [(4,), (3, 2), (40, 50)])
def test_one_wrong_entry_is_found(shape: tuple[int, ...]) -> None:
    """In a large input along a random direction, which has some of every entry."""
    mask = mg.tensor(wrong_at(tuple(side // 2 for side in shape), shape))
    with pytest.raises(mg.GradcheckError, match="input 0"):
        mg.gradcheck(lambda x: F.tanh(x) + mask * half_wrong(x), [moderate(shape, 0) + 3])


def test_a_gradient_lost_is_found() -> None:
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x, y: x.detach() * y, [moderate((2,), 0), moderate((2,), 1)])


def test_input_that_does_not_matter_passes() -> None:
    assert mg.gradcheck(lambda x, y: x * 2 + y * 0, [moderate((2,), 0), moderate((2,), 1)])
    assert mg.gradcheck(lambda x, y: x * 2, [moderate((2,), 0), moderate((2,), 1)])


def test_cotangent_of_ones_would_not_do() -> None:
    """The sum of a softmax is 1 whatever its input: with a cotangent of ones, a softmax without gradient passes."""
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x: F.softmax(x, 1).detach() + x * 0, [moderate((2, 3), 0)])


def test_wrong_sign_and_wrong_scale_are_found() -> None:
    for factor in (-1.0, 1.001):
        with pytest.raises(mg.GradcheckError):
            mg.gradcheck(
                lambda x, factor=factor: F.tanh(x).detach() + factor * (F.tanh(x) - F.tanh(x).detach()),
                [moderate((3,), 0)],
            )


def test_same_seed_same_verdict() -> None:
    messages = set()
    for _ in range(2):
        with pytest.raises(mg.GradcheckError) as caught:
            mg.gradcheck(half_wrong, [moderate((3,), 0)], seed=3)
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_single_precision_is_refused() -> None:
    """Differences of float32 values are noise."""
    with pytest.raises((TypeError, ValueError), match="float64"):
        mg.gradcheck(F.tanh, [np.ones(2, np.float32)])


def test_function_that_draws_is_checked_when_seeded() -> None:
    def function(x: mg.Tensor) -> mg.Tensor:
        mg.manual_seed(1)
        return F.dropout(x, 0.5)

    assert mg.gradcheck(function, [moderate((5, 5), 0)])


def test_nan_does_not_pass() -> None:
    with pytest.raises(mg.GradcheckError):
        mg.gradcheck(lambda x: x.log(), [np.array([-1.0, 2.0])])
