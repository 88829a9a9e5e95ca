"""Signals: the step is finished and saved, and the exit status tells which it was."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from training_runs import (
    assert_same_run,
    at_step,
    cifar,
    command,
    endless,
    log,
    posix,
    run,
    state_of,
    wait_for,
)


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_saves_and_says_how_to_resume(
    number: signal.Signals,
    status: int,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        at_step(7, lambda: os.kill(os.getpid(), number), patch)
        assert cifar(pictures, "--epochs", 2, "--out", "parts") == status
    assert "after step 7; go on with: python -m alexnet.train --resume --out parts" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) == before
    assert state_of(Path("parts"))["progress/step"] == 7
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))


@posix
def test_a_signal_in_the_last_step_of_an_epoch_leaves_its_evaluation_to_the_resumed_run(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    with monkeypatch.context() as patch:
        at_step(5, lambda: os.kill(os.getpid(), signal.SIGTERM), patch)
        assert cifar(pictures, "--epochs", 2, "--out", "parts") == 143
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))


@posix
def test_a_second_interrupt_leaves_at_once(pictures: Path) -> None:
    """The first waits for a step that never ends."""
    process = endless(pictures)
    try:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT
    finally:
        process.kill()
        _, error = process.communicate()
    assert error.strip() == "stopping as soon as what has been learned is saved; Control-C once more leaves at once"


@posix
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (getattr(signal, "SIGHUP", 1), 129)]
)
def test_the_exit_status_of_a_process_that_a_signal_stops(number: int, status: int, pictures: Path) -> None:
    process = command(
        *("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 1, "--epochs", 10**6, "--out", "run"),
        *("--checkpoint-minutes", 1e-9),
    )
    try:
        wait_for(Path("run/previous.npz"), process)
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == status and "go on with: python -m alexnet.train --resume --out run" in out


@posix
@pytest.mark.parametrize("lines", [0, 1])
def test_a_terminal_that_goes_away_does_not_stop_the_run(lines: int, pictures: Path) -> None:
    """Whoever read what it prints is gone before or after the first line, as `head` is."""
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    process = command(
        *("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 5, "--epochs", 2, "--out", "run")
    )
    assert process.stdout is not None and process.stderr is not None
    for _ in range(lines):
        process.stdout.readline()
    process.stdout.close()
    process.stderr.close()
    assert process.wait(60) == 0
    assert_same_run(Path("whole"), Path("run"))
    assert not [line for line in log(Path("run")) if "event" in line]
