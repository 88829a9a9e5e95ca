"""The fast backends against the reference: every primitive, on listed and on drawn arguments, in both memory orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from parity import (
    CASES,
    IMAGES,
    OTHERS,
    POOLS,
    REFERENCE,
    Chwn,
    assert_same,
    check_arguments,
    check_primitive,
    larger,
    on,
    signed,
    uniform,
)
from strategies import ARGUMENTS, PoolCase, apart, pool_cases, rounded

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim
from minigrad.backends.protocol import PRIMITIVES

FLOATS = [np.float64, np.float32]


def test_every_primitive_has_cases_and_is_drawn() -> None:
    assert set(CASES) | OTHERS == set(ARGUMENTS) | OTHERS == set(PRIMITIVES)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", CASES)
def test_primitive_agrees_with_the_reference(name: str, dtype: type, fast_device: str) -> None:
    check_primitive(name, dtype, fast_device)


def test_primitives_agree_with_the_reference_at_the_sizes_of_networks(fast_device: str) -> None:
    """Where the CPU takes its other algorithms, in float32."""
    for name, arguments in larger():
        check_arguments(name, arguments, np.float32, fast_device)


def examples(device: str) -> settings:
    """Fewer for a GPU, where each takes longer."""
    default = settings().max_examples
    return settings(max_examples=default if device.startswith("cpu") else default // 5)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_primitive_agrees_with_the_reference_whatever_the_shape(name: str, fast_device: str) -> None:
    @examples(fast_device)
    @given(arguments=ARGUMENTS[name])
    def agrees(arguments: tuple[Any, ...]) -> None:
        for dtype in FLOATS:
            check_arguments(name, arguments, dtype, fast_device)

    agrees()


def check_gradient_of_max_pooling(x: np.ndarray | Chwn, pool: tuple[Any, ...], dtype: type, device: str) -> None:
    """The same pixels win, and each gets as much."""
    shape = x.array.shape if isinstance(x, Chwn) else x.shape
    results = []
    for place in (mg.device(device), REFERENCE):
        y, argmax = place.backend.max_pool2d(on(x, place, dtype), *pool)
        dy = on(signed(*y.shape, seed=2), place, dtype)
        results.append(place.backend.max_pool2d_grad(dy, argmax, shape, *pool[:3]))
    assert_same(*results)
    assert results[0].chwn


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("values", ["different", "equal", "some NaN", "minus infinity"])
def test_gradient_of_max_pooling(dtype: type, pool: tuple[Any, ...], values: str, fast_device: str) -> None:
    """Also among equals, where NaN is, and where nothing is larger than what padding might be."""
    x = {
        "different": signed(*IMAGES),
        "equal": signed(*IMAGES).round(0),
        "some NaN": np.where(uniform(*IMAGES, seed=1) < 0.8, np.nan, signed(*IMAGES)),
        "minus infinity": np.full(IMAGES, -np.inf),
    }[values]
    check_gradient_of_max_pooling(Chwn(x), pool, dtype, fast_device)


def test_gradient_of_max_pooling_whatever_the_shape(fast_device: str) -> None:
    @examples(fast_device)
    @given(case=pool_cases())
    def agrees(case: PoolCase) -> None:
        for values in (apart, rounded):
            x = values(case.x_shape, case.seed)
            for each in (x, Chwn(x)):
                check_gradient_of_max_pooling(each, (*case.geometry, case.ceil_mode), np.float64, fast_device)

    agrees()


@pytest.mark.parametrize("name", ["add", "sub", "mul", "pow", "maximum", "minimum", "equal", "less", "less_equal"])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.int8])
def test_integers(name: str, dtype: type, fast_device: str) -> None:
    x, y = np.array([[5, 1, 2], [3, 0, 7]], dtype), np.array([2, 0, 3], dtype)
    for arguments in ((x, y), (x, x), (x, y[:1])):
        check_arguments(name, arguments, None, fast_device)


@pytest.mark.parametrize("dtype", [np.int64, np.int16])
def test_integers_alone(dtype: type, fast_device: str) -> None:
    x = np.array([[5, -1, 2], [-3, 0, 7]], dtype)
    for name, rest in (("neg", ()), ("abs", ()), ("sum", ((0,), False)), ("max", (1, False)), ("min", (1, False)),
                       ("cast", (np.float32,)), ("transpose", (0, 1)),
                       ("getitem", ((slice(None), 1),)), ("reshape", ((3, 2),))):  # fmt: skip
        check_arguments(name, (x, *rest), None, fast_device)


@pytest.mark.parametrize("name", ["equal", "less", "less_equal", "maximum", "minimum"])
def test_booleans_compare(name: str, fast_device: str) -> None:
    check_arguments(name, (np.array([[False], [True]]), np.array([False, True])), None, fast_device)


def test_booleans_are_stored_and_moved(fast_device: str) -> None:
    x = uniform(17, 4, 3, 2) < 1
    part = (slice(1, 9), slice(None), 1, slice(None, None, -1))
    for order in (np.array, Chwn):
        for name, rest in (("reorder", (True,)), ("reshape", ((17, 24),)), ("transpose", (0, 2)), ("getitem", (part,)),
                           ("broadcast_to", ((17, 4, 3, 2),)), ("cast", (np.float32,)),
                           ("cast", (np.int64,))):  # fmt: skip
            check_arguments(name, (order(x), *rest), None, fast_device)
        check_arguments("cat", ([order(x), x], 1), None, fast_device)
    place = mg.device(fast_device)
    for value in (True, False):
        full = place.backend.full((2, 3), value, np.dtype(bool), place)
        np.testing.assert_array_equal(place.backend.to_host(full), np.full((2, 3), value))
    there = place.backend.copy_to(on(x, place), place)
    np.testing.assert_array_equal(place.backend.to_host(there), x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.uint8])
def test_what_is_not_zero_is_true(dtype: type, fast_device: str) -> None:
    numbers = [0.0, -0.0, 0.3, -1.0, 1e-30, 256.0, np.nan, np.inf] if dtype in FLOATS else [0, 1, 3, 128]
    backend = mg.device(fast_device).backend
    found = backend.cast(on(np.array(numbers, dtype), mg.device(fast_device), dtype), np.dtype(bool))
    assert backend.to_host(found).tolist() == [number != 0 for number in numbers]


def message(device: str, name: str, *arguments: Any) -> str:
    """What a primitive says to arguments that it does not take."""
    place = mg.device(device)
    with pytest.raises(ValueError) as caught:
        getattr(place.backend, name)(*(on(each, place) for each in arguments))
    return str(caught.value)


def test_negative_powers_of_integers_complain_as_on_the_reference(fast_device: str) -> None:
    arguments = "pow", np.array([2, 3]), np.array([-2, -3])
    assert message(fast_device, *arguments) == message("reference", *arguments)


def test_a_label_out_of_range_complains_as_on_the_reference(fast_device: str) -> None:
    arguments = "cross_entropy", signed(3, 4), np.array([0, 4, -1])
    assert message(fast_device, *arguments) == message("reference", *arguments)


@pytest.mark.parametrize("order", [np.array, Chwn])
def test_masks_of_dropout_are_the_same(order: Callable[[np.ndarray], Any], fast_device: str) -> None:
    ones = order(np.ones((33, 7, 4)))
    for seed, counter, first in ((0, 1, 0), (2**63 - 1, 2**40, 0), (3, 2, 4 * 28), (3, 2, 2**40 + 5)):
        masks = []
        for place in (mg.device(fast_device), REFERENCE):
            y = place.backend.dropout(on(ones, place, np.float32), 0.5, 1.0, seed, counter, first)
            masks.append(place.backend.to_host(y))
        np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize("dtype", FLOATS)
def test_gradients_of_what_was_taken_have_the_bits_of_the_reference(dtype: type, fast_device: str) -> None:
    """All add up in float64, one after another."""
    dy, indices = signed(3, 20_000, 4) * 10.0 ** signed(1, 20_000, 1, seed=1), np.arange(20_000) ** 2 % 37
    results = []
    for place in (mg.device(fast_device), REFERENCE):
        dx = place.backend.take_grad(on(dy, place, dtype), on(indices, place), (3, 40, 4), 1)
        results.append(place.backend.to_host(dx))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("order", [np.array, Chwn])
def test_sgd_update(order: Callable[[np.ndarray], Any], dtype: type, momentum: float, fast_device: str) -> None:
    results = []
    for place in (mg.device(fast_device), REFERENCE):
        w, v = (on(order(signed(7, 5, seed=seed)), place, dtype) for seed in (0, 2))
        g = on(Chwn(signed(7, 5, seed=1)), place, dtype)
        updated = place.backend.sgd_update(w, g, v if momentum else None, 0.1, momentum, 0.05)
        assert updated.chwn == w.chwn
        results.append([updated, v])
    for one, other in zip(*results, strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("order", [np.array, Chwn])
@pytest.mark.parametrize("shape", [(), (7, 5), (17, 3, 2), (0, 3), (300, 101)])
def test_adam_update(shape: tuple[int, ...], order: Callable[[np.ndarray], Any], dtype: type, fast_device: str) -> None:
    """The first steps, whose corrections are large, and a late one."""
    results = []
    for place in (mg.device(fast_device), REFERENCE):
        w, m, v = (on(order(each), place, dtype) for each in (signed(*shape), np.zeros(shape), np.zeros(shape)))
        for step in (1, 2, 1000):
            g = on(Chwn(signed(*shape, seed=step)), place, dtype)
            updated = place.backend.adam_update(w, g, m, v, 0.1, (0.9, 0.999), 1e-8, 0.05, step)
            assert updated.chwn == w.chwn
            w = updated
        results.append([w, m, v])
    for one, other in zip(*results, strict=True):
        assert_same(one, other)


def test_copies_between_a_device_and_the_reference(fast_device: str) -> None:
    """Values there, gradients back, in either order."""
    array = signed(17, 3, 2)
    for each in (array, Chwn(array)):
        x = mg.Tensor(on(each, mg.device(fast_device)), requires_grad=True)
        y = x.to("reference")
        assert str(y.device) == "reference:0"
        np.testing.assert_array_equal(y.numpy(), array)
        np.testing.assert_array_equal((y * 2).to(fast_device).numpy(), 2 * array)
        (y * y).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), 2 * array)
        assert x.grad.array.chwn == x.array.chwn


def losses(device: str) -> list[float]:
    """Of some steps of training, by every kind of layer."""
    mg.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.LocalResponseNorm(5, 1.0), nn.MaxPool2d(3, 2),
        nn.Conv2d(8, 8, 3, groups=2), nn.Tanh(), nn.AvgPool2d(2, 1),
        nn.LocallyConnected2d(8, 8, 1, 1, relu=True), nn.Flatten(), nn.Dropout(), nn.Linear(8, 5),
    ).to(np.float64).to(device)  # fmt: skip
    optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    images, labels = mg.tensor(signed(17, 3, 9, 9), device=device), mg.tensor(np.arange(17) % 5, device=device)
    found = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_training_follows_the_reference(fast_device: str) -> None:
    """A program runs on it unchanged, dropout included."""
    np.testing.assert_allclose(losses(fast_device), losses("reference"), rtol=1e-9)
