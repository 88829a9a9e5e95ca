"""The activations of layer files against their formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checks import check_operation, complains
from strategies import apart

import minigrad as mg
from alexnet.cuda_convnet import LayerFileError
from alexnet.cuda_convnet.grammar import Section
from alexnet.cuda_convnet.neurons import Neuron, read_neuron

X = apart((3, 8), 1)

NEURONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "linear[3,2.2]": lambda x: 3 * x + 2.2,
    "tanh[1.79, -0.66]": lambda x: 1.79 * np.tanh(-0.66 * x),
    "softrelu": lambda x: np.log(1 + np.exp(x)),
    "abs": np.abs,
    "square": np.square,
    "brelu[1.1]": lambda x: np.clip(x, 0, 1.1),
    "drelu[.5]": lambda x: x - 0.5 * np.tanh(x / 0.5),
}


def read(text: str) -> Neuron:
    neuron = read_neuron(Section("layer it", {"neuron": text}))
    assert neuron is not None
    return neuron


@pytest.mark.parametrize("text", NEURONS)
def test_neurons(text: str) -> None:
    check_operation(read(text), NEURONS[text], [X], "cpu:0")


def test_neurons_of_positive_numbers() -> None:
    check_operation(read("sqrt"), np.sqrt, [np.abs(X)], "cpu:0")
    check_operation(read("log[2e-1]"), lambda x: np.log(0.2 + x), [np.abs(X)], "cpu:0")


def test_the_softened_relu_is_the_identity_above_4_without_overflow() -> None:
    x = mg.tensor([4.0, 4.001, 1000.0], requires_grad=True)
    y = read("softrelu")(x)
    np.testing.assert_allclose(y.numpy(), [np.log(1 + np.exp(4)), 4.001, 1000], rtol=1e-6)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1 / (1 + np.exp(-4)), 1, 1], rtol=1e-6)


def test_the_noisy_relu() -> None:
    """Noise of variance r = max(0, x) in training, none otherwise; its gradient is that of a ReLU."""
    mg.manual_seed(2)
    neuron, x = read("nrelu"), mg.tensor(np.repeat([-1.0, 4.0, 100.0], 20000), requires_grad=True)
    y = neuron(x)
    off, low, high = y.numpy().reshape(3, -1)
    assert not off.any() and (low == 0).any() and abs(high.mean() / 100 - 1) < 0.01 and abs(high.std() / 10 - 1) < 0.02
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), (y.numpy() > 0).astype(float))
    np.testing.assert_array_equal(neuron.eval()(x).numpy(), np.maximum(x.numpy(), 0))


def test_no_neuron() -> None:
    assert read_neuron(Section("layer it", {})) is None
    assert read_neuron(Section("layer it", {"neuron": "ident"})) is None
    assert repr(read("tanh[1.79,-0.66]")) == "Neuron(tanh[1.79,-0.66])"


@pytest.mark.parametrize(
    "text", ["", "ReLU", "relu[1]", "tanh", "tanh[1]", "tanh[1,2,3]", "tanh[a,b]", "drelu[0]", "abstanh[1,2]", "relu)"]
)
def test_what_is_no_neuron_is_refused(text: str) -> None:
    with complains("layer it", "neuron", error=LayerFileError):
        read_neuron(Section("layer it", {"neuron": text}))
