"""Pictures that cannot be read, data that change, and workers that die."""

from __future__ import annotations

import itertools
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from training_runs import (
    assert_same_run,
    at_step,
    cifar,
    log,
    run,
    state_of,
)

from alexnet.data import RescaledSplit, open_dataset
from alexnet.data.keyed import SHUFFLE, permutation
from alexnet.scores import errors


def unreadable(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run stopped after step 2 with a picture that cannot be read any more, and that comes in step 4."""
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.2)
    assert cifar(pictures, "--epochs", 3, "--steps", 2, "--out", "run") == 0
    order = permutation(0, 1, SHUFFLE, 24)
    picture = sorted((pictures / "train").rglob("*.png"))[order[17]]
    picture.write_bytes(b"no picture")
    return picture


def rejections(folder: Path) -> list[tuple[object, ...]]:
    events = [line for line in log(folder) if line.get("event") == "rejected"]
    return [(line["epoch"], line["split"], line["image"], line["replacement"]) for line in events]


@pytest.mark.parametrize("kept", [True, False], ids=["pictures in memory", "pictures decoded in each epoch"])
def test_a_picture_that_cannot_be_read_is_replaced_and_the_run_resumes_to_the_same_bits(
    kept: bool, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not kept:
        monkeypatch.setattr("alexnet.data.rescaling.MEMORY_LIMIT", 0)
    picture = unreadable(pictures, monkeypatch)
    shutil.copytree("run", "parts")
    capsys.readouterr()
    assert run("--resume", "--out", "run", "--workers", 4) == 0
    out = capsys.readouterr().out
    assert f"{picture} cannot be read as an image" in out and "takes its place" in out
    assert out.count("unreadable pictures: 1 replaced in training") == 3
    found = rejections(Path("run"))
    assert [(epoch, split) for epoch, split, *_ in found] == [(epoch, "training") for epoch in (1, 2, 3)]
    assert {image for _, _, image, _ in found} == {f"{picture.parent.name}/{picture.name}"}
    assert not {image for _, _, image, _ in found} & {other for *_, other in found}
    for steps, workers in ((1, 1), (2, 3), (1, 2), (1, 5)):  # the fourth step has the picture
        assert run("--resume", "--out", "parts", "--steps", steps, "--workers", workers) == 0
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("run"), Path("parts"))
    assert rejections(Path("parts")) == found


def test_a_new_run_takes_the_pictures_that_can_be_read(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.2)
    bad = pictures / "train" / "dark" / "3.png"
    bad.write_bytes(b"no picture")
    (pictures / "val" / "bright" / "1.png").write_bytes(b"")
    assert cifar(pictures, "--epochs", 2, "--out", "run") == 0
    out = capsys.readouterr().out
    assert f"2 pictures cannot be read; the first: {bad} cannot be read as an image" in out
    found = [(epoch, split, image) for epoch, split, image, _ in rejections(Path("run"))]
    each = [("training", "dark/3.png"), ("validation", "bright/1.png")]
    assert found == [(epoch, *rejected) for epoch in (1, 2) for rejected in each]
    bad.unlink()
    others = RescaledSplit(open_dataset(pictures).train, 32).statistics()
    assert np.array_equal(state_of(Path("run"))["statistics/mean"], others.mean)


def test_a_picture_that_vanishes_in_mid_run_is_replaced_from_then_on(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet.data.rescaling.MEMORY_LIMIT", 0)
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.2)
    at_step(5, (pictures / "train" / "dark" / "7.png").unlink, monkeypatch)
    assert cifar(pictures, "--epochs", 2, "--out", "run") == 0
    assert [(epoch, image) for epoch, _, image, _ in rejections(Path("run"))] == [(2, "dark/7.png")]


def test_more_than_one_percent_of_unreadable_pictures_stop_the_run(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = unreadable(pictures, monkeypatch)
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.01)
    before = Path("run/checkpoint.npz").read_bytes()
    assert run("--resume", "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "1 of 24 training pictures could not be read in epoch 1, more than 1 %" in error and picture.name in error
    assert Path("run/checkpoint.npz").read_bytes() == before


def test_the_count_of_unreadable_pictures_goes_on_in_a_resumed_epoch(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unreadable(pictures, monkeypatch)
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 1 / 24)
    assert run("--resume", "--out", "run", "--steps", 2) == 0
    assert state_of(Path("run"))["progress/rejected"] == 1
    order = permutation(0, 1, SHUFFLE, 24)
    sorted((pictures / "train").rglob("*.png"))[order[21]].write_bytes(b"")
    assert run("--resume", "--out", "run") == 2
    assert "2 of 24 training pictures could not be read in epoch 1" in capsys.readouterr().err


def test_an_unreadable_validation_picture_is_left_out_and_told(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.2)
    assert cifar(pictures, "--epochs", 1, "--steps", 2, "--out", "run") == 0
    (pictures / "val" / "dark" / "2.png").write_bytes(b"")
    seen = []
    monkeypatch.setattr(
        *("alexnet.run.evaluation.errors", lambda scores, labels: seen.extend(labels) or errors(scores, labels))
    )
    assert run("--resume", "--out", "run") == 0
    assert rejections(Path("run")) == [(1, "validation", "dark/2.png", None)]
    assert seen == [0, 0, 0, 0, 1, 1, 1]
    out = capsys.readouterr().out
    assert "it is left out of the validation error" in out
    assert "unreadable pictures: 1 left out of the validation" in out


def test_a_run_whose_data_have_lost_a_picture_goes_on_and_says_so(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 2, "--steps", 2, "--out", "run") == 0
    (pictures / "train" / "dark" / "7.png").unlink()
    for _ in range(2):
        assert run("--resume", "--out", "run", "--steps", 1) == 0
    assert capsys.readouterr().out.count("the run had 24 training and 8 validation pictures and now has 23 and 8") == 1
    assert run("--resume", "--out", "run") == 0
    assert [line["event"] for line in log(Path("run")) if line.get("event") == "data"] == ["data"]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (MemoryError("no room for a picture"), 2, "out of memory (no room for a picture)"),
        (OSError(5, "Input/output error"), 2, "Input/output error"),
        (KeyboardInterrupt(), 130, "\nstopped\n"),
    ],
)
def test_a_worker_that_dies_ends_the_run_and_does_not_hang_it(
    error: BaseException,
    status: int,
    words: str,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    batch = RescaledSplit.batch
    calls = itertools.count()

    def dies(self: RescaledSplit, indices: np.ndarray) -> np.ndarray:
        if next(calls) == 1:
            raise error
        return batch(self, indices)

    assert cifar(pictures, "--epochs", 20, "--steps", 2, "--out", "run") == 0
    before = Path("run/checkpoint.npz").read_bytes()
    monkeypatch.setattr(RescaledSplit, "batch", dies)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(run("--resume", "--out", "run", "--steps", 9)), daemon=True)
    thread.start()
    thread.join(60)
    assert found == [status]
    assert words in capsys.readouterr().err and Path("run/checkpoint.npz").read_bytes() == before
