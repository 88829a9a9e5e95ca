"""Pictures in class folders, one folder a class, as ImageNet is usually unpacked."""

from __future__ import annotations

import csv
import hashlib
import os
from functools import cached_property
from pathlib import Path

import numpy as np

from alexnet.data.formats.images import EXTENSIONS, read_image
from alexnet.data.keyed import SPLIT, permutation
from alexnet.data.splits import DataError, DataSet, Split, identity

__all__ = [
    "FolderSplit",
    "class_files",
    "folder_split",
    "held_out",
    "image_files",
    "open_folders",
    "read_words",
    "val_count",
]

ClassFiles = dict[str, list[str]]  # for each class, the paths of its pictures
VAL_SHARE = 10  # one picture of so many a class is kept for validation where the folders do not say which


class FolderSplit(Split):
    """Pictures that are decoded from their files each time.

    Args:
        root: the folder that `files` are relative to.
        files: paths of the pictures.
        labels: integers (n,).
    """

    def __init__(self, root: Path, files: list[str], labels: np.ndarray) -> None:
        self.root = root
        self.files = files
        self.labels = labels.astype(np.int64)

    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Picture `index`, decoded: uint8 (H, W, 3)."""
        return read_image(self.root / self.files[index], size)

    def name(self, index: int) -> str:
        """Its path, relative to `root`."""
        return self.files[index]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the labels and of the files' relative paths, sizes and times of change."""
        digest = hashlib.sha256(self.labels.data)
        for name in self.files:
            digest.update(identity(self.root, name))
        return digest.hexdigest()


def open_folders(folder: Path, seed: int = 0) -> DataSet:
    """Class folders, either in `train/` and `val/`, or directly in `folder` and then split 9 : 1.

    The split is made class by class, by the seed; a class of two pictures or more has at least one on either side, a
    class of one picture gives it to training. Labels follow the sorted names of the class folders. Hidden files and
    files without one of `EXTENSIONS` are passed over.

    Raises:
        DataError: a folder is missing or empty, the two sides have different classes, or there is only one class.
    """
    train, val = folder / "train", folder / "val"
    if train.is_dir() and val.is_dir():
        found = class_files(train)
        found_val = class_files(val)
        _same_classes(train, found, val, found_val)
        return _data_set(folder, (train, found), (val, found_val))
    if train.is_dir() or val.is_dir():
        there, missing = (train, val) if train.is_dir() else (val, train)
        raise DataError(
            f"{folder} has {there.name}/ but no {missing.name}/; add it, or put the class folders directly in {folder}"
        )
    found = class_files(folder)
    kept: ClassFiles = {}
    apart: ClassFiles = {}
    for label, (name, files) in enumerate(found.items()):
        count = 0 if len(files) == 1 else val_count(len(files))
        apart[name], kept[name] = held_out(files, count, seed, label)
    if not any(apart.values()):
        raise DataError(f"no class in {folder} has two images, so none is left for validation; add images")
    return _data_set(folder, (folder, kept), (folder, apart))


def val_count(count: int) -> int:
    """How many of so many pictures are kept for validation: a tenth, and one at least."""
    return max(1, round(count / VAL_SHARE))


def held_out(files: list[str], count: int, seed: int, label: int) -> tuple[list[str], list[str]]:
    """`count` files of a class drawn by the seed, and the others; both in their order."""
    order = permutation(seed, label, SPLIT, len(files))
    return [files[index] for index in sorted(order[:count])], [files[index] for index in sorted(order[count:])]


def class_files(folder: Path) -> ClassFiles:
    """Image files (relative to `folder`) of each class folder, both sorted by name."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and entry.name[0] != ".")
        found = {name: image_files(folder, name) for name in names}
    except OSError as error:
        raise DataError(f"{error.filename or folder} cannot be listed ({error.strerror}); check its rights") from error
    if not any(found.values()):
        raise DataError(
            f"{folder} has no class folders with images; expected one folder a class with files such as .jpg or .png"
        )
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise DataError(f"the class folder {folder / empty[0]} holds no image; add images or remove it")
    if len(found) == 1:
        raise DataError(f"{folder} has only one class, {names[0]}; a classifier needs at least two class folders")
    return found


def image_files(folder: Path, name: str) -> list[str]:
    """Image files (relative to `folder`) in its folder `name`, sorted."""
    return sorted(
        f"{name}/{entry.name}"
        for entry in os.scandir(folder / name)
        if entry.name[0] != "." and Path(entry.name).suffix.lower() in EXTENSIONS and entry.is_file()
    )


def _same_classes(train: Path, found: ClassFiles, val: Path, found_val: ClassFiles) -> None:
    for folder, more, other, fewer in ((train, found, val, found_val), (val, found_val, train, found)):
        extra = [name for name in more if name not in fewer]
        if extra:
            raise DataError(f"{folder} has the class {extra[0]} but {other} has not; both need the same class folders")


def folder_split(root: Path, found: ClassFiles) -> FolderSplit:
    """The files of all classes, one class after the other."""
    labels = np.repeat(np.arange(len(found)), [len(files) for files in found.values()])
    return FolderSplit(root, [file for files in found.values() for file in files], labels)


def _data_set(folder: Path, train: tuple[Path, ClassFiles], val: tuple[Path, ClassFiles]) -> DataSet:
    ids = tuple(train[1])
    words = read_words(folder)
    classes = tuple(words.get(name, name) for name in ids)
    return DataSet(folder.resolve().name, classes, 3, folder_split(*train), folder_split(*val), ids=ids)


def read_words(folder: Path) -> dict[str, str]:
    """What the class folders stand for, where the folder says so: in `synset_words.txt`, a line "wnid words" for each,
    or in `classes.csv`, with the columns wnid and words.
    """
    try:
        if (folder / "synset_words.txt").is_file():
            lines = (folder / "synset_words.txt").read_text(encoding="utf-8").splitlines()
            return {wnid: words for wnid, _, words in (line.partition(" ") for line in lines) if words}
        if (folder / "classes.csv").is_file():
            with (folder / "classes.csv").open(newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                return (
                    {row["wnid"]: row["words"] for row in rows}
                    if {"wnid", "words"} <= set(rows.fieldnames or ())
                    else {}
                )
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"the names of the classes in {folder} cannot be read ({error}); restore or remove them"
        ) from error
    return {}
