"""Normalisation, pooling and their gradients, made together when asked for: who asks, and when, changes no bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
import minigrad.functional as F
from minigrad.arrays import DeviceArray
from minigrad.backends.cpu import normalisation, pooling, stage
from minigrad.backends.cpu.convolution import relu_bias

CPU = mg.Device("cpu")
NORM = (5, 5e-4, 0.75, 2.0)


def image(shape: tuple[int, ...], seed: int) -> DeviceArray:
    """In CHWN order, half of it zeros, with equal numbers in many windows."""
    numbers = np.random.default_rng(seed).standard_normal(shape).round(1).astype(np.float32)
    return CPU.backend.reorder(CPU.backend.from_host(np.maximum(numbers, 0), CPU), True)


def elements(x: DeviceArray) -> np.ndarray:
    return CPU.backend.to_host(x)


@st.composite
def stages(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """The shape of an image, and kernel size, stride, padding and ceil mode of a pooling that it takes."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    sides = [draw(st.integers(0, size // 2)) for size in (kernel[0], kernel[0], kernel[1], kernel[1])]
    height, width = (size + draw(st.integers(0, 9)) for size in kernel)
    batch = draw(st.sampled_from([16, 17, 40, 1100]))
    return (batch, draw(st.integers(1, 9)), height, width), (kernel, stride, tuple(sides), draw(st.booleans()))


@given(case=stages(), seed=st.integers(0, 99))
def test_pooling_of_normalised_maps_is_that_of_their_array(case: Any, seed: int) -> None:
    x = image(case[0], seed)
    y, argmax = stage.max_pool2d(stage.local_response_norm(x, *NORM), *case[1])
    plain, places = pooling.max_pool2d(normalisation.local_response_norm(x, *NORM), *case[1])
    np.testing.assert_array_equal(elements(y), elements(plain))
    np.testing.assert_array_equal(elements(argmax), elements(places))


@given(case=stages(), seed=st.integers(0, 99), normed=st.booleans())
def test_the_gradient_of_a_stage_is_that_of_its_steps(case: Any, seed: int, normed: bool) -> None:
    shape, geometry = case[0], case[1][:3]
    x = image(shape, seed)
    y, argmax = pooling.max_pool2d(x, *case[1])
    dy = image(y.shape, seed + 1)
    dx = stage.max_pool2d_grad(dy, argmax, shape, *geometry)
    plain = pooling.max_pool2d_grad(dy, argmax, shape, *geometry)
    if normed:
        dx = stage.local_response_norm_grad(dx, x, *NORM)
        plain = normalisation.local_response_norm_grad(plain, x, *NORM)
    assert dx.pending is not None
    masked, db = stage.relu_bias_grad(dx, x)
    np.testing.assert_array_equal(elements(dx), elements(plain))
    expected, sums = relu_bias.relu_bias_grad(plain, x)
    np.testing.assert_array_equal(elements(masked), elements(expected))
    scale = np.abs(elements(expected)).sum((0, 2, 3)).max()
    np.testing.assert_allclose(elements(db), elements(sums), rtol=0, atol=1e-6 * max(scale, 1e-30))
    again, same = stage.relu_bias_grad(dx, x)  # now that somebody has looked at dx
    np.testing.assert_array_equal(elements(again), elements(masked))
    np.testing.assert_array_equal(elements(same), elements(db))


def test_the_sum_of_a_large_map_keeps_its_digits() -> None:
    ones = CPU.backend.full((64, 2, 400, 400), 0.1, np.dtype(np.float32), CPU)
    db = elements(stage.relu_bias_grad(ones, ones)[1])
    np.testing.assert_allclose(db, 64 * 400 * 400 * np.float64(np.float32(0.1)), rtol=1e-6)


def step(look: Callable[[mg.Tensor], object]) -> tuple[np.ndarray, ...]:
    """The gradients of a small net of one stage; what lies in between can be looked at."""
    mg.manual_seed(0)
    convolution, x = mg.nn.Conv2d(3, 8, 3, relu=True), mg.randn(32, 3, 13, 13)
    look(maps := convolution(x))
    look(normalised := F.local_response_norm(maps, *NORM))
    look(pooled := F.max_pool2d(normalised, 3, 2))
    (pooled * pooled).sum().backward()
    assert convolution.bias is not None
    return tuple(p.grad.numpy() for p in (convolution.weight, convolution.bias) if p.grad is not None)


def test_looking_at_what_lies_between_changes_no_bit() -> None:
    def profiled() -> tuple[np.ndarray, ...]:
        with mg.profile() as events:
            gradients = step(lambda x: None)
        assert [event.name for event in events[:3]] == ["conv2d", "local_response_norm", "max_pool2d"]
        return gradients

    unseen = step(lambda x: None)
    for seen in (step(lambda x: x.numpy()), profiled()):
        for one, other in zip(unseen, seen, strict=True):
            np.testing.assert_array_equal(one, other)


def test_in_a_profile_each_operation_makes_what_it_returns() -> None:
    x = mg.randn(32, 4, 5, 5)
    with mg.profile():
        assert F.local_response_norm(x, *NORM).array.pending is None
    assert F.local_response_norm(x, *NORM).array.pending is not None


def test_a_hook_gets_the_normalised_maps() -> None:
    norm, pool = mg.nn.LocalResponseNorm(*NORM), mg.nn.MaxPool2d(3, 2)
    x, seen = mg.randn(32, 8, 9, 9).abs(), []
    norm.register_forward_hook(lambda module, inputs, output: seen.append(output.numpy()))
    y = pool(norm(x))
    np.testing.assert_array_equal(F.max_pool2d(mg.tensor(seen[0]), 3, 2).numpy(), y.numpy())


@pytest.mark.parametrize("batch", [2, 32])
def test_what_is_returned_waits_only_where_that_gains(batch: int) -> None:
    y = F.local_response_norm(mg.randn(batch, 4, 5, 5), *NORM)
    assert (y.array.pending is not None) == (batch >= stage.LEAST_BATCH)
    assert F.local_response_norm(mg.randn(batch, 4, 5, 5), 3, *NORM[1:]).array.pending is None
