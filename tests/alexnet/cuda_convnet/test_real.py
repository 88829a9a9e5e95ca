"""The files of 2011 and 2012 themselves, where MINIGRAD_LAYER_FILES names a folder that has them, anywhere below."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from layer_files import params_of

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import (
    LayerFileError,
    LayerNet,
    late_start,
    loss_scale,
    parameter_rules,
    project,
    read_sections,
    read_text,
    remarks,
)
from minigrad import optim

FOLDER = os.environ.get("MINIGRAD_LAYER_FILES", "")
FILES, PARAMETER_FILES = (
    sorted(Path(FOLDER).rglob(f"{kind}*.cfg")) if FOLDER else [] for kind in ("layers", "layer-params")
)

# Parameters of the ImageNet nets, of 224 x 224, by classes; and of those for CIFAR-10, by the side of the pictures.
IMAGENET = {
    1000: {
        60_965_224: "145 147 148 149 153 166 167 177 178",
        60_870_376: "99 100 106 110 112 118 120 121 126 131 134 135 135-2009-2012 137",
        61_460_456: "141 141-2009-2010 141-2009-2012",
        61_555_304: "146-2012-2009 146-2012-2011",
        61_091_560: "132 133",
        60_547_048: "inet-5layer-conv94-2gpu 98-16kinit",
        59_798_312: "145-half",
        60_714_408: "150",
        52_507_368: "109",
        77_651_688: "111",
        60_886_760: "113",
        140_523_240: "114",
        102_768_360: "115-jpeg",
        100_858_344: "116",
        84_490_600: "117",
        99_749_352: "120-4gpu",
        60_796_776: "127",
        60_943_976: "128",
        61_557_992: "129",
        62_666_984: "130",
    },
    10184: {
        98_497_224: "2009-101 131-2009 135-2009",
        99_087_304: "141-2009 141-2009-half",
        99_182_152: "146-2009",
        116_262_856: "153-4gpu",
        118_260_936: "183-4gpu",
        102_695_880: "184-4gpu",
    },
    16649: {124_661_001: "96-16k"},
    21843: {110_605_267: "146-2011"},
}
CIFAR = {
    32: {145_578: "80sec", 89_578: "19pct 18pct", 360_522: "gc"},
    24: {1_116_490: "conv-local-13pct conv-local-12pct", 2_112_970: "conv-local-11pct"},
}
REFUSED = {
    "137-tree": "treefc",
    "146-2009-tree": "treefc",
    "flickr-102": "several classes",
    "flickr-102-inet-init": "several classes",
    "flickr-103": "several classes",
    "flickr-105": "several classes",
}
KNOWN = {
    name: (224, classes, parameters)
    for classes, table in IMAGENET.items()
    for parameters, names in table.items()
    for name in names.split()
} | {
    name: (side, 10, parameters)
    for side, table in CIFAR.items()
    for parameters, names in table.items()
    for name in names.split()
}


@pytest.mark.skipif(not FILES, reason="MINIGRAD_LAYER_FILES names no folder with layer files")
@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_file_of_2012_is_built_and_trained_for_a_step(file: Path) -> None:
    """In small, by the rates of its parameter file; where there is none, or it holds the end of a run, by others."""
    name = file.stem.removeprefix("layers").lstrip("-.")
    text = read_text(file)
    layers = read_sections(text, file.name)
    if name in REFUSED:
        with pytest.raises(LayerFileError, match=REFUSED[name]):
            LayerNet(layers, {}, 224, 3, 10003)
        return
    side, classes, parameters = KNOWN.get(name, (32, 10, 0))
    whole = LayerNet(layers, {}, side, 3, classes)
    assert sum(p.numel() for p in whole.parameters()) == parameters or not parameters

    beside = file.with_name(file.name.replace("layers", "layer-params"))
    said = read_text(beside) if beside.exists() else params_of(text)
    params = read_sections(said, beside.name)
    assert all(file.name in each or beside.name in each for each in remarks(layers, params, file.name, beside.name))
    late = late_start(params, said)
    net = LayerNet(layers, params, side, 3, classes, devices=["cpu:0", "cpu:1"], filter_scale=16)
    rules = parameter_rules(layers, params)
    assert rules.keys() == dict(net.named_parameters()).keys()
    optimizer = optim.SGD(
        [
            {"params": [p], "lr": rules[path].rate(0.0), "weight_decay": rules[path].weight_decay}
            for path, p in net.named_parameters()
        ],
        lr=1,
    )
    x = mg.tensor((np.random.default_rng(0).standard_normal((2, 3, side, side)) * 60).astype(np.float32))
    (F.cross_entropy(net(x), mg.tensor(np.array([0, 1]))) * loss_scale(layers, params)).backward()
    optimizer.step()
    for path, p in net.named_parameters():
        project(p, rules[path])
        assert np.isfinite(p.numpy()).all() and (p.grad.numpy().any() or path.endswith("bias")), path
    frozen = {path.split(".")[0] for path, rule in rules.items() if "weight" in path and not rule.lr}
    assert bool(late) >= bool(frozen) and all(layer in late for layer in frozen)


def test_every_number_is_of_one_file() -> None:
    assert len(KNOWN) == 57 + 7 and not KNOWN.keys() & REFUSED.keys()


@pytest.mark.skipif(not FILES, reason="MINIGRAD_LAYER_FILES names no folder with layer files")
@pytest.mark.parametrize("file", PARAMETER_FILES, ids=lambda f: f.stem)
def test_a_parameter_file_of_2012_is_read(file: Path) -> None:
    params = read_sections(read_text(file), file.name)
    assert params and isinstance(late_start(params, read_text(file)), str)
