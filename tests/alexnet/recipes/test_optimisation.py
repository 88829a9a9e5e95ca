"""The rates and the decay of every layer, as the optimizer gets them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from alexnet_checks import check_rates_of_the_original

import minigrad as mg
import minigrad.functional as F
from alexnet.model.alexnet import AlexNet
from alexnet.recipes import RECIPES, Recipe, build_network, parameter_groups, set_rates
from minigrad import nn, optim

ORIGINAL = RECIPES["original"]


def small(recipe: Recipe, **changes: Any) -> tuple[Recipe, nn.Module, optim.SGD]:
    """A recipe of AlexNet in small, its network, which has gradients of an ordinary size, and its optimizer."""
    options = {**recipe.network_options, "width": 1 / 16, "weight_std": None}
    augmentation = replace(recipe.augmentation, crop=67)
    recipe = replace(recipe, network_options=options, augmentation=augmentation, **changes)
    network = build_network(recipe, 5, 3, ["cpu:0", "cpu:1"])
    return recipe, network, optim.SGD(parameter_groups(recipe, network), lr=recipe.lr)


def step(network: nn.Module, optimizer: optim.SGD) -> None:
    optimizer.zero_grad()
    x = mg.tensor(np.random.default_rng(0).standard_normal((4, 3, 67, 67)).astype(np.float32) * 60)
    F.cross_entropy(network(x), mg.tensor([0, 1, 2, 3])).backward()
    optimizer.step()


def test_the_rates_of_the_original_at_each_epoch_of_every_layer() -> None:
    check_rates_of_the_original()


def test_a_frozen_layer_keeps_its_bits_and_the_others_learn() -> None:
    recipe, network, optimizer = small(ORIGINAL, lr=1e-3, drop_epochs=(), layer_drop_epochs={})
    set_rates(recipe, network, optimizer, 71)
    start = network.state_dict()
    step(network, optimizer)  # now there is momentum, which must not go on
    before = network.state_dict()
    set_rates(recipe, network, optimizer, 72)
    step(network, optimizer)
    step(network, optimizer)
    after = network.state_dict()
    for name, value in before.items():
        frozen = ".conv1." in name
        assert np.array_equal(after[name], value) == frozen, name
        assert not np.array_equal(start[name], value), name
    assert all((parameter.grad is None) == (".conv1." in name) for name, parameter in network.named_parameters())


def test_groups_of_cifar10_80sec_are_those_of_cuda_convnet() -> None:
    recipe = RECIPES["cifar10-80sec"]
    model = build_network(recipe, 10, 3, ["cpu"])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = {names[id(group["params"][0])]: group for group in parameter_groups(recipe, model)}
    assert len(groups) == 10
    for name, group in groups.items():
        layer, kind = name.split(".")
        assert group["lr"] == (0.001 if kind == "weight" else 0.002)
        assert group["weight_decay"] == (0 if kind == "bias" else 0.03 if layer.startswith("fc") else 0.004)


def test_fc8_of_the_original_is_on_the_first_device() -> None:
    _, network, _ = small(ORIGINAL)
    assert isinstance(network, AlexNet) and str(network.fc8.weight.device) == "cpu:0"
