"""A recipe's rates and decay as groups of `optim.SGD`, a group for each weight and each bias of every layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from alexnet.cuda_convnet import ParameterRule, Schedule, project
from alexnet.data.keyed import RATE, normals, words
from alexnet.recipes.recipe import Recipe
from minigrad import nn, optim

__all__ = ["keep_limits", "parameter_groups", "set_rates"]


def parameter_groups(recipe: Recipe, network: nn.Module) -> list[dict[str, Any]]:
    """A group for each weight and each bias of every layer, for `optim.SGD`, with rates at the start."""
    groups = []
    for path, parameter in network.named_parameters():
        layer, bias, number = _layer(recipe, path)
        momentum = recipe.momentum
        decay = recipe.layer_weight_decay.get(layer, recipe.weight_decay)
        decay = decay if recipe.decay_biases or not bias else 0.0
        if recipe.layers:
            momentum, decay = recipe.rules[path].momentum, recipe.rules[path].weight_decay
        rate = recipe.rate(1, layer=layer, bias=bias, number=number)
        groups.append({"params": [parameter], "lr": rate, "momentum": momentum, "weight_decay": decay})
    return groups


def set_rates(
    recipe: Recipe,
    network: nn.Module,
    optimizer: optim.SGD,
    epoch: int,
    drops: int = 0,
    progress: float = 0.0,
    key: tuple[int, int] = (0, 0),
) -> None:
    """Give the groups of `parameter_groups` their rates of an epoch, or, in a layer file, of a step.

    A rate of 0 freezes: not even the momentum moves a parameter any more. So it was in the authors' program, which made
    no update at a rate of 0. Its gradient is no longer computed.

    Args:
        recipe: whose.
        network, optimizer: of its run.
        epoch: counted from 1.
        drops: how often the rates were divided because the validation error stood still.
        progress: how much of the run is done; see `Sampler.progress`.
        key: seed and step, of rates that a schedule multiplies by noise.
    """
    parameters = zip(optimizer.param_groups, network.named_parameters(), strict=True)
    for place, (group, (path, parameter)) in enumerate(parameters):
        layer, bias, number = _layer(recipe, path)
        group["lr"] = recipe.rate(epoch, drops, layer, bias, progress, number)
        parameter.requires_grad = group["lr"] > 0
        if recipe.layers and recipe.rules[path].schedule.noise:
            seed, step = key
            drawn = normals(words(seed, step, RATE, np.array([place])))[0].tolist()
            group["lr"], group["weight_decay"] = _with_noise(recipe.rules[path], group["lr"], drawn)


def _with_noise(rule: ParameterRule, rate: float, normal: list[float]) -> tuple[float, float]:
    """A rate and the weight decay with the noise of a rule's schedule."""
    noise = Schedule(noise=rule.schedule.noise)
    return replace(rule, lr=rate, schedule=noise).drawn(0.0, iter(normal).__next__)


def keep_limits(recipe: Recipe, network: nn.Module) -> None:
    """After a step: bring the weights of a layer file that learn back within the limits of its parameter file."""
    if recipe.limited:
        for path, parameter in network.named_parameters():
            if path in recipe.limited and parameter.requires_grad:
                project(parameter, recipe.limited[path])


def _layer(recipe: Recipe, path: str) -> tuple[str, bool, int]:
    """From a parameter's path, as column0.conv1.bias or conv1.weight2: layer, whether it is the bias, which input."""
    owner, _, kind = path.rpartition(".")
    layer = owner if owner in recipe.layers else owner.rpartition(".")[2]  # a name of a layer file may have dots
    return layer, kind == "bias", 0 if kind == "bias" else int(kind.removeprefix("weight") or 0)
