"""What parameter files say: rates by matrix, one step by NumPy, limits after a step."""

from __future__ import annotations

import numpy as np
import pytest
from checks import complains
from layer_checks import WEIGHTS, check_limits, check_noise
from layer_files import DATA, cost, net_of, params_of, section, two_columns

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import (
    LayerFileError,
    ParameterRule,
    Schedule,
    loss_scale,
    parameter_rules,
    read_sections,
)
from minigrad import optim

TWO = (
    DATA
    + section("conv", type="conv", inputs="data", channels=3, filters=2, filterSize=2, initW=0.1, gpu=0)
    + section("hidden", type="fc", inputs="data", outputs=4, initW=0.1, neuron="relu")
    + section("fc10", type="fc", inputs="conv,hidden", outputs=3, initW="0.1,0.1")
    + cost("fc10")
)
RATES = {"epsW": "0.0001,0.001", "epsB": 0.002, "momW": "0.5,0.9", "momB": 0.8, "wc": "0.25,3"}


def rules_of(layers: str, params: str) -> dict[str, ParameterRule]:
    return parameter_rules(read_sections(layers, "layers"), read_sections(params, "params"))


def test_every_parameter_has_its_rule() -> None:
    layers = two_columns(7, width=1 / 16)
    net = net_of(layers, params_of(layers), size=99, classes=7)
    rules = rules_of(layers, params_of(layers))
    assert rules.keys() == dict(net.named_parameters()).keys()
    assert rules["conv3a.weight1"] == ParameterRule(0.01, 0.9, 0.0005)
    assert rules["conv3a.bias"] == ParameterRule(0.02, 0.9, 0.0)
    same = {"updatePeriod": 1, "superEps": 0, "quantF": "default"}
    assert rules_of(layers, params_of(layers, conv1a=same)) == rules


def test_each_matrix_has_its_own_rates() -> None:
    own = {**RATES, "schedW": "dexp[10,2]", "schedB": "exp[4]", "wball": "0.5,0"}
    rules = rules_of(TWO, params_of(TWO, fc10=own))
    assert rules["fc10.weight"] == ParameterRule(0.0001, 0.5, 0.25, Schedule("dexp", 10, 2), 0.5)
    assert rules["fc10.weight1"] == ParameterRule(0.001, 0.9, 3, Schedule("dexp", 10, 2))
    assert rules["fc10.bias"] == ParameterRule(0.002, 0.8, 0, Schedule("exp", 4))
    assert [rules["fc10.weight1"].rate(p) for p in (0, 1)] == pytest.approx([0.001, 0.0001])
    limited = rules_of(TWO, params_of(TWO, conv={"wcNormMin": 0.001, "wcNormMax": 0.002}))["conv.weight"]
    assert (limited.norm_min, limited.norm_max) == (0.001, 0.002)


def test_one_schedule_governs_weights_and_biases_in_older_files() -> None:
    rules = rules_of(TWO, params_of(TWO, conv={"sched": "dexp[2000,4]"}))
    assert rules["conv.weight"].schedule == rules["conv.bias"].schedule == Schedule("dexp", 2000, 4)
    later = {"epsW": "dexp[base=0.01;tgtFactor=250;numSteps=4]", "epsB": "exp[base=0.2;tgtFactor=2]"}
    rules = rules_of(TWO, params_of(TWO, fc10=later))  # one rate for both inputs
    assert rules["fc10.weight"] == rules["fc10.weight1"] == ParameterRule(0.01, 0.9, 0.0005, Schedule("dexp", 250, 4))
    assert rules["fc10.bias"] == ParameterRule(0.2, 0.9, 0, Schedule("exp", 2))


def test_three_steps_by_numpy() -> None:
    """v <- mom v - eps (g + wc w), w <- w + v, each matrix with its own; biases without decay."""
    net = net_of(TWO, size=4, classes=3).to(np.float64)
    rules = rules_of(TWO, params_of(TWO, fc10=RATES))
    groups = [
        {
            "params": [p],
            "lr": rules[path].lr,
            "momentum": rules[path].momentum,
            "weight_decay": rules[path].weight_decay,
        }
        for path, p in net.named_parameters()
    ]
    optimizer = optim.SGD(groups, lr=1)
    weights = {path: p.numpy() for path, p in net.named_parameters()}
    velocities = {path: np.zeros_like(weight) for path, weight in weights.items()}
    x = mg.tensor(np.random.default_rng(0).standard_normal((5, 3, 4, 4)))
    for _ in range(3):
        optimizer.zero_grad()
        F.cross_entropy(net(x), mg.tensor(np.arange(5) % 3)).backward()
        gradients = {path: p.grad.numpy() for path, p in net.named_parameters()}
        optimizer.step()
        for path, gradient in gradients.items():
            layer, kind = path.split(".")
            eps, momentum, decay = 0.01, 0.9, 0.0005
            if layer == "fc10":
                eps, momentum, decay = (0.0001, 0.5, 0.25) if kind == "weight" else (0.001, 0.9, 3)
            if kind == "bias":
                eps, momentum, decay = (0.002, 0.8, 0) if layer == "fc10" else (0.02, 0.9, 0)
            velocities[path] = momentum * velocities[path] - eps * (gradient + decay * weights[path])
            weights[path] = weights[path] + velocities[path]
    for path, p in net.named_parameters():
        np.testing.assert_allclose(p.numpy(), weights[path], rtol=1e-12, atol=1e-15, err_msg=path)


def test_coeff_multiplies_gradients() -> None:
    sections = read_sections(TWO, "layers")
    assert loss_scale(sections, read_sections(params_of(TWO, logprob={"coeff": 0.5}), "params")) == 0.5
    assert loss_scale(sections, {}) == 1
    with complains("logprob", "coeff", error=LayerFileError):
        loss_scale(sections, {"conv": {}})


@pytest.mark.parametrize("kind", WEIGHTS)
def test_filters_return_to_their_limits(kind: str) -> None:
    check_limits(kind)


def test_noise_multiplies_gradient_and_decay_by_themselves() -> None:
    check_noise()


WRONG = {
    "no section": ({"conv": None}, "conv"),
    "no rate": ({"conv": {"epsW": ""}}, "epsW"),
    "two rates for three inputs": ({"fc10": {"epsW": "1,2,3"}}, "epsW"),
    "one momentum for two inputs": ({"fc10": {"momW": 0.9}}, "momW"),
    "limits the wrong way round": ({"conv": {"wcNormMin": 2, "wcNormMax": 1}}, "wcNormMin"),
    "a negative decay": ({"conv": {"wc": -1}}, "wc"),
    "a long period": ({"conv": {"updatePeriod": 2}}, "updatePeriod=2 cannot be done"),
    "a second momentum": ({"fc10": {"superEps": 0.1}}, "superEps=0.1 cannot be done"),
    "no schedule": ({"conv": {"schedW": "dexp"}}, "schedW"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_rule_is_refused(name: str) -> None:
    changes, words = WRONG[name]
    params = read_sections(params_of(TWO, **{k: v for k, v in changes.items() if v is not None}), "params")
    params = {name: values for name, values in params.items() if changes.get(name, {}) is not None}
    with complains("layer", words, error=LayerFileError):
        parameter_rules(read_sections(TWO, "layers"), params)
