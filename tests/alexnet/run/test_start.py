"""Runs as programs start them, go on with them and end them, and the training error that they log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_runs import assert_same_run, cifar, log, run

import minigrad as mg
from alexnet.recipes import RECIPES
from alexnet.run import trainer
from alexnet.run.folder import RunFolder
from alexnet.run.start import begin, go_on, open_trainer

SETTINGS = {"recipe": replace(RECIPES["cifar10-80sec"], batch_size=5, epochs=3).to_json(), "seed": 0}


def settings(pictures: Path) -> dict[str, Any]:
    return {**SETTINGS, "data": str(pictures.resolve()), "devices": ["cpu:0"]}


def test_a_run_ends_where_it_is_enough_and_goes_on_to_the_same_bits(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 3, "--out", "whole") == 0
    folder, values = RunFolder(Path("parts")), settings(pictures)
    folder.path.mkdir()
    first = open_trainer(folder, values)
    begin(first, values)
    folder.create(values)
    first.run(enough=lambda: first.progress.epoch > 2)
    assert first.progress.epoch == 3 and first.progress.step_in_epoch == 0 and len(log(folder.path)) == 2
    values = folder.read_settings()
    second = open_trainer(folder, values)
    go_on(second, values)
    second.run()
    assert_same_run(Path("whole"), folder.path)


def test_the_training_error_is_that_of_the_minibatches_before_their_steps(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []

    def noted(logits: mg.Tensor, labels: mg.Tensor, **more: Any) -> mg.Tensor:
        if trained(logits):
            wrong.append((logits.numpy().argmax(axis=1) != labels.numpy()).sum())
        return cross_entropy(logits, labels, **more)

    def trained(logits: mg.Tensor) -> bool:
        return logits.requires_grad

    cross_entropy = trainer.F.cross_entropy
    assert cifar(pictures, "--epochs", 2, "--steps", 3, "--out", "run") == 0  # compiled, without notes
    monkeypatch.setattr(trainer.F, "cross_entropy", noted)
    monkeypatch.setattr(trainer.Trainer, "compile", lambda self: None)
    monkeypatch.setattr(trainer.Trainer, "_compiled", lambda self, stop: True)
    assert cifar(pictures, "--epochs", 2, "--out", "noted") == 0
    steps = len(wrong) // 2
    errors = [100 * int(sum(part)) / 24 for part in (wrong[:steps], wrong[steps:])]
    assert [line["train_top1"] for line in log(Path("noted"))] == errors and sum(wrong)
    assert run("--resume", "--out", "run") == 0
    assert [line["train_top1"] for line in log(Path("run")) if "event" not in line] == errors
