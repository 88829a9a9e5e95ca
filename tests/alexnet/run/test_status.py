"""The log of a run, and what is told of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from training_runs import cifar, log, run

from alexnet import evaluate, predict, train
from alexnet.recipes import RECIPES
from alexnet.run.folder import RunFolder
from minigrad import checkpoint


def test_a_saved_event_tells_loss_and_speed(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 1, "--steps", 4, "--out", "run") == 0
    (saved,) = log(Path("run"))
    assert (saved["event"], saved["epoch"], saved["step"]) == ("saved", 1, 4)
    assert 0 < saved["train_loss"] < 5 and saved["images_per_second"] > 0


def status(folder: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What --status prints, and that it leaves everything as it was."""
    before = {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in Path(folder).iterdir()}
    capsys.readouterr()
    assert run("--status", folder) == 0
    after = {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in Path(folder).iterdir()}
    assert after == before
    return capsys.readouterr().out


def test_the_status_of_stopped_and_finished_runs(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--epochs", 2, "--steps", 3, "--out", "run") == 0
    out = status("run", capsys)
    assert "run: recipe cifar10-80sec, data " in out and ", on cpu:0" in out
    assert "stopped: epoch 1 of 2, after step 3; go on with: python -m alexnet.train --resume --out run" in out
    assert "no epoch is finished yet" in out and "last written 0:0" in out and "left" not in out
    assert run("--resume", "--out", "run") == 0
    out = status("run", capsys)
    last = log(Path("run"))[-1]
    assert "finished: 2 epochs, 10 steps" in out and "resumed in epoch 1, after step 3" in out
    assert (
        f"last epoch   2: top-1 error {last['val_top1']:.2f} %" in out
        and "best epoch   1: " in out
        and "rate 0.001" in out
    )


def test_the_status_of_a_stopped_run_is_that_of_its_checkpoint(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log may be ahead of it, where the run was left while it saved; of the weights nothing is read."""
    assert cifar(pictures, "--epochs", 2, "--steps", 3, "--out", "run") == 0
    assert run("--resume", "--out", "run", "--steps", 1) == 0
    folder, before = RunFolder(Path("run")), checkpoint.load(Path("run/previous.npz"))
    folder.append({"event": "saved", "epoch": 1, "step": 5})
    wanted = []
    read_array = checkpoint._read_array
    monkeypatch.setattr(
        checkpoint, "_read_array", lambda file, name, size: wanted.append(name) or read_array(file, name, size)
    )
    assert "stopped: epoch 1 of 2, after step 4; go on" in status("run", capsys)
    assert wanted and all(name.startswith("progress/") for name in wanted)
    folder.latest.rename(folder.path / "checkpoint.npz.part")  # left between two names
    assert f"stopped: epoch 1 of 2, after step {before['progress/step']}; go on" in status("run", capsys)
    folder.previous.write_bytes(b"")
    assert "stopped: epoch 1 of 2, after step 0; go on" in status("run", capsys)


def test_the_status_of_a_run_that_trains(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lock is held; half a line is being written. The time left follows from the speed and the steps."""
    assert cifar(pictures, "--epochs", 1, "--steps", 3, "--out", "run") == 0
    with RunFolder(Path("run")).locked():
        path = Path("run/log.jsonl")
        saved = {**log(Path("run"))[0], "images_per_second": 0.01}
        path.write_text(json.dumps(saved) + '\n{"epoch": 1, "st')
        out = status("run", capsys)
        assert f"process {os.getpid()} is training it: epoch 1 of 1, after step 3 or later" in out
        assert "about 16:" in out  # two batches of 5 at 0.01 images per second
        path.write_text("")
        assert "time left: not known before the first epoch or checkpoint" in status("run", capsys)
    assert "process" not in status("run", capsys)


def test_the_status_tells_what_happened(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--epochs", 4, "--steps", 3, "--out", "run") == 0
    for line in (
        {"event": "rate", "epoch": 2, "step": 5, "from": 0.01, "to": 0.001},
        *({"event": "rejected", "epoch": epoch, "step": 7, "image": "dark/1.png"} for epoch in (1, 2)),
        {"event": "flat", "epoch": 2, "step": 8, "reason": "it does not learn"},
        {"event": "failed", "epoch": 2, "step": 9, "reason": "the disk is full"},
    ):
        RunFolder(Path("run")).append(line)
    out = status("run", capsys)
    assert "stopped (the disk is full): epoch 1 of 4, after step 3" in out  # that of the checkpoint
    for words in (
        "rate 0.01 to 0.001 in epoch 2",
        "1 picture could not be read, 2 times in all: dark/1.png",
        "epoch 2, step 8: it does not learn",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"recipe.json": None}, "holds no run"),
        ({"recipe.json": '{"recipe": {}}'}, "is not the recipe of a run (data is missing"),
        ({"recipe.json": "[1]"}, "recipe.json"),
        ({"log.jsonl": None}, "log.jsonl cannot be read"),
        ({"log.jsonl": "nonsense\n"}, "log.jsonl, line 1 is damaged"),
    ],
)
def test_the_status_of_damaged_runs_is_one_sentence(
    damage: dict[str, str | None], words: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", "run") == 0
    for name, text in damage.items():
        Path("run", name).unlink()
        if text is not None:
            Path("run", name).write_text(text)
    assert run("--status", "run") == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and words in error[0]
    assert run("--status", "nowhere") == 2 and not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("recipe", [], "recipe is a table; got []"),
        ("recipe", {"network": []}, "network is text; got []"),
        ("data", 3, "data is text; got 3"),
        ("seed", True, "seed is a whole number; got True"),
        ("devices", 3, "devices is a list of names, as [...]; got 3"),
        ("ids", None, "ids is missing"),
        ("classes", [1], "each of classes is text; got 1"),
        ("channels", "x", "channels is a whole number; got 'x'"),
        ("pictures", 3, "pictures is a table; got 3"),
    ],
)
def test_a_wrong_value_in_recipe_json_is_one_sentence_of_every_command(
    name: str, value: object, words: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(Path("run"))
    folder.path.mkdir()
    folder.log.write_text("")
    settings = {"recipe": RECIPES["shapes"].to_json(), "data": "shapes", "seed": 0, "devices": ["cpu:0"]}
    settings |= {"ids": ["a", "b"], "classes": ["a", "b"], "channels": 3}
    folder.write_settings(settings)
    assert folder.read_settings() == settings
    settings[name] = value
    folder.write_settings({key: each for key, each in settings.items() if each is not None})
    for command, arguments in (
        (train, ["--status", "run"]),
        (train, ["--resume", "--out", "run"]),
        (evaluate, ["run"]),
        (predict, ["run", "--filters", "f.png"]),
    ):
        assert command.main(arguments) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert f"is not the recipe of a run ({words}" in error and error.endswith("); restore it")


def test_a_run_that_does_not_say_how_many_pictures_it_had_goes_on(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 1, "--steps", 1, "--out", "run") == 0
    folder = RunFolder(Path("run"))
    folder.write_settings({**folder.read_settings(), "pictures": {}})
    assert run("--resume", "--out", "run", "--steps", 1) == 0
    assert "data" not in [line["event"] for line in log(folder.path)]
