"""What a run survives: signals, kills, damaged checkpoints and pictures, full disks, a second run into its folder."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from training_runs import assert_same_run, cifar, environment, log, run, state_of

from alexnet.data import RescaledSplit, open_dataset
from alexnet.data.keyed import SHUFFLE, permutation
from alexnet.run.folder import RunError, RunFolder
from alexnet.run.journal import Journal
from alexnet.run.trainer import Trainer
from alexnet.scores import errors
from minigrad import checkpoint, nn

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


# pictures that cannot be read


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


# workers


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


# processes


def command(*arguments: object, program: str = "") -> subprocess.Popen[str]:
    """The training command as a process of its own; `program` runs before it."""
    start = f"import sys\nfrom alexnet import train\nfrom alexnet.run import trainer\n{program}\nsys.exit(train.main())"
    words = [sys.executable, "-c", start, *map(str, arguments)]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )  # closed by communicate


# Every step says that it has begun, and takes an hour.
ENDLESS = """
import time
def step(self, images, labels):
    print("in a step", flush=True)
    time.sleep(3600)
trainer.Trainer._step = step
"""


def endless(pictures: Path, *more: object) -> subprocess.Popen[str]:
    """A process that is in an endless step."""
    process = command(
        *("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 5, "--out", "run", *more), program=ENDLESS
    )
    assert process.stdout is not None
    while "in a step" not in (line := process.stdout.readline()):
        assert line, process.communicate()
    return process


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


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


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
