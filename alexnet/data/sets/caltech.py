"""Caltech-101 and Caltech-256 in their class folders, with the usual protocol: 30 training pictures per class."""

from __future__ import annotations

from pathlib import Path

from alexnet.data.sets.folders import ClassFiles, class_files, folder_split, held_out
from alexnet.data.splits import DataError, DataSet

__all__ = ["is_caltech", "open_caltech"]

TRAINING = 30  # pictures per class
FOLDERS = {"101_ObjectCategories": "caltech-101", "256_ObjectCategories": "caltech-256"}
CLUTTER = ("BACKGROUND_Google", "257.clutter")  # what is no class: left out, as the protocol has it


def _folder(path: Path) -> Path | None:
    """The folder of class folders: `path` or in it."""
    for place in (path, *(path / name for name in FOLDERS)):
        if place.is_dir() and (place.resolve().name in FOLDERS or any((place / name).is_dir() for name in CLUTTER)):
            return place
    return None


def is_caltech(path: Path) -> bool:
    """Whether the folder is or holds 101_ObjectCategories or 256_ObjectCategories, or has their class of clutter."""
    return _folder(path) is not None


def open_caltech(path: Path, seed: int = 0) -> DataSet:
    """Caltech-101 or Caltech-256; 30 pictures of each class, drawn by the seed, are `train`, all others are `val`.

    Raises:
        DataError: there are no class folders, or a class has no picture left for `val`.
    """
    folder = _folder(path)
    if folder is None:
        raise DataError(f"{path} holds none of the folders {', '.join(FOLDERS)}")
    found = {name: files for name, files in class_files(folder).items() if name not in CLUTTER}
    train: ClassFiles = {}
    val: ClassFiles = {}
    for label, (name, files) in enumerate(found.items()):
        if len(files) <= TRAINING:
            raise DataError(
                f"the class {name} in {folder} has {len(files)} pictures; the protocol trains on {TRAINING} and tests "
                "on the others: is the folder complete?"
            )
        train[name], val[name] = held_out(files, TRAINING, seed, label)
    name = FOLDERS.get(folder.resolve().name) or ("caltech-256" if (folder / CLUTTER[1]).is_dir() else "caltech-101")
    classes = tuple(_words(each) for each in found)
    return DataSet(name, classes, 3, folder_split(folder, train), folder_split(folder, val), ids=tuple(found))


def _words(name: str) -> str:
    """ "012.binoculars" and "car_side" as words."""
    number, dot, rest = name.partition(".")
    return (rest if dot and number.isdecimal() else name).replace("_", " ").replace("-", " ")
