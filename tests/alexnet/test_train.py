"""The training command, run as a user runs it, on a few small pictures."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_runs import assert_same_run, cifar, log, run, state_of

from alexnet import figures, train
from alexnet.data import open_dataset
from alexnet.run import start
from alexnet.run.folder import RunFolder
from alexnet.run.trainer import Trainer
from minigrad import checkpoint
from minigrad.folders import cache_folder

SIZE = 64  # side of the pictures of a small AlexNet


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_tests_measure_is_kept_in_a_folder_of_their_own(pictures: Path, tmp_path: Path) -> None:
    """Not in that of whoever runs them."""
    assert cifar(pictures, "--steps", 1, "--out", "run") == 0
    assert tmp_path.parent in cache_folder().parents and list(cache_folder().glob("statistics-*.npz"))


def test_a_run_leaves_everything_in_its_folder(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "run") == 0
    folder = Path("run")
    names = {"recipe.json", "log.jsonl", "curves.png", "filters.png", "checkpoint.npz", "best.npz"} | {
        *("previous.npz", "lock")
    }
    assert {path.name for path in folder.iterdir()} == names
    lines = log(folder)
    assert [line["epoch"] for line in lines] == [1, 2] and lines[-1]["step"] == 10
    assert set(lines[0]) == {
        *("epoch", "step", "lr", "train_loss", "val_loss", "val_top1", "val_top5", "images_per_second"),
        "train_top1",
    }
    title = f"recipe cifar10-80sec, data {pictures.name}"
    figures.save_figure(figures.curves(lines, title), Path("curves.png"))
    weights = state_of(folder)["model/conv1.weight"]
    figures.save_figure(figures.filters([("conv1, cpu:0", weights)]), Path("filters.png"))
    for name in ("curves.png", "filters.png"):
        assert (folder / name).read_bytes() == Path(name).read_bytes()
    settings = json.loads((folder / "recipe.json").read_text())
    assert settings["recipe"]["epochs"] == 2 and settings["recipe"]["batch_size"] == 5
    out = capsys.readouterr().out
    assert "top-1" in out and "best (epoch" in out and str(folder) in out


def test_resume_gives_the_same_bits(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 3, "--out", "whole") == 0
    assert cifar(pictures, "--epochs", 1, "--out", "parts") == 0
    assert run("--resume", "--out", "parts", "--epochs", 3) == 0
    assert_same_run(Path("whole"), Path("parts"))
    assert [line.get("event") for line in log(Path("parts"))] == [None, "resumed", None, None]


def test_resume_in_the_middle_of_an_epoch_gives_the_same_bits(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    assert cifar(pictures, "--epochs", 2, "--steps", 3, "--out", "parts") == 0
    assert run("--resume", "--out", "parts", "--steps", 4) == 0
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))


def test_resume_after_a_crash_between_log_and_checkpoint(pictures: Path) -> None:
    """The line of an epoch whose checkpoint was never written is taken back, and the epoch done again."""
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    assert cifar(pictures, "--epochs", 1, "--out", "parts") == 0
    with Path("parts/log.jsonl").open("a") as file:
        file.write('{"epoch": 2, "step": 10, "lr')
    assert run("--resume", "--out", "parts", "--epochs", 2) == 0
    assert_same_run(Path("whole"), Path("parts"))


def test_dropout_and_augmentation_resume_to_the_same_bits(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = train.RECIPES["shapes"]
    options = {**shapes.network_options, "image_size": SIZE, "width": 1 / 16}
    augmentation = replace(shapes.augmentation, crop=SIZE, colour_noise=0.1)
    small = replace(shapes, network_options=options, batch_size=8, augmentation=augmentation)
    monkeypatch.setitem(train.RECIPES, "shapes", small)
    assert run("--data", pictures, "--epochs", 2, "--out", "whole", "--devices", "cpu:0,cpu:1") == 0
    assert run("--data", pictures, "--epochs", 2, "--out", "parts", "--steps", 2) == 0
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))


def test_another_seed_gives_another_run(pictures: Path) -> None:
    for seed in (0, 1):
        assert cifar(pictures, "--epochs", 1, "--seed", seed, "--out", f"run{seed}") == 0
    assert state_of(Path("run0"))["model/conv2.weight"].any()
    assert not np.array_equal(
        state_of(Path("run0"))["model/conv2.weight"], state_of(Path("run1"))["model/conv2.weight"]
    )


def test_steps_prints_the_loss_of_each(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--steps", 2, "--out", "run") == 0
    out = capsys.readouterr().out
    assert out.count("loss") == 2 and "--resume --out run" in out


def test_printed_commands_can_be_pasted(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in (["--steps", 1], ["--epochs", 1]):
        folder = f"my run; it's {more[0]}"
        assert cifar(pictures, "--out", folder, *more) == 0
        words = shlex.split(capsys.readouterr().out.splitlines()[-1].partition(": ")[2])
        assert words[:6] == ["python", "-m", "alexnet.train", "--resume", "--out", folder]


def test_the_rate_falls_at_its_epochs_and_when_the_error_stands_still(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(train.RECIPES["cifar10-80sec"], lr=1e-12, drop_epochs=(2,), patience=2, most_drops=1)
    monkeypatch.setitem(train.RECIPES, "cifar10-80sec", recipe)
    assert cifar(pictures, "--epochs", 6, "--out", "run") == 0
    lines = log(Path("run"))
    rates = [line["lr"] for line in lines if "event" not in line]
    np.testing.assert_allclose(rates, [1e-12, 1e-13, 1e-13, 1e-14, 1e-14, 1e-14])
    changes = [(line["epoch"], line["from"], line["to"]) for line in lines if line.get("event") == "rate"]
    np.testing.assert_allclose(changes, [(2, 1e-12, 1e-13), (4, 1e-13, 1e-14)])


def test_a_resumed_run_tells_of_a_rate_once(pictures: Path) -> None:
    """The last epoch before the stop lowers the rate of the next, which is told of when that begins."""
    assert cifar(pictures, "--epochs", 1, "--set", "drop_epochs=[2]", "--out", "run") == 0
    for epochs in (2, 3):
        assert run("--resume", "--out", "run", "--epochs", epochs) == 0
    assert [line["epoch"] for line in log(Path("run")) if line.get("event") == "rate"] == [2]


def test_a_recipe_is_changed_from_the_command_line(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ("--set", "lr=1e-5", "--set", "momentum=.5", "--set", "drop_epochs=[2]")
    assert cifar(pictures, "--epochs", 2, *changes, "--out", "run") == 0
    recipe = json.loads(Path("run/recipe.json").read_text())["recipe"]
    assert (recipe["lr"], recipe["momentum"], recipe["drop_epochs"], recipe["batch_size"]) == (1e-5, 0.5, [2], 5)
    np.testing.assert_allclose([line["lr"] for line in log(Path("run")) if "lr" in line], [1e-5, 1e-6])
    assert run("--resume", "--out", "run", "--epochs", 3, *changes) == 0
    capsys.readouterr()
    assert run("--resume", "--out", "run", "--epochs", 4, "--set", "lr=2e-5") == 2
    assert "--set lr would change the run in run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("lrr=1", ("lrr", "did you mean lr?")),
        ("lr=fast", ("lr is a number", "fast")),
        ("lr=" + 10_000 * "[", ("lr is a number", "[[")),
        ("network_options.dropout=0.3", ("network_options.dropout; there is none of that kind",)),
        ("corp=24", ("corp; did you mean augmentation.crop?",)),
    ],
)
def test_a_change_that_does_not_fit_is_one_sentence(
    change: str, words: tuple[str, ...], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--set", change, "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("python -m alexnet.train: error: ") and all(word in error for word in words)
    assert not Path("run").exists()


@pytest.mark.parametrize("resumed", [False, True])
def test_a_network_beyond_all_memory_is_refused_before_any_is_asked_for(
    resumed: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "measure", lambda self: pytest.fail("it has begun"))
    arguments: tuple[str, ...] = ("--set", "network_options.width=900", "--devices", "cpu:0,cpu:1", "--out", "run")
    if resumed:  # a recipe.json that was changed, of a run without a checkpoint
        recipe = train.RECIPES["shapes"].changed([("network_options.width", 900)])
        Path("run").mkdir()
        ids = list(open_dataset("shapes").classes)
        settings = {"recipe": recipe.to_json(), "data": "shapes", "seed": 0, "devices": ["cpu:0", "cpu:1"]}
        RunFolder(Path("run")).create({**settings, "ids": ids, "classes": ids, "channels": 3})
        arguments = ("--resume", "--out", "run")
    before = list(Path().rglob("*"))
    assert run(*arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"takes [0-9,.]+ GiB for the [0-9,]+ weights on cpu:0, which has [0-9.]+ GiB; make", error)
    assert [each for each in Path().rglob("*") if each.name != "lock"] == before


def test_a_layer_is_frozen_from_its_epoch_on_and_resume_keeps_it_so(pictures: Path) -> None:
    changes = ("--set", "frozen_from.conv1=2", "--set", "lr=0.01")
    assert cifar(pictures, "--epochs", 1, *changes, "--out", "parts") == 0
    first = state_of(Path("parts"))
    assert cifar(pictures, "--epochs", 2, *changes, "--out", "whole") == 0
    assert run("--resume", "--out", "parts", "--epochs", 2, "--steps", 2) == 0
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))
    second = state_of(Path("whole"))
    for name in ("conv1.weight", "conv1.bias", "conv2.weight", "fc10.bias"):
        same = np.array_equal(first[f"model/{name}"], second[f"model/{name}"])
        assert same == name.startswith("conv1"), name
    frozen = [line for line in log(Path("parts")) if line.get("event") == "rate"]
    assert [(line["layer"], line["epoch"], line["from"], line["to"]) for line in frozen] == [("conv1", 2, 0.01, 0.0)]


def test_a_run_from_when_recipes_had_fewer_keys_goes_on(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    assert cifar(pictures, "--epochs", 1, "--out", "parts") == 0
    new = {"layer_lr", "layer_drop_epochs", "frozen_from", "bias_lr_falls", "drop_factor"}

    def older(recipe: dict[str, Any]) -> dict[str, Any]:
        old = {name: value for name, value in recipe.items() if name not in new}
        augmentation = {name: value for name, value in old["augmentation"].items() if not name.startswith("noise_")}
        return {**old, "augmentation": augmentation}

    path = Path("parts/recipe.json")
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "recipe": older(settings["recipe"])}))
    state = checkpoint.load(Path("parts/checkpoint.npz"))
    identity = json.dumps(older(json.loads(str(state["run"]))), sort_keys=True)
    checkpoint.save(Path("parts/checkpoint.npz"), {**state, "run": np.array(identity)})
    assert run("--resume", "--out", "parts", "--epochs", 2) == 0
    assert_same_run(Path("whole"), Path("parts"))


def test_a_loss_that_is_not_finite_stops_the_run(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(train.RECIPES["cifar10-80sec"], lr=1e30)
    monkeypatch.setitem(train.RECIPES, "cifar10-80sec", recipe)
    assert cifar(pictures, "--out", "run") == 2
    assert "loss became" in capsys.readouterr().err
    assert not Path("run/checkpoint.npz").exists()


def broken(pictures: Path, where: str) -> Path:
    """The data with something wrong in it."""
    if where == "empty class":
        (pictures / "train" / "grey").mkdir()
        (pictures / "val" / "grey").mkdir()
    elif where == "unreadable image":
        (pictures / "train" / "dark" / "3.png").write_bytes(b"no picture")
    elif where == "unreadable validation image":
        (pictures / "val" / "bright" / "1.png").write_bytes(b"no picture")
    elif where == "truncated":
        pictures = pictures.parent / "cifar"
        pictures.mkdir()
        for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
            (pictures / name).write_bytes(bytes(3073 * 3))
        (pictures / "data_batch_4.bin").write_bytes(bytes(3073 * 2 + 100))
    elif where == "label":
        pictures = broken(pictures, "truncated")
        (pictures / "data_batch_4.bin").write_bytes(bytes([10]) + bytes(3072))
    return pictures


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("empty class", ("grey",)),
        ("unreadable image", ("3.png",)),
        ("unreadable validation image", ("1.png",)),
        ("truncated", ("data_batch_4.bin",)),
        ("label", ("data_batch_4.bin", "10")),
    ],
)
def test_broken_data_is_one_sentence_and_status_2(
    where: str, words: tuple[str, ...], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(broken(pictures, where), "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("python -m alexnet.train: error: ") and all(word in error for word in words)
    assert cifar(pictures.parent / "cifar" if Path("cifar").exists() else pictures) == 2
    assert "into run" not in capsys.readouterr().out and not Path("run").exists() and not Path("runs").exists()


def test_the_folder_that_is_told_of_is_there(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, bool]] = []
    say = train.say
    for module in (train, start):
        monkeypatch.setattr(
            module,
            "say",
            lambda text: (told.append((text, Path("runs/cifar10-80sec/recipe.json").exists())), say(text)),
        )
    assert cifar(pictures, "--steps", 1) == 0
    assert told[0] == ("pictures: 24 training and 8 validation pictures of 2 classes", False)
    assert told[1] == (f"recipe cifar10-80sec, on cpu:0, into {Path('runs/cifar10-80sec')}", True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "nowhere"), ("nowhere",)),
        (("--resume-or-start",), ("--resume-or-start", "--out DIR")),
        (("--recipe", "paper"), ("paper", "--data")),
        (("--resume", "--out", "nowhere"), ("no folder nowhere",)),
        (("--resume",), ("runs/shapes", "--out")),
        (("--data", "PICTURES", "--recipe", "cifar10-80sec", "--devices", "cpu:0,cpu:1"), ("one device",)),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_2(
    arguments: tuple[str, ...], words: tuple[str, ...], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*(str(pictures) if argument == "PICTURES" else argument for argument in arguments)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("python -m alexnet.train: error: ") and all(word in error for word in words)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--recipe", "papers"),
        ("--epochs", "0"),
        ("--epochs", "two"),
        ("--seed", "-1"),
        ("--devices", "gpu"),
        ("--devices", "cpu:7"),
        ("--learning-rate", "1"),
        ("--resume", "--resume-or-start"),
    ],
)
def test_wrong_flags_end_with_status_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert all(word in error for word in arguments)


def test_resume_refuses_other_settings(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--steps", 1, "--out", "run") == 0
    for flags in (("--seed", 5), ("--batch-size", 6), ("--recipe", "paper")):
        assert run("--resume", "--out", "run", *flags) == 2
        assert flags[0] in capsys.readouterr().err


def test_a_run_stopped_before_its_first_checkpoint_starts_again(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", "whole") == 0

    def interrupted(*step: Any) -> tuple[float, bool]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", interrupted)
        assert cifar(pictures, "--epochs", 1, "--out", "parts") == 130
    assert capsys.readouterr().err == "\nstopped\n"  # no word of a checkpoint that is not there
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))


def test_more_epochs_are_remembered_and_a_finished_run_says_so(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", "run") == 0
    assert run("--resume", "--out", "run", "--epochs", 2, "--steps", 1) == 0
    assert run("--resume", "--out", "run") == 0
    assert [line["epoch"] for line in log(Path("run")) if "event" not in line] == [1, 2]
    before = Path("run/log.jsonl").read_text()
    capsys.readouterr()
    assert run("--resume", "--out", "run") == 0
    assert "has had its 2 epochs" in capsys.readouterr().out
    assert Path("run/log.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": {"lr": "fast"}}, ("lr",)),
        ({"recipe": {"network": "alexnt"}}, ("alexnt",)),
        ({"recipe": {"epochs": 0}}, ("epochs",)),
        ({"recipe": {"colour": 1}}, ("colour",)),
        ({"recipe": {"network": "alexnet", "network_options": {"imagesize": 64}}}, ("imagesize",)),
        ({"devices": ["gpu"]}, ("gpu",)),
        ({"data": 5}, ("recipe.json",)),
        ([1], ("recipe.json",)),
    ],
)
def test_a_damaged_recipe_is_one_sentence(
    change: Any, words: tuple[str, ...], pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--steps", 1, "--out", "run") == 0
    path = Path("run/recipe.json")
    settings = json.loads(path.read_text())
    if isinstance(change, dict):
        recipe = {**settings["recipe"], **change.pop("recipe", {})}
        change = {**settings, "recipe": recipe, **change}
    path.write_text(json.dumps(change))
    assert run("--resume", "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("python -m alexnet.train: error: ") and all(word in error for word in words)


@pytest.mark.slow
def test_the_default_run_reaches_ten_percent() -> None:
    assert run("--out", "run") == 0
    assert log(Path("run"))[-1]["val_top1"] <= 10


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run("--help")
    out = capsys.readouterr().out
    assert stop.value.code == 0
    for word in ("examples:", "recipes:", "cifar10-80sec", "paper", "shapes", "--resume", "26 % test"):
        assert word in out


def test_the_module_runs_as_a_command() -> None:
    command = [sys.executable, "-m", "alexnet.train", "--data", "nowhere"]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert result.returncode == 2 and "nowhere" in result.stderr and "Traceback" not in result.stderr


def test_gpus_that_cannot_be_had_are_one_sentence_with_the_reason() -> None:
    program = """if True:
        import sys
        sys.modules["minigrad.backends.cuda"] = None  # its import fails
        from alexnet.train import main
        sys.exit(main(["--devices", "cuda:0"]))
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    error = result.stderr.splitlines()[-1]
    assert "--devices" in error and "there is no device 'cuda:0': the package numba-cuda " in error
