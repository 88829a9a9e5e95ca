"""Initial weights: what is drawn, when, and from which generator."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from checks import complains

import minigrad as mg
from minigrad import nn


def test_init_fills_in_place() -> None:
    layer = nn.Linear(300, 200)
    weight = layer.weight
    nn.init.normal_(weight, 0.5, 0.01)
    assert layer.weight is weight and weight.requires_grad
    assert abs(weight.numpy().mean() - 0.5) < 1e-3 and abs(weight.numpy().std() - 0.01) < 1e-3
    nn.init.constant_(layer.bias, 1)
    np.testing.assert_array_equal(layer.bias.numpy(), np.ones(200))


def test_init_is_seeded() -> None:
    first, second = mg.zeros(5), mg.zeros(5)
    mg.manual_seed(1)
    nn.init.normal_(first)
    mg.manual_seed(1)
    nn.init.normal_(second)
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_weights_are_drawn_when_looked_at_and_in_the_order_of_the_program() -> None:
    """So a network that fills its layers' weights anew never makes the first ones."""

    def weights() -> list[mg.Tensor]:
        mg.manual_seed(3)
        layers = [nn.Linear(300, 400), nn.Linear(300, 400)]
        nn.init.normal_(layers[1].weight)
        return [layer.weight for layer in layers]

    first, second = weights()
    assert first.array.pending is not None and second.array.pending is not None
    forth = first.numpy(), second.numpy()
    first, second = weights()
    back = second.numpy(), first.numpy()
    np.testing.assert_array_equal(forth, back[::-1])
    assert abs(forth[0]).max() <= 300**-0.5 < 3 < forth[1].max()
    # drawn in pieces, but as if in one
    mg.manual_seed(3)
    streams = [mg.random.default_generator.stream() for _ in range(5)]
    np.testing.assert_array_equal(forth[1], streams[-1].standard_normal((400, 300)).astype(np.float32))


def test_init_is_seen_by_the_next_forward_and_not_recorded() -> None:
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, 2.0)
    nn.init.constant_(layer.bias, 0.5)
    assert layer(mg.ones(1, 2)).item() == 4.5
    layer(mg.ones(1, 2)).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[1, 1]])


def test_weights_of_no_inputs_can_be_filled() -> None:
    assert nn.init.kaiming_normal_(mg.zeros(3, 0)).numpy().shape == (3, 0)


def test_weights_drawn_in_two_threads_are_the_same(device: str) -> None:
    """Whichever thread looks first: the draws begin anew and do not share a stream."""
    mg.manual_seed(3)
    expected = nn.init.normal_(mg.zeros(300_000, device=device)).numpy()
    for _ in range(5):
        mg.manual_seed(3)
        weight = nn.init.normal_(mg.zeros(300_000, device=device))
        start = threading.Barrier(2)

        def look(weight: mg.Tensor = weight, start: threading.Barrier = start) -> np.ndarray:
            start.wait()
            return weight.numpy()

        with ThreadPoolExecutor(2) as pool:
            seen = [each.result() for each in [pool.submit(look), pool.submit(look)]]
        for each in seen:
            np.testing.assert_array_equal(each, expected)


def test_an_interrupted_draw_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mg.manual_seed(3)
    expected = nn.init.normal_(mg.zeros(10)).numpy()
    mg.manual_seed(3)
    weight = nn.init.normal_(mg.zeros(10))
    with monkeypatch.context() as patch:
        patch.setattr(nn.init, "CHUNK", _Interrupting(4))
        with pytest.raises(KeyboardInterrupt):
            weight.numpy()
    np.testing.assert_array_equal(weight.numpy(), expected)


class _Interrupting(int):
    """A length of pieces at which the second piece is interrupted."""

    def __radd__(self, at: int) -> int:
        if at:
            raise KeyboardInterrupt
        return at + int(self)


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: nn.init.normal_(mg.ones(2, dtype=np.int64)), "int64"),
        (lambda: nn.init.normal_(np.ones(2)), "ndarray"),
        (lambda: nn.init.normal_(mg.ones(2), std="a"), "'a'"),
        (lambda: nn.init.normal_(mg.ones(2), std=-1), "std=-1"),
        (lambda: nn.init.normal_(mg.ones(2), std=float("nan")), "std=nan"),
        (lambda: nn.init.uniform_(mg.ones(2), 1, 0), "a=1 and b=0"),
        (lambda: nn.init.uniform_(mg.ones(2), 0, None), "None"),
        (lambda: nn.init.constant_(mg.ones(2), "a"), "'a'"),
        (lambda: nn.init.kaiming_normal_(mg.ones(2)), "(2,)"),
        (lambda: nn.init.xavier_uniform_(mg.ones(2)), "(2,)"),
        (lambda: nn.init.xavier_normal_(np.ones((2, 2))), "ndarray"),
        (lambda: nn.init.xavier_uniform_(mg.ones(2, 2), "relu"), "'relu'"),
        (lambda: nn.init.kaiming_uniform_(mg.ones(2, 2), mode="in"), "'in'"),
        (lambda: nn.init.kaiming_uniform_(mg.ones(2, 2), nonlinearity="gelu"), "'gelu'"),
        (lambda: nn.init.kaiming_normal_(mg.ones(2, 2), "fan_out"), "'fan_out'"),
        (lambda: nn.init.normal_(mg.ones(2), generator=3), "mg.manual_seed"),
        (lambda: nn.init.uniform_(mg.ones(2), 0.0, 1.0, 3), "generator=3"),
    ],
)
def test_wrong_arguments_are_named(make: Callable[[], object], word: str) -> None:
    with complains(word, error=(TypeError, ValueError)):
        make()


SPREADS = [
    lambda init, w: init.xavier_uniform_(w),
    lambda init, w: init.xavier_normal_(w, 2.0),
    lambda init, w: init.kaiming_uniform_(w),
    lambda init, w: init.kaiming_uniform_(w, 0.3, "fan_out", "leaky_relu"),
    lambda init, w: init.kaiming_normal_(w),
    lambda init, w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    lambda init, w: init.kaiming_normal_(w, nonlinearity="tanh"),
]


@pytest.mark.parametrize("fill", SPREADS)
@pytest.mark.parametrize("shape", [(200, 300), (60, 20, 5, 4)])
def test_weights_spread_as_in_pytorch(fill: Callable[[Any, Any], Any], shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    weight = mg.zeros(*shape)
    assert fill(nn.init, weight) is weight
    torch.manual_seed(0)
    theirs = fill(torch.nn.init, torch.zeros(shape)).numpy()
    ours = weight.numpy()
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.03)
    np.testing.assert_allclose(np.quantile(ours, [0.01, 0.9]), np.quantile(theirs, [0.01, 0.9]), rtol=0.05)


@pytest.mark.parametrize("fill, bound", [(SPREADS[0], (6 / 500) ** 0.5), (SPREADS[2], (6 / 300) ** 0.5)])
def test_uniform_weights_have_their_bounds(fill: Callable[[Any, Any], Any], bound: float) -> None:
    largest = abs(fill(nn.init, mg.zeros(200, 300)).numpy()).max()
    assert 0.99 * bound < largest <= bound


def test_gains_are_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert nn.init.calculate_gain("leaky_relu", 2) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 2))
    assert nn.init.calculate_gain("leaky_relu", 0) == 2**0.5


def test_kaiming_normal_is_the_normal_of_he() -> None:
    mg.manual_seed(1)
    first = nn.init.kaiming_normal_(mg.zeros(4, 3, 5)).numpy()
    mg.manual_seed(1)
    np.testing.assert_array_equal(first, nn.init.normal_(mg.zeros(4, 3, 5), std=(2 / 15) ** 0.5).numpy())
