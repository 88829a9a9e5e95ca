"""A run's folder: its recipe, its log and its checkpoints. Nothing in it is ever half-written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import checkpoint

__all__ = ["RunError", "RunFolder", "free_folder", "latest_folder"]

DEFAULT_PARENT = Path("runs")
EPOCH_KEYS = ("epoch", "step", "lr", "train_loss", "val_loss", "val_top1", "val_top5", "images_per_second")


class RunError(ValueError):
    """A run cannot be started or continued; one sentence says why and what to do."""


def _last_number(name: str) -> int:
    """The highest k for which runs/name-k exists (runs/name counts as 1); 0 if there is none."""
    pattern = re.compile(re.escape(name) + r"(?:-([1-9][0-9]*))?")
    entries = DEFAULT_PARENT.iterdir() if DEFAULT_PARENT.is_dir() else ()
    found = (pattern.fullmatch(entry.name) for entry in entries)
    return max((int(match[1] or 1) for match in found if match), default=0)


def _default_folder(name: str, number: int) -> Path:
    return DEFAULT_PARENT / (name if number == 1 else f"{name}-{number}")


def free_folder(name: str) -> Path:
    """The one after the last of runs/name, runs/name-2, ..."""
    return _default_folder(name, _last_number(name) + 1)


def latest_folder(name: str) -> Path:
    """The last of runs/name, runs/name-2, ... that exists.

    Raises:
        RunError: there is none.
    """
    last = _last_number(name)
    if not last:
        raise RunError(f"there is no run {DEFAULT_PARENT / name} to resume; name its folder with --out")
    return _default_folder(name, last)


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
        for file in (self.log, self.latest, self.best):
            if file.exists():
                raise RunError(f"{file} is there already and would be overwritten; choose another --out")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.log.write_bytes(b"")
            self.write_settings(settings)
        except OSError as error:
            raise RunError(f"cannot write to {self.path} ({error.strerror}); choose another --out") from error

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Write recipe.json, beside first."""
        beside = self.settings.with_name(self.settings.name + ".part")
        beside.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        beside.replace(self.settings)

    def read_settings(self) -> dict[str, Any]:
        """What `create` wrote.

        Raises:
            RunError: there is no run, or its recipe.json is damaged.
        """
        try:
            settings = json.loads(self.settings.read_text(encoding="utf-8"))
            if not isinstance(settings, dict):
                raise ValueError("it holds no table")
            return settings
        except FileNotFoundError:
            raise RunError(f"{self.path} holds no run: {self.settings.name} is missing") from None
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
        lines = []
        for number, text in enumerate(self.log.read_text(encoding="utf-8").splitlines(), 1):
            try:
                line = json.loads(text)
                if "event" not in line:
                    lines.append({name: line[name] for name in EPOCH_KEYS})
            except (ValueError, KeyError, TypeError) as error:
                raise RunError(f"{self.log}, line {number} is damaged ({error}); restore or remove it") from None
        return lines

    def save(self, state: Mapping[str, np.ndarray], best: bool) -> None:
        """Write the checkpoint, with the log's length in it; as the best one too, if it is."""
        state = {**state, "log_bytes": np.int64(self.log.stat().st_size)}
        if best:  # first: what comes after the latest checkpoint is done again if this is cut short
            checkpoint.save(self.best, state)
        checkpoint.save(self.latest, state)

    def load(self, best: bool) -> dict[str, np.ndarray]:
        """The arrays of best.npz or of the latest checkpoint.

        Raises:
            RunError: it is missing or damaged.
        """
        try:
            return checkpoint.load(self.best if best else self.latest)
        except FileNotFoundError:
            missing = "best.npz, which the first epoch ends with" if best else "checkpoint.npz"
            raise RunError(f"{self.path} has no {missing}; train longer, or choose another checkpoint") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path} cannot be used: {error}") from error

    def restore(self) -> dict[str, np.ndarray] | None:
        """The checkpoint, with the log cut back to where it was then; None if the run was stopped before the first.

        Raises:
            RunError: it is damaged.
        """
        try:
            if not self.latest.exists():
                self.log.write_bytes(b"")
                return None
            state = checkpoint.load(self.latest)
            length = int(state.pop("log_bytes"))
            if self.log.stat().st_size < length:
                raise RunError(f"{self.log} is shorter than when {self.latest.name} was written; restore the file")
            os.truncate(self.log, length)
        except (KeyError, OSError, ValueError) as error:
            raise RunError(f"{self.path} cannot be resumed: {error}") from error
        return state
