"""The training command as tests run it, in this process or in its own, what they do to it, and two runs compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet import train
from alexnet.run.trainer import Trainer
from minigrad import checkpoint

posix = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's here")


def run(*arguments: object) -> int:
    return train.main([str(argument) for argument in arguments])


def cifar(pictures: Path, *more: object) -> int:
    """The command with the small network of CIFAR-10."""
    return run("--recipe", "cifar10-80sec", "--data", pictures, "--batch-size", 5, *more)


def environment() -> dict[str, str]:
    """Of a process that finds the modules of this one, and whose output is buffered, as it is if nobody forbids it."""
    path = os.pathsep.join(path for path in sys.path if path)
    return {**{name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}, "PYTHONPATH": path}


def log(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def state_of(folder: Path) -> dict[str, np.ndarray]:
    state = checkpoint.load(folder / "checkpoint.npz")
    state.pop("log_bytes")
    return state


def assert_same_run(first: Path, second: Path) -> None:
    """The same bits in the checkpoints, and the same numbers in the logs but for times."""
    one, other = state_of(first), state_of(second)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)
    lines = [[line for line in log(folder) if "event" not in line] for folder in (first, second)]
    for line in (line for part in lines for line in part):
        del line["images_per_second"]
    assert lines[0] == lines[1]


def at_step(number: int, action: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something in the middle of a step of the run."""
    step = Trainer._step

    def patched(self: Trainer, images: np.ndarray, *more: Any) -> tuple[float, bool]:
        if self.progress.step + 1 == number:
            action()
        return step(self, images, *more)

    monkeypatch.setattr(Trainer, "_step", patched)


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
def step(*anything):
    print("in a step", flush=True)
    while True:
        time.sleep(0.01)  # one long sleep may begin between a signal and its handler, which then waits for its end
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


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)


def saved_twice(pictures: Path) -> Path:
    """A run with two checkpoints, after steps 2 and 3."""
    assert cifar(pictures, "--epochs", 2, "--steps", 2, "--out", "run") == 0
    assert run("--resume", "--steps", 1, "--out", "run") == 0
    return Path("run/checkpoint.npz")
