"""A recipe's rates and decay as groups of `optim.SGD`, a group for the weight and one for the bias of every layer."""

from __future__ import annotations

from typing import Any

from alexnet.recipes.recipe import Recipe
from minigrad import nn, optim

__all__ = ["parameter_groups", "set_rates"]


def parameter_groups(recipe: Recipe, network: nn.Module) -> list[dict[str, Any]]:
    """A group for the weight and one for the bias of every layer, for `optim.SGD`, with rates at the start."""
    groups = []
    for path, parameter in network.named_parameters():
        layer, bias = _layer(path)
        decay = recipe.layer_weight_decay.get(layer, recipe.weight_decay)
        groups.append(
            {
                "params": [parameter],
                "lr": recipe.rate(1, layer=layer, bias=bias),
                "momentum": recipe.momentum,
                "weight_decay": decay if recipe.decay_biases or not bias else 0.0,
            }
        )
    return groups


def set_rates(recipe: Recipe, network: nn.Module, optimizer: optim.SGD, epoch: int, drops: int = 0) -> None:
    """Give the groups of `parameter_groups` their rates of an epoch.

    A rate of 0 freezes: not even the momentum moves a parameter any more. So it was in the authors' program, which made
    no update at a rate of 0. Its gradient is no longer computed.
    """
    for group, (path, parameter) in zip(optimizer.param_groups, network.named_parameters(), strict=True):
        layer, bias = _layer(path)
        group["lr"] = recipe.rate(epoch, drops, layer, bias)
        parameter.requires_grad = group["lr"] > 0


def _layer(path: str) -> tuple[str, bool]:
    """From a parameter's path, as column0.conv1.bias: its layer, and whether it is the bias."""
    *_, layer, kind = path.split(".")
    return layer, kind == "bias"
