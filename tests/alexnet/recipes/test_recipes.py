"""What a recipe can say, and the recipes by name."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, replace
from typing import Any

import numpy as np
import pytest
from alexnet_checks import check_rates_by_layer, check_rates_of_the_paper
from checks import complains

import minigrad as mg
import minigrad.functional as F
from alexnet.data import Loader, RescaledSplit, open_dataset
from alexnet.model.alexnet import AlexNet
from alexnet.recipes import KEYS, RECIPES, Recipe, build_network, parameter_groups
from minigrad import nn, optim

ORIGINAL = RECIPES["original"]


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


def test_what_an_older_recipe_lacks_has_its_default() -> None:
    values = RECIPES["paper"].to_json()
    for name in ("layer_lr", "layer_drop_epochs", "frozen_from", "bias_lr_falls", "drop_factor"):
        del values[name]
    for name in ("noise_off_epoch", "noise_divides"):
        del values["augmentation"][name]
    assert Recipe.from_json(values) == RECIPES["paper"]


def test_the_paper_trains_as_section_5_says() -> None:
    paper = RECIPES["paper"]
    assert (paper.batch_size, paper.lr, paper.momentum, paper.weight_decay) == (128, 0.01, 0.9, 0.0005)
    assert (paper.rescale, paper.augmentation.crop, paper.augmentation.colour_noise) == (256, 224, 0.1)
    assert (paper.drop_factor, paper.most_drops) == (10, 3) and paper.epochs == 90
    check_rates_of_the_paper()


def test_the_numbers_of_section_5_are_written_in_each_recipe() -> None:
    """A default would hide them from who reads the recipe `paper`."""
    given = {each.name for each in fields(Recipe) if each.default is MISSING and each.default_factory is MISSING}
    assert given >= {"rescale", "augmentation", "batch_size", "epochs", "lr", "momentum", "weight_decay"}


def test_the_original_starts_as_its_program_did() -> None:
    options = {**ORIGINAL.network_options, "width": 1 / 4}
    network = build_network(replace(ORIGINAL, network_options=options), 100, 3, ["cpu"])
    for path, parameter in network.named_parameters():
        layer, kind = path.split(".")[-2:]
        values = parameter.numpy()
        if kind == "bias":
            assert np.all(values == (layer in ("conv2", "conv4", "conv5", "fc6", "fc7"))), path
        else:
            std = 0.03 if layer in ("conv3", "conv4", "conv5") else 0.01
            assert abs(values.std() / std - 1) < 0.05 and abs(values.mean()) < 0.05 * std, path


def test_the_original_s_pictures_and_length() -> None:
    augmentation = ORIGINAL.augmentation
    assert (ORIGINAL.rescale, augmentation.crop, augmentation.crop_group) == (256, 224, 32)
    assert [augmentation.noise(epoch) for epoch in (1, 66, 67, 90)] == [0.1, 0.1, 0, 0] and augmentation.noise_divides
    assert (ORIGINAL.batch_size, ORIGINAL.epochs, ORIGINAL.patience) == (128, 90, 0)


def test_rates_by_layer_and_drops_by_hand_and_by_the_error() -> None:
    check_rates_by_layer()


def test_a_net_of_one_column_takes_one_device() -> None:
    with complains("one device", error=ValueError):
        build_network(RECIPES["cifar10-80sec"], 10, 3, ["cpu:0", "cpu:1"])


def test_a_recipe_is_changed_by_key() -> None:
    paper = RECIPES["paper"]
    changes = [
        ("lr", 0.005),
        ("augmentation.crop", 200),
        ("network_options.dropout", 0.3),
        ("network_options.without", ["fc7"]),
        ("drop_factor", 2),
        ("drop_epochs", [20, 40]),
        ("frozen_from.conv1", 7),
        ("layer_drop_epochs.conv2", [3]),
    ]
    changed = paper.changed(changes)
    assert changed == replace(
        paper,
        lr=0.005,
        augmentation=replace(paper.augmentation, crop=200),
        network_options={"dropout": 0.3, "without": ("fc7",)},
        drop_factor=2.0,
        drop_epochs=(20, 40),
        frozen_from={"conv1": 7},
        layer_drop_epochs={"conv2": (3,)},
    )
    assert [changed.rate(epoch) for epoch in (19, 20, 40)] == [0.005, 0.0025, 0.00125]
    small = changed.changed([("network_options.width", 1 / 64)])
    network = build_network(small, 5, 3, ["cpu"])
    assert isinstance(network, AlexNet) and network.image_size == 200 and network.column0.fc6_drop.p == 0.3
    assert paper.changed([]) == paper == RECIPES["paper"]


def test_stages_after_the_last_epoch_are_known() -> None:
    assert not any(recipe.too_late() for recipe in RECIPES.values())
    assert RECIPES["original"].changed([("epochs", 60)]).too_late() == {
        "drop_epochs": [79],
        "layer_drop_epochs.conv1": [67],
        "frozen_from.conv1": [72],
        "augmentation.noise_off_epoch": [67],
    }
    short = RECIPES["cifar10-13pct"].changed([("epochs", 145)])
    assert short.too_late() == {"drop_epochs": [151]}
    flags = [RECIPES[name].weights_flag for name in ("paper", "cifar10-13pct", "cifar10-80sec")]
    assert flags == ["--set network_options.weight_std=...", "--set layers.LAYER.initW=...", ""]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("lrr", 1, ("lrr", "did you mean lr?")),
        ("augmentation.corp", 200, ("augmentation.corp", "did you mean augmentation.crop?")),
        ("augmentatoin.crop", 200, ("did you mean augmentation.crop?",)),
        ("network_options.droput", 0.3, ("did you mean network_options.dropout?",)),
        ("dropout", 0.3, ("did you mean network_options.dropout?",)),
        ("image_size", 64, ("did you mean network_options.image_size?",)),  # not batch_size
        ("zzz", 1, ("there is network, data, rescale, batch_size, epochs, lr,",)),
        ("drop_factor", 0.5, ("drop_factor is 1 or more", "0.5")),
        ("network_options.devices", ["cpu"], ("network_options.devices",)),
        ("layer_lr.conv6", 0.1, ("layer_lr.conv6", "layer_lr.conv")),
        ("frozen_from.pool1", 3, ("frozen_from.pool1", "frozen_from.conv1")),
        ("lr.conv1", 0.1, ("lr.conv1", "single value")),
        ("lr", "fast", ("lr is a number", "'fast'")),
        ("lr", True, ("lr is a number", "True")),
        ("lr", float("inf"), ("lr is a number", "inf")),
        ("lr", 0, ("lr", "above 0")),
        ("epochs", 1.5, ("epochs is a whole number", "1.5")),
        ("epochs", 0, ("epochs", "1 or more")),
        ("momentum", -1, ("momentum", "0 or more")),
        ("momentum", 1.5, ("momentum", "below 1", "1.5")),
        ("layer_lr.conv1", -1, ("layer_lr.conv1 is 0 or more", "-1")),
        ("layer_weight_decay.fc8", -1, ("layer_weight_decay.fc8 is 0 or more", "-1")),
        ("drop_epochs", [20, -3], ("drop_epochs counts epochs from 1", "-3")),
        ("layer_drop_epochs.conv1", [0], ("layer_drop_epochs.conv1 counts epochs from 1", "0")),
        ("frozen_from.conv1", 0, ("frozen_from.conv1 counts epochs from 1", "0")),
        ("decay_biases", 1, ("decay_biases is true or false",)),
        ("drop_epochs", [20, 10], ("drop_epochs names each epoch once, in order", "[20, 10]")),
        ("layer_drop_epochs.conv1", [3, 3], ("layer_drop_epochs.conv1 names each epoch once, in order",)),
        ("drop_epochs", 25, ("drop_epochs is a list of whole numbers", "25")),
        ("drop_epochs", ["a"], ("each of drop_epochs is a whole number", "'a'")),
        ("layer_lr.conv1", "x", ("layer_lr.conv1 is a number", "'x'")),
        ("layer_lr", 3, ("layer_lr is a table", "3")),
        ("augmentation", 3, ("augmentation is a table", "3")),
        ("augmentation.crop", 300, ("crop", "256", "300")),
        ("augmentation.colour_noise", -1, ("colour_noise", "0 or more")),
        ("augmentation.rotation", -1, ("augmentation.rotation", "0 or more")),
        ("augmentation.scaling", 1, ("augmentation.scaling", "below 1")),
        ("augmentation.elastic_alpha", 36, ("elastic_alpha", "elastic_sigma", "set that too")),
        ("digit_width", 257, ("digit_width", "from 0 to its rescale, 256", "257")),
        ("augmentation.crop_group", 0, ("crop_group", "1 or more")),
        ("network", "alexnt", ("alexnet", "'alexnt'")),
        ("name", "../x", ("keeps its name", "--out DIR")),
        ("summary", "", ("keeps its summary",)),
        ("network_options.weight_std", "big", ("a number or a table or null", "'big'")),
        ("network_options.image_size", 64, ("224 x 224", "64 x 64", "image_size")),
        ("network_options.activation_last", "conv1", ("activation_last is a list of names",)),
    ],
)
def test_a_change_that_does_not_fit_complains(key: str, value: Any, words: tuple[str, ...]) -> None:
    with complains(*words, error=ValueError):
        RECIPES["paper"].changed([(key, value)])


@pytest.mark.parametrize("key", KEYS)
def test_the_keys_are_what_a_recipe_is_changed_by(key: str) -> None:
    """Each is asked for a value of its own kind; of one that there is not, it is said that there is none."""
    with complains(f"{key}", " is ", error=ValueError):
        RECIPES["paper"].changed([(key, {"not": {"its": "kind"}})])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_small_recipes_start_calmly(seed: int) -> None:
    """The loss begins near that of chance and stays there; no layer's outputs grow tenfold, nor do its units go off."""
    recipe = RECIPES["shapes"]
    mg.manual_seed(seed)
    network = build_network(recipe, 10, 3, ["cpu"])
    optimizer = optim.SGD(parameter_groups(recipe, network), lr=recipe.lr)
    seen: dict[str, list[np.ndarray]] = {}
    for path, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda m, x, y, path=path: seen.setdefault(path, []).append(y.numpy()))
    split = RescaledSplit(open_dataset("shapes", seed, counts=(256, 1)).train, recipe.rescale)
    losses = []
    for images, labels in Loader(split, recipe.augmentation, split.statistics(), 32, seed).batches(1):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(mg.tensor(images)), mg.tensor(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert len(losses) == 8 and max(losses) < 1.5 * np.log(10), losses
    for path, outputs in seen.items():
        assert outputs[-1].std() < 3 * outputs[0].std() and (outputs[-1] > 0).mean() > 0.2, path
