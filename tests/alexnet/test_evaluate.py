"""Evaluating and predicting with trained networks, as a user does it, on a few small pictures."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import minigrad as mg
import minigrad.functional as F
from alexnet import evaluate, figures, predict, train
from alexnet.data import RescaledSplit, Statistics, open_dataset
from alexnet.data.preparation import prepare
from alexnet.data.splits import ArraySplit
from alexnet.nearest import open_index
from alexnet.prediction import Errors, Predictor, errors, load_predictor, probabilities_of
from minigrad import checkpoint, nn

CLASSES = ("n1", "n2", "n3", "n4", "n5", "n6")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures of six colours, a store of them, and two runs of a very small AlexNet."""
    folder = tmp_path_factory.mktemp("place")
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for label, name in enumerate(CLASSES):
            into = folder / "pictures" / split / name
            into.mkdir(parents=True)
            for number in range(count):
                pixels = random.normal(30 + 40 * label, 15, (80, 90, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(into / f"{number}.png")
    (folder / "pictures" / "synset_words.txt").write_text("\n".join(f"{name} word {name}, other" for name in CLASSES))
    prepare(open_dataset(folder / "pictures"), folder / "store", 1, size=72)
    with pytest.MonkeyPatch.context() as patch:
        shapes = train.RECIPES["shapes"]
        options = {**shapes.network_options, "width": 1 / 16}
        patch.setitem(train.RECIPES, "shapes", replace(shapes, network_options=options, batch_size=12))
        for seed in (0, 1):
            arguments = ["--data", folder / "store", "--epochs", 1, "--seed", seed, "--out", folder / f"run{seed}"]
            assert train.main([str(each) for each in arguments]) == 0
    return folder


def run(command: object, *arguments: object) -> int:
    return command.main([str(argument) for argument in arguments])  # type: ignore[attr-defined,no-any-return]


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


def test_errors_against_their_definition() -> None:
    scores = np.random.default_rng(0).integers(0, 4, (300, 9)).astype(float)  # with many ties
    labels = np.random.default_rng(1).integers(0, 9, 300)
    wrong1 = wrong5 = 0
    for row, label in zip(scores, labels, strict=True):
        ranking = sorted(range(9), key=lambda other: (-row[other], other))
        wrong1 += ranking[0] != label
        wrong5 += label not in ranking[:5]
    assert errors(scores, labels) == Errors(wrong1, wrong5, 300)
    assert errors(scores[:100], labels[:100]) + errors(scores[100:], labels[100:]) == Errors(wrong1, wrong5, 300)


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


def test_evaluate_agrees_with_the_log(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(evaluate, place / "run0") == 0
    out = capsys.readouterr().out
    line = json.loads((place / "run0" / "log.jsonl").read_text().splitlines()[-1])
    wrong = round(line["val_top1"] * 18 / 100)
    assert out.startswith("pictures, val, 1 view\n\n")
    assert f"top-1 error {line['val_top1']:6.2f} % ({wrong} of 18)" in out
    assert f"top-5 error {line['val_top5']:6.2f} % (" in out


def test_an_ensemble_averages(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [place / "run0", place / "run1"]
    assert run(evaluate, *runs, "--views", 10, "--checkpoint", "latest", "--data", place / "pictures") == 0
    out = capsys.readouterr().out
    val = open_dataset(place / "store").val
    parts = [probabilities_of(load_predictor(each, False, ["cpu:0"]), val, 10)[0] for each in runs]
    expected = errors(parts[0] + parts[1], val.labels)
    assert f"average of 2{'':{len(str(runs[0])) - 12}s}  top-1 error {expected.top1_percent:6.2f} %" in out
    assert out.count("top-1 error") == 3


def test_the_report(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(evaluate, place / "run0", "--report", tmp_path / "out") == 0
    assert (tmp_path / "out" / "table.txt").read_text() in capsys.readouterr().out
    with (tmp_path / "out" / "confusion.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header[1:] == list(CLASSES) and [row[0] for row in rows] == list(CLASSES)
    counts = np.array([row[1:] for row in rows], int)
    assert counts.sum(axis=1).tolist() == [3] * 6
    found = errors(
        probabilities_of(load_predictor(place / "run0", True, ["cpu:0"]), open_dataset(place / "store").val, 1)[0],
        open_dataset(place / "store").val.labels,
    )
    assert 18 - np.trace(counts) == found.top1
    figures.save_figure(figures.confusion(counts, open_dataset(place / "store").classes), tmp_path / "confusion.png")
    assert (tmp_path / "out" / "confusion.png").read_bytes() == (tmp_path / "confusion.png").read_bytes()


def test_the_report_shows_the_surest_mistakes_first(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[figures.Mistake] = []
    monkeypatch.setattr(figures, "mistakes", lambda worst: drawn.extend(worst) or Figure())
    assert run(evaluate, place / "run0", "--report", tmp_path / "out") == 0
    data = open_dataset(place / "store")
    seen = probabilities_of(load_predictor(place / "run0", True, ["cpu:0"]), data.val, 1)[0]
    wrong = np.flatnonzero(seen.argmax(axis=1) != data.val.labels)
    order = sorted(wrong, key=lambda index: -seen[index].max())[: evaluate.MISTAKES]
    assert len(drawn) == len(order) > 2
    for mistake, index in zip(drawn, order, strict=True):
        assert mistake.true == data.classes[data.val.labels[index]] and mistake.probability == seen[index].max()
        assert mistake.said == data.classes[seen[index].argmax()]
        np.testing.assert_array_equal(mistake.image, data.val.image(index))
    with Image.open(tmp_path / "out" / "mistakes.png") as picture:
        assert picture.format == "PNG"


def test_a_picture_that_cannot_be_read_is_left_out_and_told(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also by the average and by the report; a batch without one that can be read is none."""
    shutil.copytree(place / "pictures", tmp_path / "pictures")
    damaged = tmp_path / "pictures/val/n2/1.png"
    damaged.write_bytes(b"no picture")
    monkeypatch.setattr("alexnet.prediction.REJECTED_SHARE", 0.1)
    monkeypatch.setattr("alexnet.prediction.BATCH", 1)
    runs = [place / "run0", place / "run1"]
    assert run(evaluate, *runs, "--data", tmp_path / "pictures", "--report", tmp_path / "out") == 0
    out = capsys.readouterr().out
    assert f"1 of 18 pictures left out: {damaged} cannot be read as an image" in out and out.count("of 17)") == 6
    assert (tmp_path / "out" / "table.txt").read_text() in out
    val = open_dataset(place / "store").val
    others = np.delete(np.arange(18), 4)
    parts = [probabilities_of(load_predictor(each, True, ["cpu:0"]), val, 1)[0][others] for each in runs]
    for name, part in (("run0", parts[0]), ("run1", parts[1]), ("average of 2", parts[0] + parts[1])):
        expected = errors(part, val.labels[others])
        line = next(line for line in out.splitlines() if name in line)
        assert line.endswith(f"top-1 error {expected.top1_percent:6.2f} % ({expected.top1} of 17)")
    with (tmp_path / "out" / "confusion.csv").open(newline="") as file:
        counts = np.array([row[1:] for row in list(csv.reader(file))[1:]], int)
    assert counts.sum(axis=1).tolist() == [3, 2, 3, 3, 3, 3] and 17 - np.trace(counts) == expected.top1


def test_more_than_one_percent_that_cannot_be_read_are_too_many(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place / "pictures", tmp_path / "pictures")
    damaged = tmp_path / "pictures/val/n2/1.png"
    damaged.write_bytes(b"no picture")
    assert run(evaluate, place / "run0", "--data", tmp_path / "pictures", "--report", tmp_path / "out") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert f"1 of 18 pictures could not be read, more than 1 %; the last: {damaged} cannot be read" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "arguments", "written", "file"),
    [
        (evaluate, ("--report", "out"), (Path, "write_text"), "out/table.txt"),
        (evaluate, ("--report", "out"), (csv, "writer"), "out/confusion.csv"),
        (evaluate, ("--report", "out"), (Figure, "savefig"), "out/confusion.png"),
        (predict, ("pictures/val/n1/0.png", "--figure", "figure.png"), (Figure, "savefig"), "figure.png"),
        (predict, ("--filters", "filters.png"), (Figure, "savefig"), "filters.png"),
        (predict, ("pictures/val/n1/0.png", "--nearest", "store"), (os, "fsync"), "store.nearest-"),
    ],
)
def test_the_file_that_a_full_disk_has_no_room_for_is_named(
    place: Path,
    tmp_path: Path,
    command: object,
    arguments: tuple[str, ...],
    written: tuple[object, str],
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The system does not name it when it says so."""
    for name in ("run0", "store", "pictures"):
        shutil.copytree(place / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*written, full)
    assert run(command, "run0", *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f": error: {file}" in error.replace(os.sep, "/")
    assert error.endswith(" cannot be read or written (No space left on device)")
    assert not list(tmp_path.rglob("*.part"))


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


def test_the_index_is_made_once_and_beside_the_store(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(place / "store", place / "copy")
    data = open_dataset(place / "copy")
    predictor = load_predictor(place / "run1", True, ["cpu:0"])
    index = open_index(predictor, place / "copy", data)
    (path,) = place.glob("copy.nearest-*.npy")
    pictures = RescaledSplit(data.train, 72).batch(np.arange(36))
    hidden = predictor.hidden(pictures)
    np.testing.assert_array_equal(index.features, hidden)
    logits = hidden @ predictor.model.fc8.weight.numpy().T + predictor.model.fc8.bias.numpy()
    with mg.no_grad():
        (view,) = [predictor.model(mg.tensor(pictures[:, :, 4:68, 4:68] - predictor.statistics.mean[:, 4:68, 4:68]))]
    np.testing.assert_allclose(logits, view.numpy(), rtol=1e-3, atol=1e-4)  # it is what the last layer reads

    monkeypatch.setattr("alexnet.nearest.SEARCHED_AT_ONCE", 5)
    query = hidden[7] + 0.01
    found = index.nearest(query[np.newaxis], 36)[0]
    distances = np.linalg.norm(hidden - query, axis=1)
    order = np.argsort(distances, kind="stable")
    np.testing.assert_allclose([each.distance for each in found], distances[order], rtol=1e-5)
    assert [each.name for each in found] == [data.train.name(int(number)) for number in order]
    assert [each.words for each in found] == [data.classes[data.train.labels[number]] for number in order]

    before = path.stat().st_mtime_ns
    open_index(predictor, place / "copy", data)
    assert path.stat().st_mtime_ns == before
    rename = checkpoint.rename

    def closed_first(source: Path, target: Path) -> None:
        """Windows renames no file that is open or mapped."""
        if sys.platform == "linux":
            assert str(source) not in Path("/proc/self/maps").read_text()
            assert str(source) not in [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
        rename(source, target)

    monkeypatch.setattr(checkpoint, "rename", closed_first)
    open_index(load_predictor(place / "run0", True, ["cpu:0"]), place / "copy", data)
    assert len(list(place.glob("copy.nearest-*.npy"))) == 2
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"nearest-.* is (damaged|not the index).*; remove it, and it is made again"):
        open_index(predictor, place / "copy", data)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_no_utf8(place: Path, tmp_path: Path) -> None:
    """As archives of other days hold them: trained on, drawn, prepared and printed, also where stdout is ASCII."""
    odd = os.fsdecode(b"\xff")
    pictures = tmp_path / odd
    shutil.copytree(place / "pictures/train/n1", pictures / f"a{odd}")
    shutil.copytree(place / "pictures/train/n6", pictures / "b")
    out, image = tmp_path / f"run{odd}", pictures / f"a{odd}" / f"{odd}.png"
    (pictures / f"a{odd}" / "0.png").rename(image)
    for command, *arguments in (
        ("train", "--recipe", "cifar10-80sec", "--data", pictures, "--epochs", 1, "--batch-size", 5, "--out", out),
        ("evaluate", out, "--report", tmp_path / "report"),
        ("predict", out, image, "--figure", tmp_path / "figure.png"),
        ("prepare", pictures, tmp_path / f"store{odd}", "--workers", 1),
    ):
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        words = [sys.executable, "-m", f"alexnet.{command}", *map(str, arguments)]
        done = subprocess.run(words, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    assert json.loads((out / "recipe.json").read_text())["ids"] == ["a\\udcff", "b"]


@pytest.mark.parametrize(("command", "more"), [(evaluate, ()), (predict, ("--filters", "f.png"))])
def test_a_network_beyond_all_memory_is_compared_and_not_built(
    place: Path, command: object, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A recipe.json that was changed: the weights of its network would take 60 TB."""
    shutil.copytree(place / "run0", place / "giant", dirs_exist_ok=True)
    settings = json.loads((place / "giant/recipe.json").read_text())
    settings["recipe"]["network_options"]["width"] = 900
    (place / "giant/recipe.json").write_text(json.dumps(settings))
    assert run(command, str(place / "giant"), *more) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "cannot be used (column0." in error and "the state holds float32 of shape" in error


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (evaluate, ("nowhere",), "there is no folder nowhere"),
        (evaluate, ("run0", "--split", "test"), "has no part test; it has train, val"),
        (
            evaluate,
            ("run0", "--data", "shapes"),
            "run0 knows 6 classes, shapes has 10, and where they begin to differ",
        ),
        (
            evaluate,
            ("run0", "--data", "renamed"),
            "where they begin to differ it has n7 instead of n6",
        ),
        (evaluate, ("empty",), "has no best.npz"),
        (evaluate, ("broken",), "best.npz"),
        (evaluate, ("deep",), "recipe.json is not the recipe of a run (maximum recursion depth"),
        (evaluate, ("store/store.json",), "store.json holds no run: recipe.json is missing"),
        (predict, ("run0",), "there is no picture to look at"),
        (predict, ("run0", "--filters", "f.png", "--nearest", "store"), "there is no picture to look at"),
        (predict, ("run0", "run0/recipe.json"), "recipe.json cannot be read as an image (of no known format)"),
        (predict, ("run0", *["a.png"] * 101, "--figure", "f.png"), "a figure shows at most 100 pictures, got 101"),
        (predict, ("run0", "nowhere.jpg"), "there is no file nowhere.jpg"),
        (
            predict,
            ("run0", "pictures/val/n1/0.png", "--nearest", "pictures"),
            "there is no store pictures; python -m alexnet.prepare",
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    place: Path,
    command: object,
    arguments: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(place)
    if not Path("renamed").exists():
        shutil.copytree("pictures", "renamed")
        for part in ("train", "val"):
            Path("renamed", part, "n6").rename(Path("renamed", part, "n7"))
    for name in ("empty", "broken", "deep"):
        Path(name).mkdir(exist_ok=True)
        shutil.copy("run0/recipe.json", name)
    Path("deep/recipe.json").write_text("[" * 100_000)
    Path("broken/best.npz").write_bytes(b"PK")
    assert run(command, *arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"python -m {command.__name__}: error: ") and words in error  # type: ignore[attr-defined]


def test_runs_with_other_splits_are_no_ensemble(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Class folders without val/ are split by the seed: the second run has learned what the first is tested on."""
    folder = tmp_path / "folders"
    shutil.copytree(place / "pictures" / "train", folder)
    assert run(evaluate, place / "run0", place / "run1", "--data", folder) == 2
    assert "which split" in capsys.readouterr().err


def test_resuming_on_other_classes_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(place / "run0", tmp_path / "run")
    assert run(train, "--resume", "--out", tmp_path / "run", "--epochs", 2, "--data", "shapes") == 2
    assert "has other classes than the run" in capsys.readouterr().err


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


@pytest.mark.parametrize(
    ("command", "flag", "words"),
    [
        (predict, ("--figure", "nowhere/f.png"), "nowhere/f.png cannot be written; name a file in a folder that is"),
        (
            predict,
            ("--figure", f"{'f' * 300}.png"),
            "cannot be written; name a file in a folder that is there",
        ),
        (predict, ("--filters", "f.jpg"), "pictures are written as PNG; name a file that ends in .png, not 'f.jpg'"),
        (evaluate, ("--report", "file/out"), "file/out cannot be made, or not be written to; choose another folder"),
        (evaluate, ("--report", "o" * 300), "cannot be made, or not be written to; choose another folder"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(
    tmp_path: Path,
    command: object,
    flag: tuple[str, str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(SystemExit):
        run(command, "run", *flag)
    assert words in capsys.readouterr().err


def test_a_refused_report_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(evaluate, tmp_path / "nowhere", "--report", tmp_path / "a" / "report") == 2
    assert "there is no folder" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_what_is_odd_about_a_picture_is_one_sentence(place: Path, tmp_path: Path) -> None:
    """Pillow's own warning, which tells of a denial of service, is not shown besides."""
    Image.new("1", (12000, 8000)).save(tmp_path / "large.png")
    command = [sys.executable, "-m", "alexnet.predict", str(place / "run0"), str(tmp_path / "large.png")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    (error,) = result.stderr.splitlines()
    assert result.returncode == 2 and "large.png cannot be read as an image (12000 x 8000 is above" in error
