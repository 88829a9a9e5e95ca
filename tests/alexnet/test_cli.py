"""What all commands say of wrong flags, and of too little memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from training_runs import run

from alexnet import cli, evaluate, predict, prepare, train
from alexnet.model import __main__ as model
from alexnet.recipes import __main__ as recipes
from alexnet.terminal import suggestion


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit on Windows")
@pytest.mark.parametrize(("command", "arguments"), [(train, []), (evaluate, ["run"]), (predict, ["run", "a.png"])])
def test_too_little_memory_for_the_compiler_is_said_before_it_ends_the_process(
    command: object,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(cli.resource, "getrlimit", lambda what: (800_000 * 1024, -1))
    assert command.main(arguments) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "held to 0.76 GiB of memory (ulimit -v), and compiling the kernels takes 1.25 GiB or more" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (train, "--epoch 5", "unrecognized arguments: --epoch 5; did you mean --epochs?"),
        (train, "--epoch=5", "did you mean --epochs?"),
        (train, "--batchsize 3 --step 4", "did you mean --batch-size and --steps?"),
        (train, "--recipe papers", "did you mean paper?"),
        (train, "--recipe cifar-10", "did you mean cifar10-80sec?"),
        (train, "--recipe cifar", "did you mean cifar10-80sec?"),
        (evaluate, "run --view 10", "did you mean --views?"),
        (evaluate, "run --checkpoint last", "did you mean latest?"),
        (predict, "run --near x", "did you mean --nearest?"),
        (prepare, "a b --verfy", "did you mean --verify?"),
        (model, "--column 1", "did you mean --columns?"),
        (recipes, "paper --sets lr=1", "did you mean --set?"),
        (train, "--batch_size 3", "did you mean --batch-size?"),
        (train, "--lr 0.1", "unrecognized arguments: --lr 0.1; did you mean --set lr=0.1?"),
        (train, "--lr=0.1 --epochs 2", "did you mean --set lr=0.1?"),
        (train, "--learning-rate 0.1 --batch_size 3", "did you mean --set lr=0.1 and --batch-size?"),
        (train, "--momentum --steps 1", "did you mean --set momentum=VALUE?"),
        (train, "--weight-decay 0.1", "did you mean --set weight_decay=0.1?"),
        (train, "--weight_decay 0.1", "did you mean --set weight_decay=0.1?"),
        (train, "--dropout 0.3", "did you mean --set network_options.dropout=0.3?"),
        (train, "--crop 200", "did you mean --set augmentation.crop=200?"),
        (train, "--drop_epochs [20,40]", "did you mean --set 'drop_epochs=[20,40]'?"),
        (recipes, "paper --lr 1", "did you mean --set lr=1?"),
        (evaluate, "run --lr 1", "unrecognized arguments: --lr 1"),
    ],
)
def test_a_wrong_flag_suggests_the_near_one(
    command: object, arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(arguments.split())
    (error,) = capsys.readouterr().err.splitlines()  # and no usage
    assert stop.value.code == 2 and error.count("did you mean") <= 1 and error.endswith(words)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (train, ["--out", ""]),
        (train, ["--data", ""]),
        (train, ["--status", ""]),
        (evaluate, [""]),
        (evaluate, ["run", "--data", ""]),
        (evaluate, ["run", "--report", ""]),
        (predict, ["run", ""]),
        (predict, ["run", "--nearest", ""]),
        (predict, ["run", "--filters", ""]),
        (prepare, ["", "store"]),
        (prepare, ["shapes", ""]),
    ],
)
def test_an_empty_name_is_no_name(
    command: object, arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A shell makes it of a variable that is not set."""
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2 and capsys.readouterr().err.endswith("a name is expected; got ''\n")
    assert not list(tmp_path.iterdir())


def test_flags_and_files_come_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    for command, arguments in (
        (predict, ["nowhere", "--checkpoint", "latest", "a.png"]),
        (predict, ["--checkpoint", "latest", "nowhere", "a.png", "--devices", "cpu:0", "b.png"]),
        (evaluate, ["nowhere", "--views", "10", "other"]),
    ):
        assert command.main(arguments) == 2
        assert "there is no folder nowhere" in capsys.readouterr().err


def test_numbers_that_no_one_means(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--epochs", "--seed"):
        with pytest.raises(SystemExit):
            run(flag, "9" * 5000)
        assert f"argument {flag}: a whole number" in capsys.readouterr().err


def test_what_is_like_nothing_suggests_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--zzz"], ["--recipe", "zzz"], ["--steps", "1", "word"]):
        with pytest.raises(SystemExit):
            run(*arguments)
    assert "did you mean" not in capsys.readouterr().err
    assert suggestion(["--zzz"], ["--steps"]) == ""
