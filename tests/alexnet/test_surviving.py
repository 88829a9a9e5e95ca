"""What a run survives: signals, kills, damaged checkpoints, full disks, a second run into its folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from training_runs import assert_same_run, cifar, log, run, state_of

from alexnet.training import Trainer
from minigrad import checkpoint

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's here")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def at_step(number: int, action: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something in the middle of a step of the run."""
    step = Trainer._step

    def patched(self: Trainer, images: np.ndarray, labels: np.ndarray) -> float:
        if self.progress.step + 1 == number:
            action()
        return step(self, images, labels)

    monkeypatch.setattr(Trainer, "_step", patched)


def test_checkpoints_within_an_epoch_change_nothing(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    assert cifar(pictures, "--epochs", 2, "--checkpoint-minutes", 1e-9, "--out", "often") == 0
    assert_same_run(Path("whole"), Path("often"))
    assert [line["step"] for line in log(Path("often")) if line.get("event") == "saved"] == list(range(1, 11))
    assert not [line for line in log(Path("whole")) if "event" in line]


def test_resuming_in_mid_epoch_with_other_workers_gives_the_same_bits(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cifar(pictures, "--epochs", 2, "--workers", 3, "--out", "whole") == 0

    def crash() -> None:
        raise MemoryError("all of it")

    with monkeypatch.context() as patch:
        at_step(8, crash, patch)
        assert cifar(pictures, "--epochs", 2, "--checkpoint-minutes", 1e-9, "--workers", 1, "--out", "parts") == 2
    assert state_of(Path("parts"))["progress/step"] == 7
    assert run("--resume", "--out", "parts", "--workers", 5) == 0
    assert_same_run(Path("whole"), Path("parts"))


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


def saved_twice(pictures: Path) -> Path:
    """A run with two checkpoints, after steps 2 and 3."""
    assert cifar(pictures, "--epochs", 2, "--steps", 2, "--out", "run") == 0
    assert run("--resume", "--steps", 1, "--out", "run") == 0
    return Path("run/checkpoint.npz")


@pytest.mark.parametrize("damage", ["cut short", "flipped bits", "another recipe", "another file", "log too short"])
def test_a_bad_checkpoint_is_set_aside_for_the_one_before(
    damage: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    path = saved_twice(pictures)
    data = bytearray(path.read_bytes())
    words = "is not a checkpoint, or a damaged one"
    if damage == "cut short":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped bits":
        data[data.index(state_of(Path("run"))["velocity/2"].tobytes()) + 1000] ^= 4
        path.write_bytes(data)
    elif damage == "another recipe":
        assert cifar(pictures, "--steps", 3, "--seed", 1, "--out", "other") == 0
        shutil.copy("other/checkpoint.npz", path)
        words = "another recipe or seed"
    elif damage == "another file":
        path.write_text("my shopping list")
    else:
        checkpoint.save(path, {**checkpoint.load(path), "log_bytes": np.int64(10**6)})
        words = "shorter than when it was written"
    bad = path.read_bytes()
    capsys.readouterr()
    assert run("--resume", "--out", "run") == 0
    error = capsys.readouterr().err
    assert str(path) in error and words in error and "going on from run/previous.npz" in error.replace(os.sep, "/")
    assert Path("run/checkpoint.npz.refused").read_bytes() == bad
    assert_same_run(Path("whole"), Path("run"))


def test_without_a_good_checkpoint_nothing_is_touched(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved_twice(pictures)
    for name in ("checkpoint.npz", "previous.npz"):
        (path.parent / name).write_bytes(b"gone")
    before = {each.name: each.read_bytes() for each in path.parent.iterdir() if each.name != "lock"}
    assert run("--resume", "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "checkpoint.npz is not" in error and "previous.npz is not" in error
    assert {each.name: each.read_bytes() for each in path.parent.iterdir() if each.name != "lock"} == before


def test_half_a_last_line_in_the_log_is_passed_over(pictures: Path) -> None:
    """Also where it is cut within a character, and where no checkpoint was written yet."""
    assert cifar(pictures, "--epochs", 1, "--out", "whole") == 0
    assert cifar(pictures, "--epochs", 1, "--steps", 1, "--out", "run") == 0
    for keep in (True, False):
        with Path("run/log.jsonl").open("ab") as file:
            file.write(b'{"epoch": 1, "name": "caf\xc3')
        if not keep:
            Path("run/checkpoint.npz").unlink()
        assert run("--resume", "--out", "run", "--steps", 1) == 0
    assert run("--resume", "--out", "run") == 0
    assert_same_run(Path("whole"), Path("run"))


def test_a_full_disk_is_one_sentence_and_keeps_the_last_checkpoint(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved_twice(pictures)
    before = path.read_bytes()

    def full(*arguments: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        assert run("--resume", "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in error and "--resume --out run" in error
    assert path.read_bytes() == before and not list(Path("run").glob("*.part"))
    assert run("--resume", "--out", "run") == 0


def command(*arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "alexnet.train", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )  # closed by communicate


@posix
def test_two_runs_into_one_folder_and_the_lock_of_a_killed_one(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = ("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 1, "--epochs", 1000)
    first = command(*shared, "--checkpoint-minutes", 1e-9, "--out", "run")
    try:
        deadline = time.monotonic() + 60
        while not Path("run/previous.npz").exists():
            assert first.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        assert run("--resume", "--out", "run") == 2
        assert f"process {first.pid} is training into run" in capsys.readouterr().err
    finally:
        first.kill()
        first.communicate()
    assert run("--resume", "--out", "run", "--steps", 1) == 0


@posix
def test_a_second_interrupt_leaves_at_once(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first, the signal is the system's, which ends the process whatever it does."""
    found = []

    def twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        found.append(signal.getsignal(signal.SIGINT))

    at_step(2, twice, monkeypatch)
    assert cifar(pictures, "--out", "run") == 130
    assert found == [signal.SIG_DFL]


@posix
@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments_and_resume_to_the_same_bits(kills: int, pictures: Path) -> None:
    """Saving takes most of the time here, so most kills fall into it. A run gets too little time to finish."""
    epochs = 4 + kills
    assert cifar(pictures, "--epochs", epochs, "--out", "whole") == 0
    flags = ("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 5, "--epochs", epochs)
    random = np.random.default_rng(kills)
    for _ in range(kills):
        resume = Path("parts/recipe.json").exists()
        one = command(*(("--resume",) if resume else flags), "--checkpoint-minutes", 1e-9, "--out", "parts")
        log_file = Path("parts/log.jsonl")
        before, deadline = log_file.stat().st_mtime_ns if resume else 0, time.monotonic() + 60
        while not log_file.exists() or log_file.stat().st_mtime_ns == before:  # it is about to train
            assert one.poll() is None and time.monotonic() < deadline, one.communicate()
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.15))
        one.kill()
        one.communicate()
        assert one.returncode == -signal.SIGKILL
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))
