"""A run's folder: its recipe, its log and its checkpoints. Only the log's last line can be half-written."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alexnet.files import LockedError, free_space, lock, locked_by, whole
from alexnet.recipes import Recipe
from alexnet.recipes.typed import read
from alexnet.run.checkpoint import LOG_BYTES, PROGRESS, part, under
from alexnet.run.progress import Progress
from alexnet.terminal import amount, command_line
from minigrad import checkpoint, display
from minigrad.folders import rename

__all__ = [
    "DivergedError",
    "RunError",
    "RunFolder",
    "best_epoch",
    "free_folder",
    "latest_folder",
    "room",
    "room_in_words",
]

DEFAULT_PARENT = Path("runs")
EPOCH_KEYS = ("epoch", "step", "lr", "train_loss", "val_loss", "val_top1", "val_top5", "images_per_second")
NEWER_EPOCH_KEYS = ("train_top1",)  # which runs of earlier versions lack
LAST_EPOCHS = 5  # that Jupyter shows
COPIES = ("layers.cfg", "layer-params.cfg")
KEPT = 3  # checkpoints: the latest, the one before, and the best
SETTINGS: dict[str, Any] = {  # of recipe.json, with their types
    "recipe": Mapping[str, Any],
    "data": str,
    "seed": int,
    "devices": Sequence[str],
    "ids": Sequence[str],
    "classes": Sequence[str],
    "channels": int,
    "pictures": Mapping[str, int],
    "data_batches": Sequence[int],
    "base": str,
    "weights_from": str,
    "layer_files": Sequence[str],
}
NEWER = {"pictures", "data_batches", "base", "weights_from", "layer_files"}  # which runs of earlier versions lack


class RunError(ValueError):
    """A run cannot be started or continued; one sentence says why and what to do."""


class DivergedError(RunError):
    """Numbers of a run are no longer finite: it would come to the same end again."""


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


def room(size: int) -> int:
    """The bytes of all checkpoints of a run, of `size` each: those that are kept, and one that is being written."""
    return (KEPT + 1) * size


def room_in_words(size: int) -> str:
    """The same as text."""
    return f"{amount(room(size))} ({KEPT} checkpoints of {amount(size)}, and one more while it is written)"


def best_epoch(epochs: Sequence[Mapping[str, Any]], recipe: Recipe) -> Mapping[str, Any]:
    """Of the log's lines of some epochs, the one with the lowest validation error; the first of equals.

    Where the recipe has come to learn the validation pictures too, it is the last.
    """
    if recipe.trains_on_all(epochs[-1]["epoch"]):
        return epochs[-1]
    return min(epochs, key=lambda line: float(line["val_top1"]))


def _row(line: Mapping[str, Any], mark: str) -> tuple[str, ...]:
    """An epoch's line of the log as cells of the table that Jupyter shows."""
    losses = (f"{line[name]:.3f}" for name in ("train_loss", "val_loss"))
    errors = (f"{line[name]:.2f} %" for name in ("val_top1", "val_top5"))
    return mark, str(line["epoch"]), f"{line['lr']:g}", *losses, *errors


class RunFolder:
    """Reads and writes the files of one run.

    Args:
        path: the folder.

    Attributes:
        log, latest, previous, best, settings: its files.
        copies: of the layer file and the parameter file that it was started with, where it was; for people.
    """

    def __init__(self, path: Path) -> None:
        self._set_path(path)

    def _set_path(self, path: Path) -> None:
        self.path = path
        self.log = path / "log.jsonl"
        self.latest = path / "checkpoint.npz"
        self.previous = path / "previous.npz"
        self.best = path / "best.npz"
        self.settings = path / "recipe.json"
        self.copies = tuple(path / name for name in COPIES)

    def __repr__(self) -> str:
        return f"RunFolder({self.path.name!r})"

    def _repr_html_(self) -> str:
        """What Jupyter shows: the recipe, the best and the last epochs, and the curves."""
        if not (self.settings.exists() and self.log.exists()):
            return display.table(f"{self.path.name}: no run yet", (), ())
        settings, epochs = self.read_settings(), self.epochs()
        recipe, places = settings["recipe"], ", ".join(settings["devices"])
        caption = (
            f"{self.path.name}: recipe {recipe['name']}, data {settings['data']}, seed {settings['seed']}, "
            f"on {places}; {len(epochs)} of {recipe['epochs']} epochs"
        )
        best = best_epoch(epochs, Recipe.from_json(recipe)) if epochs else None
        shown = [line for line in epochs if line is best or line in epochs[-LAST_EPOCHS:]]
        rows = [_row(line, "best" if line is best else "") for line in shown]
        head = ("", "epoch", "rate", "training loss", "validation loss", "top-1 error", "top-5 error")
        curves = self.path / "curves.png"
        picture = base64.b64encode(curves.read_bytes()).decode() if curves.exists() else ""
        image = f'<img src="data:image/png;base64,{picture}" width="700" alt="curves.png">' if picture else ""
        return display.table(caption, head, rows, left=1) + image

    @property
    def resume_command(self) -> str:
        """What goes on with the run, to be pasted into a shell."""
        return command_line("python", "-m", "alexnet.train", "--resume", "--out", self.path)

    def make_free(self, name: str) -> None:
        """Make the folder, as the next free of runs/name, runs/name-2, ...: every process that does so gets its own.

        Raises:
            RunError: it cannot be made.
        """
        try:
            DEFAULT_PARENT.mkdir(exist_ok=True)
            while True:
                self._set_path(free_folder(name))
                with suppress(FileExistsError):  # another process was quicker
                    self.path.mkdir()
                    return
        except OSError as error:
            raise RunError(f"cannot write to {self.path} ({error.strerror}); choose a folder with --out") from error

    def check_room(self, size: int) -> None:
        """See that a new run can have its folder, and the disk has room for its checkpoints, of `size` bytes each.

        Raises:
            RunError: it cannot, or has not.
        """
        there = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        if not there.is_dir():
            raise RunError(f"{there} is a file, and a run is a folder; choose a folder with --out")
        free = free_space(self.path)
        if free < room(size):
            raise RunError(
                f"{self.path} would take {room_in_words(size)}, and the disk has {amount(free)} free; make room, "
                "or choose a folder on another disk with --out"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training into the folder, which is made if it is not there.

        Raises:
            RunError: one does already, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = lock(self.path / "lock")
        except LockedError as owner:
            raise RunError(f"process {owner} is training into {self.path}; stop it, or choose another --out") from None
        except OSError as error:
            raise RunError(f"cannot write to {self.path} ({error.strerror}); choose another --out") from error
        with file:
            yield

    def owner(self) -> str:
        """The number of the process that trains into the folder, "" if there is none; nothing is written."""
        return locked_by(self.path / "lock")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What is in the block writes into the folder of a run that has begun.

        Raises:
            RunError: it cannot; the sentence says what to do.
        """
        try:
            yield
        except OSError as error:
            there = self.latest.exists() or self.previous.exists()
            kept = "its last checkpoint is untouched" if there else "it has no checkpoint yet"
            raise RunError(
                f"cannot write into {self.path} ({error.strerror or error}); {kept}: make room there, then go on with: "
                f"{self.resume_command}"
            ) from error

    def create(self, settings: Mapping[str, Any], copies: Sequence[bytes] = ()) -> None:
        """Write the recipe.json of a new run, after the copies of what it was made from.

        Raises:
            RunError: it holds a run already, or cannot be written.
        """
        if self.settings.exists():
            raise RunError(f"{self.path} holds a run already; add --resume to go on with it, or choose another --out")
        contents = dict(zip(self.copies, copies, strict=False))
        for file in (self.log, self.latest, self.previous, self.best, *contents):
            left = contents.get(file, b"")  # an empty log and the same copies: a run was killed right here
            if file.exists() and (file.stat().st_size != len(left) or file.read_bytes() != left):
                raise RunError(f"{file} is there already and would be overwritten; choose another --out")
        try:
            self.log.write_bytes(b"")
            for file, content in contents.items():
                with whole(file) as beside:
                    beside.write_bytes(content)
            self.write_settings(settings)
        except OSError as error:
            for file in (self.log, *contents):
                file.unlink(missing_ok=True)
            raise RunError(f"cannot write to {self.path} ({error.strerror}); choose another --out") from error

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Write recipe.json, beside first."""
        with whole(self.settings) as beside:
            beside.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    def read_settings(self) -> dict[str, Any]:
        """What `create` wrote: all of SETTINGS, each of its type, and a recipe that `Recipe.from_json` takes.

        Raises:
            RunError: there is no run, or its recipe.json is damaged.
        """
        try:
            settings = json.loads(self.settings.read_text(encoding="utf-8"))
            if not isinstance(settings, dict):
                raise ValueError("it holds no table")
            for name, hint in SETTINGS.items():
                if name in settings:
                    read(settings[name], hint, name)
                elif name not in NEWER:
                    raise ValueError(f"{name} is missing")
            Recipe.from_json(settings["recipe"])
            return settings
        except (FileNotFoundError, NotADirectoryError):
            lacks = f"{self.path} holds no run: {self.settings.name} is missing"
            raise RunError(lacks if self.path.exists() else f"there is no folder {self.path}") from None
        except OSError as error:
            raise RunError(f"{self.settings} cannot be read ({error.strerror}); check its rights") from error
        except (ValueError, RecursionError) as error:
            raise RunError(f"{self.settings} is not the recipe of a run ({error}); restore it") from error

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line to the log and see it onto the disk; where that fails, no part of it stays.

        Raises:
            RunError: it cannot be written.
        """
        text = json.dumps(line).encode() + b"\n"
        with self.writing(), self.log.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                while text:  # a full disk takes a part first
                    text = text[file.write(text) :]
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    file.truncate(before)
                raise

    def lines(self) -> list[dict[str, Any]]:
        """All lines of the log, in order; without the last if it was cut short in the writing."""
        found = []
        *whole, _ = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, text in enumerate(whole, 1):
            try:
                line = json.loads(text)
                keys = (*EPOCH_KEYS, *(name for name in NEWER_EPOCH_KEYS if name in line))
                found.append(line if "event" in line else {name: line[name] for name in keys})
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise RunError(f"{self.log}, line {number} is damaged ({error}); restore or remove it") from None
        return found

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of the log that tell of an epoch, in order."""
        return [line for line in self.lines() if "event" not in line]

    def save(self, state: Mapping[str, npt.ArrayLike], best: bool) -> None:
        """Write the latest checkpoint, with the log's length in it, and keep the one before.

        Args:
            state: its arrays.
            best: whether to write it as best.npz too.

        Raises:
            RunError: it cannot be written.
        """
        with self.writing():
            state = {**state, LOG_BYTES: np.int64(self.log.stat().st_size)}
            if best:  # first: what comes after the latest checkpoint is done again if this is cut short
                checkpoint.save(self.best, state)
            checkpoint.save(self.latest, state, self.previous)

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

    def saved(self) -> Progress | None:
        """Where the run would go on, by the last checkpoint; None if there is none. Its weights are not read."""
        names = under(PROGRESS, vars(Progress()))
        for file in (self.latest, self.previous):
            with suppress(OSError, ValueError):
                return Progress.from_arrays(part(checkpoint.read(file, names), PROGRESS))
        return None

    def restore(self, accept: Callable[[dict[str, np.ndarray]], None]) -> list[str]:
        """Hand the last good checkpoint to `accept`, and cut the log back to where it was then.

        The latest is tried first, then the one before. A latest one that is refused is set aside, not overwritten.
        Where a run was stopped before its first checkpoint, the log is emptied and nothing is accepted.

        Args:
            accept: takes over the state, or raises ValueError.

        Returns:
            Sentences on what was wrong.

        Raises:
            RunError: there are checkpoints, and none is good.
        """
        there = [file for file in (self.latest, self.previous) if file.exists()]
        wrong: list[str] = []
        for file in there:
            try:
                self._restore(file, accept)
            except (KeyError, TypeError, OSError, ValueError) as error:
                wrong.append(str(error))
                continue
            if file is self.previous and self.latest.exists():
                aside = self.latest.with_name(self.latest.name + ".refused")
                rename(self.latest, aside)
                wrong.append(f"going on from {file}; the other is kept as {aside}")
            return wrong
        if wrong:
            raise RunError(f"{self.path} cannot be resumed: {'; '.join(wrong)}")
        self.log.write_bytes(b"")
        return []

    def _restore(self, file: Path, accept: Callable[[dict[str, np.ndarray]], None]) -> None:
        state = checkpoint.load(file)
        try:
            length = int(state.pop(LOG_BYTES))
            if not 0 <= length <= self.log.stat().st_size:
                raise ValueError(f"{self.log} is shorter than when it was written; restore the log")
            accept(state)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{file} does not fit this run ({error.args[0] if error.args else error})") from error
        os.truncate(self.log, length)
