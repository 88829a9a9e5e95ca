"""What a network says of pictures, on one view and on ten."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import LayerNet, read_sections
from alexnet.data import RescaledSplit, Statistics, open_dataset
from alexnet.data.splits import ArraySplit
from alexnet.inference.predictor import Predictor, probabilities_of
from alexnet.run.trained import load_predictor
from alexnet.scores import Errors, errors
from minigrad import nn


class Colour(nn.Module):
    """Classes by the mean of the picture: with the right `values` it makes no mistake."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = mg.tensor(values.reshape(1, -1).astype(np.float32))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        mean = x.flatten(1).mean(dim=1, keepdim=True)
        return -((mean - self.values) ** 2)


def predictor_of(model: nn.Module, classes: int, size: int = 8, crop: int = 6) -> Predictor:
    names = [str(number) for number in range(classes)]
    none = Statistics(np.zeros((3, size, size), np.float32), None, None)
    return Predictor(model, mg.device("cpu"), size, crop, none, names, names)


@pytest.mark.parametrize("views", [1, 10])
def test_a_perfect_model_makes_no_error_and_a_random_one_as_many_as_chance(views: int) -> None:
    labels = np.arange(2000) % 20
    pixels = np.broadcast_to((12 * labels)[:, None, None, None], (2000, 8, 8, 3)).astype(np.uint8)
    split = ArraySplit(pixels, labels)
    perfect = probabilities_of(predictor_of(Colour(12.0 * np.arange(20)), 20), split, views)[0]
    assert errors(perfect, split.labels) == Errors(0, 0, 2000)

    noise = ArraySplit(np.random.default_rng(0).integers(0, 256, (2000, 8, 8, 3), dtype=np.uint8), labels)
    random = nn.Sequential(nn.Flatten(), nn.Linear(3 * 36, 20))
    found = errors(probabilities_of(predictor_of(random, 20), noise, views)[0], noise.labels)
    for percent, chance in ((found.top1_percent, 95.0), (found.top5_percent, 75.0)):
        assert abs(percent - chance) < 5 * np.sqrt(chance * (100 - chance) / 2000)


def test_ten_views_are_ten_single_views_averaged(place: Path) -> None:
    predictor = load_predictor(place / "run0", True, ["cpu:0"])
    pictures = RescaledSplit(open_dataset(place / "store").val, 72).batch(np.array([4, 9]))
    mean = predictor.statistics.mean[:, 4:68, 4:68]
    total = np.zeros((2, 6))
    with mg.no_grad():
        for top, left in ((4, 4), (0, 0), (0, 8), (8, 0), (8, 8)):
            for step in (1, -1):
                view = pictures[:, :, top : top + 64, left : left + 64][..., ::step] - mean
                total += F.softmax(predictor.model(mg.tensor(view)), dim=1).numpy()
    np.testing.assert_array_equal(predictor.probabilities(pictures, 10), total / 10)
    assert np.abs(total / 10 - predictor.probabilities(pictures, 1)).max() > 1e-4
    np.testing.assert_allclose(total.sum(axis=1), 10, rtol=1e-6)


def test_evaluating_keeps_no_pictures(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked for once: memory does not grow with the split."""
    count = 3000
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 40, 40, 3))
    split = ArraySplit(pixels, np.zeros(count, np.int64))
    predictor = predictor_of(Colour(np.arange(4.0)), 4, size=41, crop=30)
    tracemalloc.start()
    probabilities_of(predictor, split, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000 < count * 3 * 41 * 41


LAYERS = """
[data]
type=data
dataIdx=0
[labels]
type=data
dataIdx=1
[fca]
type=fc
inputs=data
outputs=3
initW=0.1
[fcb]
type=fc
inputs=data,fca
outputs=4
initW=0.1,0.1
[both]
type=concat
inputs=fca,fcb
[probs]
type=softmax
inputs=LAST
[logprob]
type=cost.logreg
inputs=labels,probs
"""


def test_the_hidden_units_of_a_layer_file_are_what_its_last_layer_reads() -> None:
    """All inputs, one after the other."""
    text = LAYERS.replace("LAST", "fcb").replace("[both]\ntype=concat\ninputs=fca,fcb\n", "")
    predictor = predictor_of(LayerNet(read_sections(text, "x"), {}, 6, 3, 4), 4)
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    found = predictor.hidden(images)
    assert found.shape == (5, 3 * 36 + 3) and predictor.units == 111
    assert np.array_equal(found[:, :108], images[:, :, 1:7, 1:7].reshape(5, -1))
    state = predictor.model.state_dict()
    expected = found[:, :108] @ state["fca.weight"].numpy().T + state["fca.bias"].numpy()
    np.testing.assert_allclose(found[:, 108:], expected, rtol=1e-4)


def test_a_layer_file_that_ends_in_something_else_has_none() -> None:
    predictor = predictor_of(LayerNet(read_sections(LAYERS.replace("LAST", "both"), "x"), {}, 6, 3, 7), 7)
    images = np.zeros((2, 3, 8, 8), np.uint8)
    assert predictor.probabilities(images, 9).shape == (2, 7)
    for asked in (lambda: predictor.units, lambda: predictor.hidden(images)):
        with pytest.raises(ValueError, match="not fully-connected, so it has no last hidden layer"):
            asked()
