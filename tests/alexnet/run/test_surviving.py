"""What a run survives: kills, damaged checkpoints and logs, a second run into its folder."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
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
    saved_twice,
    state_of,
    wait_for,
)

from minigrad import checkpoint


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


@posix
def test_two_runs_into_one_folder_and_the_lock_of_a_killed_one(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = endless(pictures)
    try:
        before = Path("run/log.jsonl").read_bytes()
        assert run("--resume", "--out", "run") == 2
        assert f"process {first.pid} is training into run" in capsys.readouterr().err
        assert cifar(pictures, "--out", "run") == 2
        assert f"process {first.pid} is training into run" in capsys.readouterr().err
        assert Path("run/log.jsonl").read_bytes() == before
    finally:
        first.kill()
        first.communicate()
    assert run("--resume", "--out", "run", "--steps", 1) == 0


@posix
def test_two_default_runs_that_start_together(pictures: Path) -> None:
    flags = ("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 5, "--steps", 1)
    for process in [command(*flags) for _ in range(2)]:
        out, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
        assert Path(out.splitlines()[1].rpartition("into ")[2]).is_dir()
    for name in ("cifar10-80sec", "cifar10-80sec-2"):
        assert [line["event"] for line in log(Path("runs", name))] == ["saved"]


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@posix
def test_one_command_line_starts_resumes_and_then_does_nothing(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is killed when it has just begun, before its first checkpoint, and after two."""
    assert cifar(pictures, "--epochs", 8, "--out", "whole") == 0
    flags = ("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 5, "--epochs", 8)
    line = (*flags, "--checkpoint-minutes", 1e-9, "--out", "parts", "--resume-or-start")
    for file in ("parts/lock", "parts/recipe.json", "parts/previous.npz"):
        process = command(*line)
        wait_for(Path(file), process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert run(*line) == 0
    assert_same_run(Path("whole"), Path("parts"))
    before = contents(Path("parts"))
    shutil.rmtree(pictures)
    capsys.readouterr()
    assert run(*line) == 0
    assert capsys.readouterr().out == "parts has had its 8 epochs; there is nothing to do\n"
    assert contents(Path("parts")) == before


@pytest.mark.parametrize("left", [["log.jsonl"], ["log.jsonl", "recipe.json"], ["lock"]])
def test_what_a_start_that_was_killed_has_left_is_started_or_gone_on_with(left: list[str], pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", "whole") == 0
    Path("parts").mkdir()
    for name in left:
        Path("parts", name).write_bytes(Path("whole", name).read_bytes() if name == "recipe.json" else b"")
    assert cifar(pictures, "--epochs", 1, "--out", "parts", "--resume-or-start") == 0
    assert_same_run(Path("whole"), Path("parts"))


def saved_at(folder: Path) -> int:
    """When the latest checkpoint was written; 0 if there is none, as for a moment while one takes its place."""
    try:
        return (folder / "checkpoint.npz").stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@posix
@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_9_at_random_moments_and_resume_to_the_same_bits(kills: int, pictures: Path) -> None:
    """Saving, after every step, takes most of the time here, so most kills fall into it.

    A process is killed some steps after its first; it gets too little time to finish the run.
    """
    epochs = 4 + kills
    assert cifar(pictures, "--epochs", epochs, "--out", "whole") == 0
    flags = ("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 5, "--epochs", epochs)
    random = np.random.default_rng(kills)
    for _ in range(kills):
        resume = Path("parts/recipe.json").exists()
        one = command(*(("--resume",) if resume else flags), "--checkpoint-minutes", 1e-9, "--out", "parts")
        before, deadline = saved_at(Path("parts")), time.monotonic() + 60
        while saved_at(Path("parts")) == before:
            assert one.poll() is None and time.monotonic() < deadline, one.communicate()
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.05))
        one.kill()
        one.communicate()
        assert one.returncode == -signal.SIGKILL
    assert run("--resume", "--out", "parts") == 0
    assert_same_run(Path("whole"), Path("parts"))
