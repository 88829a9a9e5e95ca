"""Text for people: quantities, lines that fit a terminal, and what every command shows at 80 and at 100 columns."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from training_runs import cifar, environment, run

from alexnet import __main__, evaluate, predict, prepare, train
from alexnet.model import __main__ as model
from alexnet.recipes import RECIPES
from alexnet.recipes import __main__ as recipes
from alexnet.terminal import as_many_as_fit, duration, folded, side_by_side, table

ROOT = Path(__file__).parents[2]

SENTENCE = (
    "the loss is 2.3026 after 1,000 steps of 3 x 3 at N(0, 0.01), 12 % more than 2.0 GB; crops of 224 x 224, max pool "
    "3 / 2; go on"
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0:00"), (0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3600, "1:00:00"), (172799, "47:59:59")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_durations_of_days() -> None:
    assert duration(172800) == "2 d 0 h" and duration(6 * 86400 - 1) == "5 d 23 h"


@pytest.mark.parametrize("width", range(24, 120))
def test_a_sentence_is_broken_between_words_and_never_in_a_size(width: int) -> None:
    lines = folded(SENTENCE, width).split("\n")
    assert " ".join(line.strip() for line in lines) == SENTENCE
    assert max(map(len, lines)) <= width and all(line.startswith("  ") for line in lines[1:])
    for whole in ("3 x 3", "N(0, 0.01)", "12 %", "2.0 GB", "224 x 224", "3 / 2"):
        assert any(whole in line for line in lines)


def test_a_command_is_not_broken() -> None:
    command = "python -m alexnet.train --resume --out runs/a-folder-of-a-long-name --epochs 30"
    assert folded(f"Next, train longer: {command}", 40) == f"Next, train longer:\n  {command}"


def test_parts_are_not_broken() -> None:
    parts = ["epoch   1/12", "top-1 error 77.70 %", "", "rate 0.01"]
    assert side_by_side(parts, 100) == "epoch   1/12  top-1 error 77.70 %    rate 0.01"
    assert side_by_side(parts[:2], 32) == "epoch   1/12\n  top-1 error 77.70 %"


def test_what_comes_first_is_shown_first() -> None:
    parts = ["epoch 1/2", "step 5/9", "loss 0.5"]
    assert [as_many_as_fit(parts, width) for width in (29, 28, 18, 8)] == [
        "epoch 1/2  step 5/9  loss 0.5",
        "epoch 1/2  step 5/9",
        "epoch 1/2",
        "",
    ]


def test_columns_that_have_no_room_follow_below() -> None:
    rows = [("layer", "units", "device"), ("fc6", "9", "cpu:0"), ("total", "9", "")]
    assert table(rows, right=[1]) == "layer  units  device\nfc6        9  cpu:0\ntotal      9"
    assert table(rows, 15, right=[1], ruled=True).split("\n") == [
        *("layer  units", "------------", "fc6        9", "------------", "total      9", ""),
        *("layer  device", "-------------", "fc6    cpu:0", "-------------", "total"),
    ]


def test_a_cell_that_is_too_wide_is_folded() -> None:
    rows = [("training", "90 epochs, batches of 128, momentum 0.9"), ("noise", "none")]
    assert table(rows, 32) == "training  90 epochs, batches of\n          128, momentum 0.9\nnoise     none"


def on_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed from now on in this test is printed on a terminal."""
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 24)))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (__main__, []),
        (recipes, []),
        *((recipes, [name]) for name in RECIPES),
        (model, []),
        (model, ["--columns", "1"]),
        *((each, ["--help"]) for each in (__main__, train, evaluate, predict, prepare, recipes, model)),
    ],
)
def test_what_is_printed_fits(
    command: object,
    arguments: list[str],
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    on_a_terminal(columns, monkeypatch)
    if "--help" in arguments:
        with pytest.raises(SystemExit):
            command.main(arguments)
    else:
        assert command.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4 and [line for line in lines if len(line) >= columns] == []


@pytest.mark.parametrize("columns", [80, 90, 100])
def test_a_run_fits(
    columns: int, pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(columns, monkeypatch)
    monkeypatch.chdir(pictures.parent)
    assert cifar(pictures, "--epochs", 2, "--out", "run") == 0
    assert run("--status", "run") == 0
    lines = capsys.readouterr().out.splitlines()
    whole = ("python -m alexnet.train", str(pictures))  # a command, which may be pasted, and a long path
    assert [line for line in lines if len(line) >= columns and not any(each in line for each in whole)] == []
    assert not [line for line in lines if line.endswith(("error", "training", "validation", "loss", "rate", "for"))]
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert len(epochs) == 2
    for line in epochs:
        assert re.match(r"epoch   [12]/2  top-1 error [ \d.]+ %  top-5 error [ \d.]+ %  validation loss [\d.]+", line)


def test_where_there_is_no_terminal_lines_are_whole(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    assert cifar(pictures, "--epochs", 1, "--out", "run") == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch "))
    assert len(line) > 120 and line.endswith("% waiting for data") and "training loss" in line


def test_the_list_of_tools_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    doors = [path for path in (ROOT / "alexnet").glob("*.py") if 'if __name__ == "__main__"' in path.read_text()]
    tools = {path.stem for path in doors} | {path.parent.name for path in (ROOT / "alexnet").glob("*/__main__.py")}
    assert set(__main__.TOOLS) == tools - {"__main__"}
    assert __main__.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[: len(tools) - 1]] == [f"alexnet.{name}" for name in __main__.TOOLS]


def piped(tool: str, *arguments: object, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """Status and errors of a command whose output is a pipe without a reader."""
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            [sys.executable, "-m", tool, *map(str, arguments)],
            stdout=write,
            stderr=stderr,
            text=True,
            env=environment(),
            check=False,
        )
    finally:
        os.close(write)
    return result.returncode, result.stderr or ""


posix = pytest.mark.skipif(os.name != "posix", reason="pipes without readers are POSIX's here")


@posix
@pytest.mark.parametrize(
    "arguments", [("alexnet",), ("alexnet.recipes", "paper"), ("alexnet.model",), ("alexnet.evaluate", "run")]
)
def test_a_pipe_without_a_reader_ends_a_command_in_silence(
    arguments: tuple[str, ...], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    if "run" in arguments:
        assert cifar(pictures, "--epochs", 1, "--out", "run") == 0
    assert piped(*arguments) == (141, "")


@posix
def test_help_and_errors_without_a_reader(pictures: Path) -> None:
    assert piped("alexnet.train", "--help") == (0, "")
    assert piped("alexnet.train", "--data", "nowhere", stderr=subprocess.STDOUT) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_output_that_has_no_room_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "alexnet.recipes"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), check=False)
    (error,) = result.stderr.splitlines()
    assert result.returncode == 2 and "No space left on device" in error
