"""Recipes: a network, what is done to its data, and how it is trained. Every number of the paper's training is here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import minigrad as mg
from alexnet.cuda_convnet import cifar10_80sec
from alexnet.data import Augmentation
from alexnet.model import AlexNet
from minigrad import nn

__all__ = ["RECIPES", "Recipe", "build_network", "parameter_groups"]


NETWORKS = ("alexnet", "cifar10-80sec")


@dataclass(frozen=True)
class Recipe:
    """All that decides what a run learns, besides data, seed and devices.

    Attributes:
        name: what `--recipe` calls it.
        summary: a line for `--help`.
        network: "alexnet" or "cifar10-80sec".
        network_options: keyword arguments of `AlexNet`.
        data: what it trains on when `--data` is not given; "" if it must be.
        rescale: side of the square that each picture is rescaled and cut to (section 2).
        augmentation: crop, mirror and colour noise (section 4.1).
        batch_size: examples a step.
        epochs: passes over the training set.
        lr: learning rate at the start.
        momentum, weight_decay: of `optim.SGD` (section 5).
        layer_weight_decay: weight decay by layer name, where it differs.
        bias_lr_factor: the rate of biases over that of weights.
        decay_biases: whether weight decay acts on biases.
        drop_epochs: the rate is divided by ten at the start of these epochs, counted from 1.
        patience: divide it also when the validation error has not improved for so many epochs; 0 for never.
        most_drops: how often it is divided for that reason, at most.
    """

    name: str
    summary: str
    network: str
    data: str
    rescale: int
    augmentation: Augmentation
    epochs: int
    lr: float
    network_options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 0.0005
    layer_weight_decay: Mapping[str, float] = field(default_factory=dict)
    bias_lr_factor: float = 1.0
    decay_biases: bool = True
    drop_epochs: tuple[int, ...] = ()
    patience: int = 0
    most_drops: int = 3

    def to_json(self) -> dict[str, Any]:
        """As numbers, text, lists and dicts."""
        return dict(json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_json` wrote.

        Raises:
            ValueError: keys are missing or unknown.
        """
        unknown = set(values) - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"a recipe has no {', '.join(sorted(unknown))}")
        try:
            augmentation = Augmentation(**values["augmentation"])
            changed = {"augmentation": augmentation, "drop_epochs": tuple(values["drop_epochs"])}
            return cls(**{**values, **changed})
        except (KeyError, TypeError) as error:
            raise ValueError(f"a recipe is incomplete ({error})") from error

    def __post_init__(self) -> None:
        """Raise ValueError for a number that is none, or a network that there is not."""
        if self.network not in NETWORKS:
            raise ValueError(f"a recipe's network is one of {', '.join(NETWORKS)}; got {self.network!r}")
        for name in ("rescale", "epochs", "batch_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"a recipe's {name} is a whole number, 1 or more; got {getattr(self, name)!r}")
        for name in ("lr", "momentum", "weight_decay", "bias_lr_factor", "patience", "most_drops"):
            if not isinstance(getattr(self, name), (int, float)) or not getattr(self, name) >= 0:
                raise ValueError(f"a recipe's {name} is a number, 0 or more; got {getattr(self, name)!r}")


# In a net this small N(0, 0.01) would not start to learn. conv1 sees values of the size of 60 and starts small, so that
# what it learns shows in its filters.
SHAPES_WEIGHT_STD = {"conv1": 0.002} | dict.fromkeys(("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"))

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="shapes",
            summary="a small AlexNet on pictures that the project draws: minutes on a laptop",
            network="alexnet",
            network_options={"image_size": 64, "width": 0.25, "weight_std": SHAPES_WEIGHT_STD},
            data="shapes",
            rescale=72,
            augmentation=Augmentation(crop=64),
            batch_size=64,
            epochs=12,
            lr=0.004,
            drop_epochs=(11,),
        ),
        Recipe(
            name="small",
            summary="a small AlexNet for photographs, 112 x 112: minutes for a few classes",
            network="alexnet",
            network_options={"image_size": 112, "width": 0.25, "weight_std": SHAPES_WEIGHT_STD},
            data="",
            rescale=128,
            augmentation=Augmentation(crop=112, colour_noise=0.1),
            batch_size=64,
            epochs=80,
            lr=0.002,
            drop_epochs=(60, 75),
        ),
        Recipe(
            name="cifar10-80sec",
            summary="cuda-convnet's first CIFAR-10 net: 26 % test error after about ten epochs",
            network="cifar10-80sec",
            data="",
            rescale=32,
            augmentation=Augmentation(crop=32, random_crop=False, mirror=False),
            epochs=10,
            lr=0.001,
            weight_decay=0.004,
            layer_weight_decay={"fc64": 0.03, "fc10": 0.03},
            bias_lr_factor=2.0,
            decay_biases=False,
            drop_epochs=(9,),
        ),
        Recipe(
            name="paper",
            summary="the paper to the letter: 224 x 224, two columns, about 90 epochs of ImageNet",
            network="alexnet",
            data="",
            rescale=256,
            augmentation=Augmentation(crop=224, colour_noise=0.1),
            epochs=90,
            lr=0.01,
            patience=5,
        ),
    )
}


def build_network(recipe: Recipe, num_classes: int, in_channels: int, devices: Sequence[str | mg.Device]) -> nn.Module:
    """The recipe's network with fresh weights, drawn from the generator that `mg.manual_seed` seeds.

    Raises:
        ValueError: the options or devices do not fit the network.
    """
    if recipe.network == "cifar10-80sec":
        if len(devices) != 1:
            raise ValueError(f"the network of {recipe.name} has one column and takes one device, got {len(devices)}")
        return cifar10_80sec(num_classes, in_channels, devices[0])
    options = {"in_channels": in_channels, **recipe.network_options}
    try:
        return AlexNet(num_classes, devices=devices, **options)
    except TypeError as error:
        raise ValueError(f"the recipe {recipe.name} does not fit AlexNet ({error})") from error


def parameter_groups(recipe: Recipe, model: nn.Module) -> list[dict[str, Any]]:
    """A group for the weight and one for the bias of every layer, for `optim.SGD`, with rates at the start."""
    groups = []
    for path, parameter in model.named_parameters():
        layer, _, kind = path.rpartition(".")
        decay = recipe.layer_weight_decay.get(layer.rpartition(".")[2], recipe.weight_decay)
        bias = kind == "bias"
        groups.append(
            {
                "params": [parameter],
                "lr": recipe.lr * (recipe.bias_lr_factor if bias else 1.0),
                "momentum": recipe.momentum,
                "weight_decay": decay if recipe.decay_biases or not bias else 0.0,
            }
        )
    return groups
