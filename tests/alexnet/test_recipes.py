from __future__ import annotations

import json

import pytest
from checks import complains

from alexnet.cuda_convnet import cifar10_80sec
from alexnet.recipes import RECIPES, Recipe, build_network, parameter_groups
from minigrad import nn


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_damaged_recipes_complain() -> None:
    values = RECIPES["paper"].to_json()
    with complains("colour", error=ValueError):
        Recipe.from_json({**values, "colour": 1})
    del values["augmentation"]
    with complains("augmentation", error=ValueError):
        Recipe.from_json(values)


def test_the_paper_trains_as_section_5_says() -> None:
    paper = RECIPES["paper"]
    assert (paper.batch_size, paper.lr, paper.momentum, paper.weight_decay) == (128, 0.01, 0.9, 0.0005)
    assert (paper.rescale, paper.augmentation.crop, paper.augmentation.colour_noise) == (256, 224, 0.1)
    assert paper.most_drops == 3 and paper.epochs == 90


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


def test_the_80sec_net_has_the_sizes_of_cuda_convnet() -> None:
    net = cifar10_80sec()
    sizes = {name: module.weight.shape for name, module in net.named_modules() if isinstance(module, nn.Conv2d)}
    assert sizes == {"conv1": (32, 3, 5, 5), "conv2": (32, 32, 5, 5), "conv3": (64, 32, 5, 5)}
    assert net.fc64.weight.shape == (64, 1024) and net.fc10.weight.shape == (10, 64)
    for name, std in (("conv1", 1e-4), ("conv2", 0.01), ("fc64", 0.1)):
        layer = net._modules[name]
        assert abs(layer.weight.numpy().std() / std - 1) < 0.1 and not layer.bias.numpy().any()


def test_a_net_of_one_column_takes_one_device() -> None:
    with complains("one device", error=ValueError):
        build_network(RECIPES["cifar10-80sec"], 10, 3, ["cpu:0", "cpu:1"])
