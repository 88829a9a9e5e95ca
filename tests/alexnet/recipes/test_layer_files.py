"""Recipes of layer files: cuda-convnet's nets for CIFAR-10, rates by weight, the update of its program, limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import LayerNet, read_sections
from alexnet.data import Augmentation
from alexnet.data.splits import ArraySplit
from alexnet.recipes import (
    RECIPES,
    LayerFiles,
    Recipe,
    build_network,
    keep_limits,
    parameter_groups,
    run_name,
    set_rates,
    whole_or_cropped,
)
from alexnet.recipes import __main__ as recipes
from alexnet.recipes.table import recipe_table
from minigrad import optim

LADDER = ("cifar10-19pct", "cifar10-18pct", "cifar10-13pct", "cifar10-11pct")
LAYERS = """
[data]
type=data
dataIdx=0
[labels]
type=data
dataIdx=1
[conv.1]
type=conv
inputs=data
channels=3
filters=2
filterSize=3
initW=0.1
neuron=relu
[fc]
type=fc
inputs=conv.1,data
outputs=3
initW=0.1,0.1
[probs]
type=softmax
inputs=fc
[logprob]
type=cost.logreg
inputs=labels,probs
"""
PARAMS = """
[conv.1]
epsW=0
epsB=0.02
momW=0.9
momB=0.5
wc=0.01
wball=0.0001
schedB=linear[10]
[fc]
epsW=0.01,0.1
epsB=0
momW=0.9,0.5
momB=0.9
wc=0.03,0.2
wball=0,0.001
[logprob]
coeff=2
"""


def recipe(params: str = PARAMS, **more: Any) -> Recipe:
    pictures = Augmentation(crop=6, random_crop=False, mirror=False)
    files = {"layers": read_sections(LAYERS, "layers"), "layer_params": read_sections(params, "params")}
    rates: dict[str, Any] = {"lr": 0.0, "momentum": 0.0, "weight_decay": 0.0}
    common: dict[str, Any] = {"data": "", "rescale": 6, "augmentation": pictures, "batch_size": 4, "epochs": 10}
    return Recipe(name="x", summary="y", network="layer-file", **files, **rates, **common, **more)


@pytest.mark.parametrize(
    ("name", "size", "parameters"),
    [
        ("cifar10-19pct", 32, 89_578),
        ("cifar10-19pct", 24, 85_098),
        ("cifar10-18pct", 32, 89_578),
        ("cifar10-13pct", 24, 1_116_490),
        ("cifar10-13pct", 32, 1_901_386),
        ("cifar10-11pct", 24, 2_112_970),
        ("cifar10-11pct", 32, 3_672_906),
    ],
)
def test_the_ladder_has_as_many_parameters_as_the_files_of_2012(name: str, size: int, parameters: int) -> None:
    changed = replace(RECIPES[name], augmentation=Augmentation(crop=size))
    assert sum(each.numel() for each in build_network(changed, 10, 3, ["cpu"]).parameters()) == parameters


def test_the_column_for_mnist_reads_as_many_places_of_28_pixels_as_of_29() -> None:
    for size in (28, 29):
        pictures = Augmentation(crop=size, random_crop=False, mirror=False)
        column = build_network(replace(RECIPES["mnist"], rescale=size, augmentation=pictures), 10, 1, ["cpu"])
        assert isinstance(column, LayerNet)
        shapes = [column.layers[name].output for name in ("pool1", "conv2", "pool2", "fc150", "fc10")]
        assert shapes == [(20, 13, 13), (40, 9, 9), (40, 3, 3), (150,), (10,)]


def test_the_stages_of_the_ladder() -> None:
    stages = {
        name: (r.epochs, r.validation_batch, r.all_batches_from, r.drop_epochs, r.bias_lr_falls, r.augmentation.crop)
        for name, r in ((name, RECIPES[name]) for name in LADDER)
    }
    assert stages == {
        "cifar10-19pct": (150, 0, 0, (), True, 32),
        "cifar10-18pct": (140, 0, 0, (121, 131), True, 32),
        "cifar10-13pct": (160, 5, 101, (141, 151), False, 24),
        "cifar10-11pct": (520, 5, 351, (501, 511), False, 24),
    }
    assert all(RECIPES[name].order == "file" and RECIPES[name].batch_size == 128 for name in LADDER)


def test_the_numbers_of_the_ladder() -> None:
    """Rates, decay and initial weights of every layer, as cuda-convnet's parameter files had them."""
    decay = {
        "cifar10-19pct": [0.004, 0.004, 0.004, 3],
        "cifar10-18pct": [0.004, 0.004, 0.004, 1],
        "cifar10-13pct": [0, 0, 0.004, 0.004, 0.004],
        "cifar10-11pct": [0, 0, 0.004, 0.004, 0.01],
    }
    start = {name: [1e-4, 0.01, 0.01, 0.01] for name in LADDER[:2]}
    start |= {name: [1e-4, 0.01, 0.04, 0.04, 0.01] for name in LADDER[2:]}
    for name in LADDER:
        rules = RECIPES[name].rules
        weights = {path: rule for path, rule in rules.items() if path.endswith("weight")}
        assert [rule.weight_decay for rule in weights.values()] == decay[name]
        assert {(rule.lr, rule.momentum) for rule in weights.values()} == {(0.001, 0.9)}
        biases = [rule for path, rule in rules.items() if path not in weights]
        assert {(rule.lr, rule.momentum, rule.weight_decay) for rule in biases} == {(0.002, 0.9, 0)}
        given = [float(RECIPES[name].layers[path.split(".")[0]]["initw"]) for path in weights]
        assert given == start[name]
        assert RECIPES[name].loss_scale == 1


@pytest.mark.parametrize("epoch", [1, 100, 140, 141, 150, 151, 160])
def test_only_the_rates_of_weights_fall_in_the_13_percent_recipe(epoch: int) -> None:
    r = RECIPES["cifar10-13pct"]
    expected = 0.001 / (1 if epoch < 141 else 10 if epoch < 151 else 100)
    assert r.rate(epoch, layer="local3") == pytest.approx(expected) == r.rates(epoch)[""]
    assert r.rate(epoch, layer="local3", bias=True) == 0.002


def test_a_short_form_is_two_changes() -> None:
    short = RECIPES["cifar10-13pct"].changed([("all_batches_from", 11), ("drop_epochs", [15, 16])])
    sampler = replace(short, epochs=16).sampler((10_000,) * 5)
    assert [sampler.count(epoch) for epoch in (10, 11)] == [40_000, 50_000]
    assert [short.rate(epoch, layer="conv1") for epoch in (14, 15, 16)] == pytest.approx([1e-3, 1e-4, 1e-5])


def test_a_recipe_of_a_layer_file_goes_through_json_and_changes_by_key() -> None:
    r = recipe()
    assert Recipe.from_json(r.to_json()) == r
    changed = r.changed([("layer_params.conv.1.epsW", 0.5), ("layers.fc.outputs", 5), ("layer_params.fc.wc", [0, 1])])
    assert changed.rules["conv.1.weight"].lr == 0.5 and changed.layers["fc"]["outputs"] == "5"
    assert changed.rules["fc.weight1"].weight_decay == 1
    assert changed == Recipe.from_json(changed.to_json())
    old = RECIPES["paper"].to_json()
    for name in ("layers", "layer_params", "order", "validation_batch", "all_batches_from"):
        del old[name]
    assert Recipe.from_json(old) == RECIPES["paper"]


def test_three_steps_are_those_of_cuda_convnet() -> None:
    """v <- mom v + eps g - wc eps w; w <- w + v, g minus the gradient of coeff x cost; nothing at a rate of 0.

    The two weights of fc have a rate, a momentum and a decay each, and the second a limit of its columns' norms.
    """
    r = recipe()
    network = build_network(r, 3, 3, ["cpu"])
    optimizer = optim.SGD(parameter_groups(r, network), lr=r.lr)
    values = {path: each.numpy().astype(float) for path, each in network.named_parameters()}
    start = {path: value.copy() for path, value in values.items()}
    velocity = {path: np.zeros_like(value) for path, value in values.items()}
    random = np.random.default_rng(0)
    for progress in (0.0, 0.5, 1.0):
        x = mg.tensor(random.normal(size=(4, 3, 6, 6)).astype(np.float32))
        set_rates(r, network, optimizer, 1, 0, progress)
        optimizer.zero_grad()
        (F.cross_entropy(network(x), mg.tensor([0, 1, 2, 0])) * r.loss_scale).backward()
        found = {path: each.grad.numpy() for path, each in network.named_parameters() if each.grad is not None}
        assert found.keys() == {"conv.1.bias", "fc.weight", "fc.weight1"}  # those that have a rate
        for path, eps, momentum, wc in (
            ("conv.1.bias", 0.02 * (1 - progress) + 0.002 * progress, 0.5, 0),
            ("fc.weight", 0.01, 0.9, 0.03),
            ("fc.weight1", 0.1, 0.5, 0.2),
        ):
            w = values[path]
            velocity[path] = momentum * velocity[path] - eps * found[path] - wc * eps * w
            values[path] = w + velocity[path]
        norm = np.sqrt((values["fc.weight1"] ** 2).sum(axis=1, keepdims=True))
        values["fc.weight1"] *= np.minimum(1, 0.001 * 108 / norm)
        optimizer.step()
        keep_limits(r, network)
        for path, each in network.named_parameters():
            np.testing.assert_allclose(each.numpy(), values[path], rtol=2e-5, atol=1e-7, err_msg=path)
    for path in ("conv.1.weight", "fc.bias"):
        assert np.array_equal(values[path], start[path])
    assert not np.array_equal(values["conv.1.bias"], start["conv.1.bias"])


def test_the_coefficient_of_the_cost_is_that_of_the_file() -> None:
    assert recipe().loss_scale == 2 and RECIPES["paper"].loss_scale == 1


def test_noise_on_rates_depends_on_seed_and_step_alone() -> None:
    r = recipe(PARAMS.replace("epsW=0\n", "epsW=0.1\nschedW=linear[1,1]\n"))
    assert r.noisy and not recipe().noisy
    network = build_network(r, 3, 3, ["cpu"])
    optimizer = optim.SGD(parameter_groups(r, network), lr=r.lr)
    drawn = []
    for key in ((0, 0), (0, 1), (1, 0), (0, 0)):
        set_rates(r, network, optimizer, 1, key=key)
        drawn.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]))
        assert optimizer.param_groups[2]["lr"] == 0.01
    assert len(set(drawn)) == 3 and drawn[0] == drawn[3]
    many = []
    for step in range(400):
        set_rates(r, network, optimizer, 1, key=(0, step))
        group = optimizer.param_groups[0]
        many.append((group["lr"] / 0.1, group["lr"] * group["weight_decay"] / 0.001))
    factors = np.array(many)  # of the gradient and of the decay: 1 + |N(0, 1)| each, drawn apart
    assert factors.min() >= 1 and np.allclose(factors.mean(axis=0), 1 + np.sqrt(2 / np.pi), atol=0.1)
    assert abs(np.corrcoef(factors.T)[0, 1]) < 0.15


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (PARAMS.replace("epsW=0.01,0.1", "epsW=0,0").replace("epsB=0.02", "epsB=0"), "no layer learns"),
        (PARAMS.replace("momW=0.9,0.5", "momW=0.9,1.5"), "the momentum of fc.weight1 is below 1; got 1.5"),
        (PARAMS.replace("coeff=2", ""), "coeff"),
    ],
)
def test_a_parameter_file_that_trains_nothing_is_an_error(params: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _ = recipe(params).loss_scale


def test_rates_that_the_recipe_freezes_and_drops() -> None:
    r = recipe(frozen_from={"fc": 3}, layer_drop_epochs={"conv.1": (2,)}, drop_factor=2.0)
    assert [r.rate(epoch, layer="conv.1", bias=True) for epoch in (1, 2)] == [0.02, 0.01]
    assert [r.rate(epoch, layer="fc", number=1) for epoch in (2, 3)] == [0.1, 0]
    assert r.rates(1) == {"conv.1": 0, "fc": 0.1} and r.rate(1) == 0.1 and r.rate(3) == 0
    assert recipe().rates(1) == {"": 0.1, "conv.1": 0}
    scheduled = recipe().changed([("layer_params.fc.schedW", "exp[100]")])
    assert scheduled.rates(1, progress=0.5) == {"conv.1": 0, "fc": pytest.approx(0.01)}
    assert scheduled.gradual == {"fc"} and not recipe().gradual


def test_pictures_that_all_are_small_are_taken_whole() -> None:
    def side(*shape: int) -> int:
        split = ArraySplit(np.zeros(shape, np.uint8), np.zeros(shape[0], np.int64))
        return whole_or_cropped(RECIPES["original"], split).rescale

    assert (side(2, 28, 28, 1), side(2, 32, 32, 3), side(3, 40, 64, 3)) == (28, 32, 40)
    assert side(2, 65, 32, 3) == 256


@pytest.mark.parametrize(
    ("file", "name"),
    [("nets/layers-80sec.cfg", "layers-80sec"), ("a b!.cfg", "a-b"), ("...cfg", "layer-file"), ("-.cfg", "layer-file")],
)
def test_the_name_of_a_run_is_that_of_its_layer_file(file: str, name: str) -> None:
    assert run_name(Path(file)) == name


def test_bytes_that_are_no_text_come_back_as_they_were(tmp_path: Path) -> None:
    for name, content in (("l", b"# \xe9\xff\r\n[a]\n"), ("p", b"\xef\xbb\xbf[b]\r\n")):
        (tmp_path / name).write_bytes(content)
    files = LayerFiles.read(tmp_path / "l", tmp_path / "p")
    assert files.contents() == [b"# \xe9\xff\r\n[a]\n", b"\xef\xbb\xbf[b]\r\n"]


def test_the_table_shows_layers_rates_and_stages(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [" ".join(line.split()) for line in recipe_table(RECIPES["cifar10-11pct"]).splitlines()]
    for wanted in (
        "conv1 conv 64 of 5 x 5 x 3, relu, pool max 3 x 3, stride 2, cmrnorm over 9 maps N(0, 0.0001) 0 0, biases 0",
        "local3 local 64 of 3 x 3 x 64, relu N(0, 0.04) 0 0.004, biases 0",
        "501-510 0.0001, 0.002",
        "511-520 1e-05, 0.002",
    ):
        assert wanted in rows
    text = " ".join(rows)
    assert "in the order of the files, never shuffled; data batch 5 for validation, from epoch 351 on trained" in text
    rows = [" ".join(line.split()) for line in recipe_table(recipe()).splitlines()]
    assert "fc fc 3 of 32 and 108 N(0, 0.1) 0 0.03 and 0.2, biases 0" in rows
    assert "epochs conv.1 (biases linear to 1 / 10) fc" in rows and "1-10 0, from 0.02 0.01 and 0.1, 0" in rows
    assert "conv.1.bias: linear to 1 / 10" in " ".join(rows)
    assert recipes.main(["cifar10-13pct", "--set", "layer_params.conv1.schedW=exp[250]"]) == 0
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "schedules conv1.weight: exp to 1 / 250" in rows
    assert "epochs conv1 (weights exp to 1 / 250) conv2, local3, local4, fc10" in rows
    # of 4 x 100 + 5 x 60 data batches, 600 and 650 are done at epochs 141 and 151: 250^-(6/7) / 10, 250^-(13/14) / 100
    assert "1-140 from 0.001, 0.002 0.001, 0.002" in rows and "151-160 from 5.93e-08, 0.002 1e-05, 0.002" in rows
    assert "141-150 from 8.8e-07, 0.002 0.0001, 0.002" in rows
    assert all(max(map(len, recipe_table(RECIPES[name], 80).splitlines())) <= 80 for name in LADDER)
