"""A run's folder: its recipe, its log and its checkpoints. Nothing in it is ever half-written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import checkpoint

__all__ = ["RunError", "RunFolder", "free_folder", "latest_folder"]

DEFAULT_PARENT = Path("runs")


class RunError(ValueError):
    """A run cannot be started or continued; one sentence says why and what to do."""


def _numbered(name: str) -> list[Path]:
    """runs/name, runs/name-2, ...: those that exist, and the next."""
    folders = [DEFAULT_PARENT / name]
    while folders[-1].exists():
        folders.append(DEFAULT_PARENT / f"{name}-{len(folders) + 1}")
    return folders


def free_folder(name: str) -> Path:
    """The first of runs/name, runs/name-2, ... that does not exist."""
    return _numbered(name)[-1]


def latest_folder(name: str) -> Path:
    """The last of runs/name, runs/name-2, ... that exists.

    Raises:
        RunError: there is none.
    """
    folders = _numbered(name)
    if len(folders) == 1:
        raise RunError(f"there is no run {folders[0]} to resume; name its folder with --out")
    return folders[-2]


class RunFolder:
    """Reads and writes the files of one run.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log.jsonl"
        self.latest = path / "checkpoint.npz"
        self.best = path / "best.npz"
        self.settings = path / "recipe.json"

    def create(self, settings: Mapping[str, Any]) -> None:
        """Make the folder for a new run and write its recipe.json.

        Raises:
            RunError: it holds a run already, or cannot be written.
        """
        if self.settings.exists():
            raise RunError(f"{self.path} holds a run already; add --resume to go on with it, or choose another --out")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._write_text(self.settings, json.dumps(settings, indent=2) + "\n")
            self.log.write_bytes(b"")
        except OSError as error:
            raise RunError(f"cannot write to {self.path} ({error.strerror}); choose another --out") from error

    def read_settings(self) -> dict[str, Any]:
        """What `create` wrote.

        Raises:
            RunError: there is no run, or its recipe.json is damaged.
        """
        try:
            return dict(json.loads(self.settings.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise RunError(f"{self.path} holds no run to resume: {self.settings.name} is missing") from None
        except (ValueError, OSError) as error:
            raise RunError(f"{self.settings} cannot be read ({error})") from error

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line to the log and see it onto the disk."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of the log that tell of an epoch, in order."""
        lines = [json.loads(text) for text in self.log.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if "event" not in line]

    def save(self, state: Mapping[str, np.ndarray], best: bool) -> None:
        """Write the checkpoint, with the log's length in it; as the best one too, if it is."""
        state = {**state, "log_bytes": np.int64(self.log.stat().st_size)}
        checkpoint.save(self.latest, state)
        if best:
            checkpoint.save(self.best, state)

    def restore(self) -> dict[str, np.ndarray]:
        """The checkpoint, with the log cut back to where it was then.

        Raises:
            RunError: there is none, or it is damaged.
        """
        try:
            state = checkpoint.load(self.latest)
            length = int(state.pop("log_bytes"))
            if self.log.stat().st_size < length:
                raise RunError(f"{self.log} is shorter than when {self.latest.name} was written; restore the file")
            os.truncate(self.log, length)
        except FileNotFoundError as error:
            raise RunError(f"{self.path} has nothing to resume from yet ({error}); start it again") from None
        except (KeyError, OSError, ValueError) as error:
            raise RunError(str(error)) from error
        return state

    @staticmethod
    def _write_text(path: Path, text: str) -> None:
        beside = path.with_name(path.name + ".part")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
