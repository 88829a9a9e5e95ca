"""The training command as tests run it, in this process or in its own, and the comparison of two runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from alexnet import train
from minigrad import checkpoint


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
