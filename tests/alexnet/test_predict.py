"""Looking at pictures with a trained network, as a user does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigrad as mg
from alexnet import evaluate, figures, predict, train
from alexnet.data import Statistics
from alexnet.inference.predictor import Predictor
from alexnet.run.trained import load_predictor
from minigrad import nn


def run(command: object, *arguments: object) -> int:
    return command.main([str(argument) for argument in arguments])  # type: ignore[attr-defined,no-any-return]


def test_predict_names_labels_and_neighbours(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = place / "pictures" / "train" / "n3" / "2.png"
    figure, filters = tmp_path / "figure.png", tmp_path / "filters.png"
    arguments = [place / "run0", image, "--figure", figure, "--nearest", place / "store", "--filters", filters]
    assert run(predict, *arguments) == 0
    out = capsys.readouterr().out.splitlines()
    assert str(image) in out
    labels = [line for line in out if " %  word n" in line]
    percents = [float(line.split()[0]) for line in labels]
    assert len(labels) == 5 and percents == sorted(percents, reverse=True) and sum(percents) <= 100.1
    neighbours = out[out.index(next(line for line in out if "nearest training pictures" in line)) + 1 :][:6]
    assert neighbours[0].split()[:2] == ["0.00", "n3/2.png"]  # it is a training picture itself
    distances = [float(line.split()[0]) for line in neighbours]
    assert distances == sorted(distances) and distances[1] > 0
    model = load_predictor(place / "run0", True, ["cpu:0"]).model
    figures.save_figure(figures.filters(figures.first_filters(model)), tmp_path / "expected.png")
    assert filters.read_bytes() == (tmp_path / "expected.png").read_bytes()
    with Image.open(figure) as picture:  # a row, with the six neighbours at the right
        assert picture.width == pytest.approx(120 * (6 + 1.7 * 6), abs=2)
        right = np.asarray(picture.convert("RGB"))[:, picture.width // 2 :]
    assert (right.min(axis=2) < 250).mean() > 0.2  # they are drawn: it is not white


def test_answers_for_programs(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of JSON for each picture that can be read, nothing else on stdout; the numbers of the text."""
    images = [place / "pictures" / "train" / "n3" / f"{number}.png" for number in (2, 1)]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    flags = ("--nearest", place / "store", "--figure", tmp_path / "figure.png")
    assert run(predict, place / "run0", *images, tmp_path / "broken.png", "--json", *flags) == 2
    told = capsys.readouterr()
    answers = [json.loads(line) for line in told.out.splitlines()]
    assert [answer["image"] for answer in answers] == [str(image) for image in images]
    assert "broken.png cannot be read" in told.err and "figure.png" in told.err
    assert run(predict, place / "run0", *images, *flags) == 0
    text = capsys.readouterr().out
    for answer in answers:
        assert len(answer["labels"]) == 5 and len(answer["nearest"]) == 6
        for label in answer["labels"]:
            assert f"{100 * label['probability']:6.2f} %  {label['words']}\n" in text
            assert label["id"] in label["words"]
        for near in answer["nearest"]:
            assert f"{near['distance']:8.2f}  {near['name']}  ({near['words']})\n" in text


def test_a_gray_network_sees_colour_files(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    names = ["a", "b"]
    none = Statistics(np.zeros((1, 8, 8), np.float32), None, None)
    predictor = Predictor(model, mg.device("cpu"), 8, 6, none, names, names)
    image = np.full((5, 4, 3), (100, 50, 200), np.uint8)
    gray = predict._channels(image, predictor)
    assert gray.shape == (5, 4, 1) and gray[0, 0, 0] == round(0.299 * 100 + 0.587 * 50 + 0.114 * 200)


def test_pictures_are_looked_at_in_batches(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many as the memory holds, and the answers are those that each picture gets alone."""
    images = sorted((place / "pictures" / "val").rglob("*.png"))[:7]
    more = ["--figure", tmp_path / "figure.png", "--nearest", place / "store"]
    assert run(predict, place / "run0", *images, *more) == 0
    whole = capsys.readouterr().out
    sizes, probabilities = [], Predictor.probabilities

    def noted(self: Predictor, pictures: np.ndarray, count: int) -> np.ndarray:
        sizes.append(len(pictures))
        return probabilities(self, pictures, count)

    monkeypatch.setattr(Predictor, "probabilities", noted)
    monkeypatch.setattr(predict, "BATCH", 3)
    assert run(predict, place / "run0", *images, *more) == 0
    assert sizes == [3, 3, 1] and capsys.readouterr().out == whole


def test_a_network_that_sees_whole_pictures_has_one_view(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--recipe", "cifar10-80sec", "--data", place / "pictures", "--epochs", 1, "--out", tmp_path / "run"]
    assert run(train, *arguments) == 0
    for runs in ([tmp_path / "run"], [place / "run0", tmp_path / "run"]):
        capsys.readouterr()
        assert run(evaluate, *runs, "--data", place / "pictures", "--views", 10) == 2
        printed = capsys.readouterr()
        assert "run sees the whole picture (32 x 32), of which there is one view and no corners" in printed.err
        assert not printed.out
    counts, probabilities = [], Predictor.probabilities

    def noted(self: Predictor, pictures: np.ndarray, count: int) -> np.ndarray:
        counts.append(count)
        return probabilities(self, pictures, count)

    monkeypatch.setattr(Predictor, "probabilities", noted)
    assert run(predict, tmp_path / "run", place / "pictures" / "val" / "n1" / "0.png") == 0
    assert run(predict, place / "run0", place / "pictures" / "val" / "n1" / "0.png") == 0
    assert counts == [1, 10]


def test_pictures_that_cannot_be_read_are_named_and_the_others_have_their_answers(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "BATCH", 2)
    good, other = (place / "pictures" / "val" / "n1" / name for name in ("0.png", "1.png"))
    bad, gone, figure = tmp_path / "bad.png", tmp_path / "gone.png", tmp_path / "figure.png"
    bad.write_bytes(b"no picture")
    assert run(predict, place / "run0", good, other) == 0
    answers = capsys.readouterr().out
    assert run(predict, place / "run0", bad, gone, good, bad, other, "--figure", figure) == 2
    printed = capsys.readouterr()
    assert printed.out == f"{answers}{figure}: Figure 4 of the paper, with these pictures\n"
    (error,) = printed.err.splitlines()
    assert f"{bad} cannot be read as an image" in error and f"there is no file {gone}" in error
    assert figure.exists()
    figure.unlink()
    assert run(predict, place / "run0", bad, "--figure", figure) == 2
    printed = capsys.readouterr()
    assert f"{bad} cannot be read as an image" in printed.err and not printed.out and not figure.exists()


def test_what_is_odd_about_a_picture_is_one_sentence(place: Path, tmp_path: Path) -> None:
    """Pillow's own warning, which tells of a denial of service, is not shown besides."""
    Image.new("1", (12000, 8000)).save(tmp_path / "large.png")
    command = [sys.executable, "-m", "alexnet.predict", str(place / "run0"), str(tmp_path / "large.png")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    (error,) = result.stderr.splitlines()
    assert result.returncode == 2 and "large.png cannot be read as an image (12000 x 8000 is above" in error
