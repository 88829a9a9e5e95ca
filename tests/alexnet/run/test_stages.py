"""Runs that hold out a data batch of the training pictures, train on it later, and take pictures as they lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_runs import assert_same_run, log, run, state_of

from alexnet.data import open_dataset
from alexnet.data.sweep import Sweep
from alexnet.run.evaluation import Evaluation
from alexnet.run.folder import RunFolder
from alexnet.run.trainer import Trainer
from minigrad import checkpoint

STAGES = ("order=file", "validation_batch=5", "all_batches_from=3")


def staged(pictures: Path, *more: object) -> int:
    """Seven pictures in each of five data batches, of which four are trained on for two epochs, then all."""
    changes = [word for change in STAGES for word in ("--set", change)]
    return run("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 4, *changes, *more)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The labels of every minibatch that is trained on."""
    result: list[list[int]] = []
    step = Trainer._step

    def watched(self: Trainer, images: np.ndarray, labels: np.ndarray, *more: Any) -> tuple[float, bool]:
        result.append(labels.tolist())
        return step(self, images, labels, *more)

    monkeypatch.setattr(Trainer, "_step", watched)
    return result


def test_four_data_batches_then_five_in_order(
    cifar_folder: Path, seen: list[list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert staged(cifar_folder, "--epochs", 4, "--out", "run") == 0
    assert seen == [[0, 1, 2, 3], [4, 5, 6]] * (4 + 4 + 5 + 5)
    out = capsys.readouterr().out
    assert "cifar-10: 28 training and 7 validation pictures, data batch 5, of 10 classes" in out
    assert "epoch 3: from here on the validation pictures are trained on too" in out
    assert "Since epoch 3 the validation pictures are trained on too" in out and "best (epoch 4)" in out
    assert "checkpoint.\nFor the test: python -m alexnet.evaluate run\n" in out
    assert "epoch 4, its last, and never happen: drop_epochs 9\n" in out
    lines = log(Path("run"))
    assert [line["epoch"] for line in lines if line.get("event") == "all data"] == [3]
    assert [line["step"] for line in lines if "event" not in line] == [8, 16, 26, 36]
    best, latest = checkpoint.load(Path("run/best.npz")), checkpoint.load(Path("run/checkpoint.npz"))
    assert np.array_equal(best["model/fc10.weight"], latest["model/fc10.weight"])
    assert best["progress/best_epoch"] == 4
    capsys.readouterr()
    assert run("--status", "run") == 0
    out = capsys.readouterr().out
    assert "best epoch   4: " in out and "the validation pictures are trained on too" in out


def test_stages_that_never_come_are_told_and_ten_views_where_the_net_sees_crops(
    cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ("--set", "rescale=40", "--set", "all_batches_from=2", "--set", "drop_epochs=[9,12]")
    assert staged(cifar_folder, *changes, "--epochs", 2, "--out", "run") == 0
    out = capsys.readouterr().out
    assert "\nFor the test: python -m alexnet.evaluate run --views 10\n" in out
    assert max(map(len, out.partition("validation error")[2].splitlines())) <= 80
    told = (
        "these stages of the recipe come after epoch 1, its last, and never happen: all_batches_from 3, drop_epochs 9\n"
    )
    assert staged(cifar_folder, "--epochs", 1, "--out", "short") == 0
    assert told in capsys.readouterr().out
    assert staged(cifar_folder, "--epochs", 9, "--steps", 1, "--out", "whole") == 0
    assert "never happen" not in capsys.readouterr().out


def test_the_latest_is_the_best_once_all_is_learned_whatever_the_error(
    cifar_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweeps = []

    def rising(model: object, sweep: Sweep, *more: object) -> Evaluation:
        sweeps.append(sweep)
        return Evaluation(1.0, 10.0 * len(sweeps), 0.0)

    monkeypatch.setattr("alexnet.run.trainer.evaluate", rising)
    assert staged(cifar_folder, "--epochs", 4, "--set", "patience=1", "--out", "run") == 0
    state = checkpoint.load(Path("run/best.npz"))
    assert (state["progress/best_epoch"], state["progress/step"], state["progress/drops"]) == (4, 36, 1)
    capsys.readouterr()
    assert run("--status", "run") == 0
    assert "best epoch   4: " in capsys.readouterr().out  # though the first had the lowest error
    assert all(list(sweep.part) == list(range(28, 35)) and len(sweep.pictures) == 35 for sweep in sweeps)


def test_until_then_the_best_is_that_of_the_lowest_error(cifar_folder: Path) -> None:
    assert staged(cifar_folder, "--epochs", 2, "--out", "run") == 0
    errors = [line["val_top1"] for line in log(Path("run")) if "event" not in line]
    assert state_of(Path("run"))["progress/best_epoch"] == 1 + int(np.argmin(errors))


def test_the_mean_is_that_of_all_training_pictures(cifar_folder: Path) -> None:
    assert staged(cifar_folder, "--epochs", 1, "--out", "run") == 0
    every = open_dataset(cifar_folder).train.pixels(32)
    np.testing.assert_allclose(state_of(Path("run"))["statistics/mean"], every.mean(axis=0), rtol=1e-6)


def test_the_time_left_is_that_of_all_stages(cifar_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three of 36 steps are done, of four pictures or fewer, at one picture a minute."""
    assert staged(cifar_folder, "--epochs", 4, "--steps", 3, "--out", "run") == 0
    folder = RunFolder(Path("run"))
    with folder.locked():
        saved = {**log(folder.path)[0], "images_per_second": 1 / 60}
        folder.log.write_text(json.dumps(saved) + "\n")
        capsys.readouterr()
        assert run("--status", "run") == 0
    out = capsys.readouterr().out
    assert "about 2:12:00 left" in out or "about 2:11:5" in out


@pytest.mark.slow
def test_a_run_stopped_in_any_stage_goes_on_to_the_same_bits(cifar_folder: Path) -> None:
    assert staged(cifar_folder, "--epochs", 4, "--out", "whole") == 0
    for stops in ((3,), (17,), (8, 8, 9), (2, 15, 4)):
        parts = Path("-".join(map(str, stops)))
        assert staged(cifar_folder, "--epochs", 4, "--steps", stops[0], "--out", parts) == 0
        for count in stops[1:]:
            assert run("--resume", "--out", parts, "--steps", count, "--workers", 3) == 0
        assert run("--resume", "--out", parts) == 0
        assert_same_run(Path("whole"), parts)
        assert [line["epoch"] for line in log(parts) if line.get("event") == "all data"] == [3]


def test_a_run_of_before_there_were_orders_goes_on(cifar_folder: Path) -> None:
    arguments = ("--recipe", "cifar10-80sec", "--data", cifar_folder, "--batch-size", 4, "--epochs", 2)
    assert run(*arguments, "--out", "whole") == 0
    assert run(*arguments, "--steps", 3, "--out", "run") == 0
    state = checkpoint.load(Path("run/checkpoint.npz"))
    settings, identity = json.loads(Path("run/recipe.json").read_text()), json.loads(str(state["run"]))
    for name in ("order", "validation_batch", "all_batches_from"):
        del settings["recipe"][name], identity[name]
    del settings["data_batches"]
    Path("run/recipe.json").write_text(json.dumps(settings))
    checkpoint.save(Path("run/checkpoint.npz"), {**state, "run": np.array(json.dumps(identity, sort_keys=True))})
    assert run("--status", "run") == 0 and run("--resume", "--out", "run") == 0
    whole, parts = state_of(Path("whole")), state_of(Path("run"))
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["order=random"], "a recipe's order is 'shuffled' or 'file'; got 'random'"),
        (["validation_batch=6"], "validation_batch is 6, and the training pictures come in 5 data batches"),
        (["validation_batch=-1"], "a recipe's validation_batch is 0 or more; got -1"),
        (["all_batches_from=3"], "all_batches_from is about its validation_batch, which is 0"),
        (["validation_batch=1", "all_batches_from=-3"], "all_batches_from counts epochs from 1; got -3"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_no_folder(
    changes: list[str], words: str, cifar_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [word for change in changes for word in ("--set", change)]
    assert run("--recipe", "cifar10-80sec", "--data", cifar_folder, *flags, "--out", "run") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert words in error and not Path("run").exists()
