"""What a run says while it trains, on a terminal, in Jupyter and elsewhere."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from checks import notebook

from alexnet.run.progress_line import ProgressLine


class Clock:
    """Time that passes when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def steps(line: ProgressLine, clock: Clock, count: int, seconds: float, images: int, waited: float) -> None:
    for _ in range(count):
        clock.now += seconds
        line.step(0.5, images, waited)


def test_without_a_terminal_there_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """100 steps per epoch, of 2 seconds, of which half a second is waiting; evaluations of 10 seconds."""
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/3", 100, 0, 2, 200)
    steps(line, clock, 14, 2, 64, 0.5)
    assert capsys.readouterr().out == ""  # nothing in the first half minute
    steps(line, clock, 86, 2, 64, 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("epoch 1/3  step 15/100  loss 0.500  9:30 left  32 images/s  2:50 left in the epoch  ")
    assert lines[0].endswith("25 % waiting for data")
    for done in range(6):
        line.evaluate(done, 5)
        clock.now += 2 * (done < 5)
    capsys.readouterr()
    line.start("epoch 2/3", 100, 0, 1, 100)
    steps(line, clock, 15, 2, 64, 0)
    last = capsys.readouterr().out.splitlines()[-1]
    # 85 and 100 steps of 2 seconds and two evaluations of 10
    assert (
        last.startswith("epoch 2/3  step 15/100") and "  6:30 left  " in last and "2:50 left in the epoch  0 %" in last
    )


def test_on_a_terminal_one_line_is_rewritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((40, 20)))
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/2", 100, 50, 1, 100)
    steps(line, clock, 3, 1, 64, 0)
    out, error = capsys.readouterr()
    assert out == "" and "\n" not in error
    shown = error.split("\r")[1:]
    assert shown == [f"epoch 1/2  step {step}/100  loss 0.500" for step in (51, 52, 53)]  # no room for more
    line.say("epoch 1 is done")
    out, error = capsys.readouterr()
    assert out == "epoch 1 is done\n" and error == "\r" + " " * 34 + "\r"


@pytest.mark.parametrize(
    ("columns", "rest"),
    [(60, "  2:27 left"), (80, "  2:27 left  64 images/s"), (100, "  2:27 left  64 images/s  0:47 left in the epoch")],
)
def test_a_narrow_terminal_shows_what_matters_most(
    columns: int, rest: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 20)))
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 11/12", 100, 50, 1, 100)
    steps(line, clock, 3, 1, 64, 0)
    assert capsys.readouterr().err.split("\r")[-1] == "epoch 11/12  step 53/100  loss 0.500" + rest


def test_in_jupyter_the_line_is_rewritten_below_the_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = notebook(monkeypatch)
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/2", 100, 50, 1, 100)
    steps(line, clock, 3, 1, 64, 0)
    line.say("epoch 1 is done")
    shown = stream.getvalue().split("\r")
    assert shown[1] == "epoch 1/2  step 51/100  loss 0.500" and "waiting for data" in shown[3]  # not cut
    assert shown[4:] == [" " * len(shown[3]), "epoch 1 is done\n"]
    assert capsys.readouterr().err == ""


def test_what_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> None:
            raise OSError(5, "Input/output error")

        flush = write

    for name in ("sys.stdout", "sys.stderr"):
        monkeypatch.setattr(name, Gone())
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/2", 100, 50, 1, 100)
    steps(line, clock, 3, 1, 64, 0)
    line.say("something")


def test_the_time_left_is_that_of_epochs_of_other_lengths(capsys: pytest.CaptureFixture[str]) -> None:
    """15 of 100 steps of 2 seconds are done, and an epoch of 50 and one of 150 follow; no evaluation took any time."""
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/3", 100, 0, 2, 200)
    steps(line, clock, 15, 2, 64, 0)
    assert "  9:30 left  " in capsys.readouterr().out  # 285 steps


def test_numbers_in_the_plain_line_are_those_of_the_last_steps() -> None:
    """Two speeds: of the first steps nothing is left after a window of the second."""
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/1", 1000, 0, 0, 0)
    steps(line, clock, 100, 10, 10, 0)
    steps(line, clock, 60, 0.1, 10, 0)
    assert np.isclose(line.speed(), 100)
