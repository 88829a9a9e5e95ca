"""Evaluating trained networks, as a user does it, on a few small pictures."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from alexnet import evaluate, figures, predict, train
from alexnet.data import open_dataset
from alexnet.inference.predictor import probabilities_of
from alexnet.run.trained import load_predictor
from alexnet.scores import errors


def run(command: object, *arguments: object) -> int:
    return command.main([str(argument) for argument in arguments])  # type: ignore[attr-defined,no-any-return]


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


def test_errors_for_programs(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line of JSON, nothing else on stdout; the numbers of the table."""
    runs = place / "run0", place / "run1"
    assert run(evaluate, *runs, "--views", 10, "--json", "--report", tmp_path / "report") == 0
    told = capsys.readouterr()
    (line,) = told.out.splitlines()
    found = json.loads(line)
    assert (found["split"], found["views"], found["left_out"]) == ("val", 10, 0)
    assert [each["run"] for each in found["results"]] == [*map(str, runs), "average of 2"]
    assert "holds table.txt" in told.err
    table = (tmp_path / "report" / "table.txt").read_text()
    for each in found["results"]:
        assert f"top-1 error {each['top1_error']:6.2f} % (" in table
        assert f"top-5 error {each['top5_error']:6.2f} % (" in table and f"of {each['pictures']:,})" in table


def test_the_report(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(evaluate, place / "run0", "--report", tmp_path / "out") == 0
    assert (tmp_path / "out" / "table.txt").read_text() in capsys.readouterr().out
    with (tmp_path / "out" / "confusion.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    classes = sorted(path.name for path in (place / "pictures" / "train").iterdir())
    assert header[1:] == classes and [row[0] for row in rows] == classes
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
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.1)
    monkeypatch.setattr("alexnet.inference.predictor.BATCH", 1)
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
