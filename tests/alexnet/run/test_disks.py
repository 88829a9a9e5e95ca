"""Full disks, and those that can only be read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from training_runs import (
    assert_same_run,
    cifar,
    run,
    saved_twice,
)

from alexnet.run.folder import RunError, RunFolder
from alexnet.run.journal import Journal
from minigrad import checkpoint, nn


def test_a_full_disk_is_one_sentence_and_keeps_the_last_checkpoint(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved_twice(pictures)
    before = path.read_bytes()

    def full(*arguments: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array_header_1_0", full)
        assert run("--resume", "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in error and "--resume --out run" in error
    assert path.read_bytes() == before and not list(Path("run").glob("*.part"))
    assert run("--resume", "--out", "run") == 0


def test_a_full_disk_before_the_first_checkpoint(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", "whole") == 0

    def full(*arguments: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", full)
        assert cifar(pictures, "--epochs", 1, "--out", "run") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "(No space left on device); it has no checkpoint yet: make room there" in error and "untouched" not in error
    assert run("--resume", "--out", "run") == 0
    assert_same_run(Path("whole"), Path("run"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes the rights of root, on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, free: int) -> Path:
    """A file that leaves so many bytes of a disk."""
    file = disk / "other"
    with file.open("wb", buffering=0) as content, suppress(OSError):
        while content.write(bytes(4096)):
            pass
    os.truncate(file, file.stat().st_size - free)
    return file


@pytest.mark.parametrize("free", [0, 12 * 1024, 512 * 1024])
def test_a_disk_that_is_really_full(free: int, disk: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where not even a line of the log has room, where a checkpoint has none, and in between."""
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    out = disk / "run"
    assert cifar(pictures, "--epochs", 2, "--steps", 2, "--out", out) == 0
    before = {each.name: each.read_bytes() for each in out.iterdir() if each.name != "lock"}
    other = fill(disk, free)
    capsys.readouterr()
    assert run("--resume", "--out", out) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert f"cannot write into {out} (No space left on device); its last checkpoint is untouched" in error
    after = {each.name: each.read_bytes() for each in out.iterdir() if each.name != "lock"}
    assert after.keys() == before.keys()
    assert all(after[name] == content for name, content in before.items() if name.endswith("npz"))
    assert after["log.jsonl"].endswith(b"\n")
    other.unlink()
    assert run("--resume", "--out", out) == 0
    assert_same_run(Path("whole"), out)


def test_of_a_line_that_has_no_room_nothing_stays(disk: Path) -> None:
    folder = RunFolder(disk)
    folder.append({"event": "saved"})
    before = folder.log.read_bytes()
    other = fill(disk, 8192)
    with pytest.raises(RunError, match="No space left on device"):
        folder.append({"event": "failed", "reason": "x" * 50_000})
    assert folder.log.read_bytes() == before
    other.unlink()
    folder.append({"event": "resumed"})
    assert [line["event"] for line in folder.lines()] == ["saved", "resumed"]


def test_a_disk_that_fills_up_while_the_figures_are_drawn(
    disk: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 2, "--out", "whole") == 0
    draw = Journal.draw

    def full(self: Journal, model: nn.Module) -> None:
        other = fill(disk, 0)
        draw(self, model)
        other.unlink()

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "draw", full)
        assert cifar(pictures, "--epochs", 2, "--out", disk / "run") == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not list((disk / "run").glob("*.part"))
    (disk / "other").unlink()
    assert run("--resume", "--out", disk / "run") == 0
    assert_same_run(Path("whole"), disk / "run")


def test_a_disk_that_can_only_be_read(disk: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", disk / "run") == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for arguments in (("--resume", "--epochs", 2, "--out", disk / "run"), ("--steps", 1, "--out", disk / "other")):
        assert (run if "--resume" in arguments else partial(cifar, pictures))(*arguments) == 2
        assert "cannot write to" in (error := capsys.readouterr().err.splitlines()[-1])
        assert "Read-only file system" in error and "choose another --out" in error
    assert run("--status", disk / "run") == 0
    assert "finished: 1 epoch, " in capsys.readouterr().out


def test_a_run_that_no_room_was_left_for_leaves_no_log_behind(
    disk: Path, pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next try would be refused. The room was there when the run looked for it."""
    monkeypatch.setattr(RunFolder, "check_room", lambda folder, checkpoint: None)
    other = fill(disk, 0)
    for _ in range(2):
        assert cifar(pictures, "--steps", 1, "--out", disk / "run") == 2
        assert f"cannot write to {disk / 'run'} (No space left on device)" in capsys.readouterr().err
    other.unlink()
    assert cifar(pictures, "--steps", 1, "--out", disk / "run") == 0
