"""The checks behind the tests of what the paper says of rates, crops, the mean and errors, as plain functions: the
tests call them, and `alexnet/test_mutants.py` calls them on broken versions to see that they fail.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from alexnet import scores
from alexnet.data import Augmentation, DataError, RescaledSplit, Statistics, augmentation, statistics
from alexnet.data.splits import ArraySplit
from alexnet.model.alexnet import LAYERS
from alexnet.recipes import RECIPES, Recipe, build_network, optimisation
from alexnet.run.progress import Progress
from minigrad import optim

# rates

# The record of the authors' own program: epochs, and the rates of conv1's weights and of the other layers'.
RECORD = [
    (range(1, 25), 0.01, 0.01),
    (range(25, 51), 0.001, 0.001),
    (range(51, 67), 0.0001, 0.0001),
    (range(67, 72), 0.00001, 0.0001),
    (range(72, 79), 0.0, 0.0001),
    (range(79, 91), 0.0, 0.00001),
]


def check_rates_of_the_paper() -> None:
    """Section 5: one rate for all layers, divided by 10 three times."""
    paper = RECIPES["paper"]
    rates = [paper.rate(1, drops, layer, bias) for drops in range(4) for layer in LAYERS for bias in (False, True)]
    np.testing.assert_allclose(rates, np.repeat([0.01, 0.001, 0.0001, 0.00001], 16))


def check_rates_of_the_original() -> None:
    """Of every layer, weights and biases, at each epoch; and the decay."""
    original = RECIPES["original"]
    options = {**original.network_options, "width": 1 / 16, "weight_std": None}
    small = replace(original, network_options=options, augmentation=replace(original.augmentation, crop=67))
    network = build_network(small, 5, 3, ["cpu:0", "cpu:1"])
    optimizer = optim.SGD(optimisation.parameter_groups(small, network), lr=small.lr)
    names = [name.split(".")[-2:] for name, _ in network.named_parameters()]
    assert {layer for layer, _ in names} == set(LAYERS) and len(names) == 2 * 15
    assert [epoch for epochs, _, _ in RECORD for epoch in epochs] == list(range(1, small.epochs + 1))
    for epochs, first, others in RECORD:
        for epoch in epochs:
            optimisation.set_rates(small, network, optimizer, epoch)
            for (layer, kind), group in zip(names, optimizer.param_groups, strict=True):
                weight = first if layer == "conv1" else others
                wanted = weight if kind == "weight" else 0.02 if weight else 0.0
                assert group["lr"] == pytest.approx(wanted, rel=1e-12, abs=0), (epoch, layer, kind)
                assert group["momentum"] == 0.9
                assert group["weight_decay"] == (0.0005 if kind == "weight" else 0.0)


def check_rates_by_layer() -> None:
    """Where a layer has a rate or epochs of its own, beside divisions by epoch and by the error."""
    recipe: Recipe = replace(
        RECIPES["paper"],
        layer_lr={"fc8": 0.1},
        drop_epochs=(5,),
        layer_drop_epochs={"conv2": ()},
        bias_lr_factor=3.0,
    )
    rates = [
        recipe.rate(epoch, drops, layer) for layer in ("fc8", "conv2", "conv1") for epoch, drops in ((4, 0), (5, 1))
    ]
    np.testing.assert_allclose(rates, [0.1, 0.001, 0.01, 0.001, 0.01, 0.0001])
    np.testing.assert_allclose([recipe.rate(5, 1, "fc8", bias=True), recipe.rate(1, bias=True)], [0.003, 0.03])


def check_patience() -> None:
    """Section 5: the rate falls when the validation error has stopped improving, three times at most."""
    progress, drops, best = Progress(), [], []
    for top1 in (60.0, 50.0, 50.0, 55.0, 45.0, 46.0, 45.0, 47.0, 48.0, 49.0, 45.0, 44.0):
        best.append(progress.judge(top1, patience=2, most_drops=3))
        drops.append(progress.drops)
        progress.epoch += 1
    assert drops == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3]
    assert [number for number, each in enumerate(best, 1) if each] == [1, 2, 5, 12]
    assert (progress.best_top1, progress.best_epoch) == (44.0, 12)
    assert not any(never.judge(50.0, 0, 3) and never.drops for never in [Progress(best_top1=40.0)] for _ in range(9))


# crops

SIZE = 9
NO_MEAN = Statistics(np.zeros((1, SIZE, SIZE), np.float32), None, None)
# Each pixel is its own place, row * 16 + column: a crop shows where it was taken.
PLACES = (np.arange(SIZE)[:, None] * 16 + np.arange(SIZE)).astype(np.uint8)


def colour_statistics(mean: float = 0.0) -> Statistics:
    """A flat mean, and colours that vary along directions of which none is red, green or blue."""
    vectors = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0].astype(np.float32)
    return Statistics(np.full((3, SIZE, SIZE), mean, np.float32), np.array([120, 30, 15], np.float32), vectors)


def crops(count: int, settings: Augmentation, epoch: int = 0, seed: int = 0) -> np.ndarray:
    """Crops of as many pictures of places: integers (count, crop, crop)."""
    images = np.broadcast_to(PLACES, (count, 1, SIZE, SIZE))
    return augmentation.augment(images, np.arange(count), epoch, seed, settings, NO_MEAN)[:, 0].astype(int)


def check_random_crops() -> None:
    """Section 4.1: every position and both directions occur, as often, and independently of each other."""
    crop = 6
    found = crops(4000, Augmentation(crop))
    mirrored = found[:, 0, 0] > found[:, 0, -1]
    upright = np.where(mirrored[:, None, None], found[:, :, ::-1], found)
    top, left = upright[:, 0, 0] // 16, upright[:, 0, 0] % 16
    expected = top[:, None, None] * 16 + left[:, None, None] + PLACES[:crop, :crop]
    assert np.array_equal(upright, expected)  # a piece of the picture, not more
    counts = np.zeros((SIZE - crop + 1, SIZE - crop + 1), int)
    np.add.at(counts, (top, left), 1)
    assert counts.min() > 250 - 5 * 16 and counts.max() < 250 + 5 * 16
    assert abs(mirrored.mean() - 0.5) < 5 * 0.5 / np.sqrt(4000)
    assert abs(np.corrcoef(mirrored, top)[0, 1]) < 0.08 and abs(np.corrcoef(top, left)[0, 1]) < 0.08


def check_epochs_and_seeds_differ() -> None:
    """Another epoch, or another seed, cuts the same pictures elsewhere."""
    first = crops(50, Augmentation(4))
    assert not np.array_equal(first, crops(50, Augmentation(4), epoch=1))
    assert not np.array_equal(first, crops(50, Augmentation(4), seed=1))
    assert not np.array_equal(first, crops(50, Augmentation(4), seed=2**40))


def check_views(count: int) -> None:
    """Section 4.1: the centre and the four corners, each followed by its mirror image, minus the mean's centre.

    Nine views are 3 x 3 places, none of them mirrored.
    """
    images = np.random.default_rng(0).integers(0, 256, (4, 3, SIZE, SIZE), dtype=np.uint8)
    measured = Statistics(np.random.default_rng(1).uniform(0, 255, (3, SIZE, SIZE)).astype(np.float32), None, None)
    found = list(augmentation.views(images, 6, measured, count))
    assert len(found) == count and found[0].dtype == np.float32
    assert np.array_equal(found[4 if count == 9 else 0], augmentation.centre_view(images, 6, measured))
    mean = measured.mean[:, 1:7, 1:7]
    corners = [images[:, :, top : top + 6, left : left + 6] for top in (0, 3) for left in (0, 3)]
    expected = [patch[..., ::step] - mean for patch in [images[:, :, 1:7, 1:7], *corners] for step in (1, -1)]
    if count == 9:
        expected = [images[:, :, top : top + 6, left : left + 6] - mean for top in (0, 1, 3) for left in (0, 1, 3)]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=False))
    with pytest.raises(DataError, match=r"tested on 1 view, on 9 or on 10, got 5"):
        next(augmentation.views(images, 6, measured, 5))


# the mean, and colours


def check_subtracted_mean() -> None:
    """The centre of the mean image is subtracted, wherever the crop is."""
    mean = np.random.default_rng(0).uniform(0, 255, (1, SIZE, SIZE)).astype(np.float32)
    images, measured = np.full((30, 1, SIZE, SIZE), 100, np.uint8), Statistics(mean, None, None)
    result = augmentation.augment(images, np.arange(30), 0, 0, Augmentation(4), measured)
    assert np.array_equal(result, np.broadcast_to(100 - mean[:, 2:6, 2:6], result.shape))
    assert np.array_equal(augmentation.centre_view(images, 4, measured), result)


def check_colour_noise() -> None:
    """Section 4.1: normal multiples of the components, one shift for all pixels of a picture."""
    measured, count = colour_statistics(100), 20_000
    images = np.full((count, 3, SIZE, SIZE), 100, np.uint8)
    result = augmentation.augment(images, np.arange(count), 3, 7, Augmentation(2, colour_noise=0.1), measured)
    assert np.ptp(result, axis=(2, 3)).max() == 0
    assert measured.component_vectors is not None
    alphas = result[:, :, 0, 0].astype(float) @ measured.component_vectors / measured.component_std
    assert np.abs(alphas.mean(axis=0)).max() < 5 * 0.1 / np.sqrt(count)
    assert np.abs(np.cov(alphas.T) / 0.01 - np.eye(3)).max() < 0.06
    assert (np.abs(alphas / 0.1) < 1).mean() == pytest.approx(0.6827, abs=0.01)
    assert not augmentation.augment(images, np.arange(count), 3, 7, Augmentation(2), measured).any()


def check_statistics() -> None:
    """Section 2's mean image and section 4.1's components, against their definition; in many parts."""
    rng = np.random.default_rng(0)
    mixing = np.array([[60, 20, 5], [50, -25, 3], [40, 10, -12]])
    pixels = np.clip(128 + rng.standard_normal((40, 8, 8, 3)) @ mixing.T, 0, 255).astype(np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_CHUNK", 3 * 64 * 7)
        found = statistics.measure(RescaledSplit(ArraySplit(pixels, np.zeros(40)), 8))
    std, vectors = found.component_std, found.component_vectors
    assert std is not None and vectors is not None and found.mean.dtype == std.dtype == vectors.dtype == np.float32
    assert np.allclose(found.mean, pixels.mean(axis=0).transpose(2, 0, 1), atol=1e-4)

    covariance = np.cov(pixels.reshape(-1, 3).T.astype(float), bias=True)
    std, vectors = std.astype(float), vectors.astype(float)
    assert (np.diff(std) < 0).all()
    assert np.allclose(covariance @ vectors, vectors * std**2, rtol=1e-4, atol=1e-2)
    assert np.allclose(vectors.T @ vectors, np.eye(3), atol=1e-6)
    assert (vectors[np.abs(vectors).argmax(axis=0), range(3)] > 0).all()


# errors


def check_errors() -> None:
    """Top-1 and top-5 error against their definition, with many ties, and in parts."""
    said = np.random.default_rng(0).integers(0, 4, (300, 9)).astype(float)
    labels = np.random.default_rng(1).integers(0, 9, 300)
    wrong1 = wrong5 = 0
    for row, label in zip(said, labels, strict=True):
        ranking = sorted(range(9), key=lambda other: (-row[other], other))
        wrong1 += ranking[0] != label
        wrong5 += label not in ranking[:5]
    expected = scores.Errors(wrong1, wrong5, 300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "SORTED_AT_ONCE", 128)
        assert scores.errors(said, labels) == expected
    assert scores.errors(said[:100], labels[:100]) + scores.errors(said[100:], labels[100:]) == expected
    assert math.isclose(expected.top1_percent, wrong1 / 3) and math.isclose(expected.top5_percent, wrong5 / 3)
