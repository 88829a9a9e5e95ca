"""What every data set looks like from outside: a `Split` hands out pictures by index, a `DataSet` has two or three.

Whatever can be wrong with files that a user brings is reported as one `DataError`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

__all__ = ["ArraySplit", "DataError", "DataSet", "Pixels", "Split", "identity", "printable"]


class DataError(ValueError):
    """Something is wrong with the data; one sentence names the file, what was expected and what to do."""


def printable(name: str) -> str:
    """A name that can be drawn and written as UTF-8: what is none in the name of a file is spelled out, as \\udcff."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def identity(root: Path, name: str) -> bytes:
    """Relative path, size and time of change of a file, for a fingerprint.

    Raises:
        DataError: it is gone.
    """
    try:
        status = (root / name).stat()
    except OSError as error:
        raise DataError(f"{root / name} is gone ({error.strerror}); open the data set again") from error
    return f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape")


class Pixels(Protocol):
    """Pictures of one size, uint8 (n, C, size, size), in memory or on disk: an array, or what is indexed like one."""

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        """The pictures of the given indices, a copy: integers (b,) -> uint8 (b, C, size, size)."""


class Split(ABC):
    """One part of a data set: pictures of any size, and their labels.

    Attributes:
        labels: int64 (n,), the class of each picture.
        channels: 1 for grayscale pictures, 3 for RGB, 2 for stereo pairs; the same for the whole split.
    """

    labels: np.ndarray
    channels: int = 3

    def __len__(self) -> int:
        """The number of pictures, n."""
        return len(self.labels)

    @abstractmethod
    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Picture `index` as uint8 (H, W, C); may be called from several threads at once.

        Args:
            index: which one.
            size: what the shorter side will be brought to; a picture that is much larger may then come at a reduced
                scale, at least twice as large as that. 0 for the whole picture.
        """

    @property
    def data_batches(self) -> tuple[int, ...]:
        """The number of pictures in each of the files that the split consists of, one after the other.

        They are what a recipe can hold out and go through in order; (n,) where there are no such files.
        """
        return (len(self),)

    def name(self, index: int) -> str:
        """What to call picture `index` in a report: its file where it has one."""
        return f"number {index}"

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hex digest that changes when the pictures would change; what is measured on them is cached under it."""

    def pixels(self, size: int) -> Pixels | None:
        """All pictures, where they are at hand with both sides at `size`, else None."""
        return None

    def statistics_file(self, size: int) -> Path | None:
        """Where the statistics of the pictures at `size` were kept when they were prepared, None if nowhere."""
        return None


class ArraySplit(Split):
    """A split whose pictures are one array.

    Args:
        images: uint8 (n, H, W, C) with C = 1, 2 or 3.
        labels: integers (n,).
        data_batches: how many come from each of several files; (n,) if not given.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, data_batches: tuple[int, ...] = ()) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 2, 3):
            raise DataError(
                "pictures are uint8 of shape (n, H, W, C) with 1 to 3 channels, "
                f"got {images.dtype} of shape {images.shape}"
            )
        if labels.shape != (len(images),):
            raise DataError(f"{len(images)} pictures need labels of shape ({len(images)},), got {labels.shape}")
        self.labels = labels.astype(np.int64)
        self.channels = images.shape[3]
        self._images = images
        self._data_batches = data_batches or (len(labels),)

    @property
    def data_batches(self) -> tuple[int, ...]:
        """The number of pictures from each file."""
        return self._data_batches

    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Picture `index`, a view: uint8 (H, W, C)."""
        return self._images[index]

    def pixels(self, size: int) -> np.ndarray | None:
        """All pictures where they have that size, not copied if their planes lie one after the other, as CIFAR's do."""
        if self._images.shape[1:3] != (size, size):
            return None
        return np.ascontiguousarray(self._images.transpose(0, 3, 1, 2))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of shape, labels and pixels."""
        digest = hashlib.sha256(repr(self._images.shape).encode())
        digest.update(self.labels.data)
        digest.update(np.ascontiguousarray(self._images.transpose(0, 3, 1, 2)).data)  # CIFAR's own order: no copy there
        return digest.hexdigest()


@dataclass(frozen=True)
class DataSet:
    """A data set as recipes use it.

    Attributes:
        name: a word of `open_dataset`, the name of a folder, or that of a published set that a folder holds.
        classes: what the labels 0, 1, ... stand for, in words.
        channels: 1 for grayscale pictures, 3 for RGB, 2 for stereo pairs.
        train: what the network learns from.
        val: what its error is measured on: the set's own test or validation split where it has one.
        test: a test split besides `val`, where the set has one (ILSVRC-2010).
        ids: the classes' identifiers (ImageNet's wnids, names of folders) where they differ from the words; else empty.
    """

    name: str
    classes: tuple[str, ...]
    channels: int
    train: Split
    val: Split
    test: Split | None = None
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the names printable; raise DataError where a part is empty."""
        object.__setattr__(self, "name", printable(self.name))
        for names in ("classes", "ids"):
            object.__setattr__(self, names, tuple(map(printable, getattr(self, names))))
        for name, split in self.splits().items():
            if not len(split):
                raise DataError(f"{self.name} has no pictures in its part {name}; add some, or get the data set again")

    def splits(self) -> dict[str, Split]:
        """The parts that there are, by name."""
        parts = {"train": self.train, "val": self.val, "test": self.test}
        return {name: split for name, split in parts.items() if split is not None}
