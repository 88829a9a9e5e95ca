"""What every data set looks like from outside: a `Split` hands out pictures by index, a `DataSet` is two of them.

Whatever can be wrong with files that a user brings is reported as one `DataError`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["ArraySplit", "DataError", "DataSet", "Split"]


class DataError(ValueError):
    """Something is wrong with the data; one sentence names the file, what was expected and what to do."""


class Split(ABC):
    """One part of a data set: pictures of any size, and their labels.

    Attributes:
        labels: int64 (n,), the class of each picture.
        channels: 1 for grayscale pictures, 3 for RGB; the same for the whole split.
    """

    labels: np.ndarray
    channels: int = 3

    def __len__(self) -> int:
        """The number of pictures, n."""
        return len(self.labels)

    @abstractmethod
    def image(self, index: int) -> np.ndarray:
        """Picture `index` as uint8 (H, W, C); may be called from several threads at once."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hex digest that changes when the pictures would change; what is measured on them is cached under it."""

    def all_images(self) -> np.ndarray | None:
        """All pictures as uint8 (n, H, W, C) where they are in memory already and of one size, else None."""
        return None


class ArraySplit(Split):
    """A split whose pictures are one array.

    Args:
        images: uint8 (n, H, W, C) with C = 1 or 3.
        labels: integers (n,).
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3):
            raise DataError(
                f"pictures are uint8 of shape (n, H, W, 1) or (n, H, W, 3), got {images.dtype} of shape {images.shape}"
            )
        if labels.shape != (len(images),):
            raise DataError(f"{len(images)} pictures need labels of shape ({len(images)},), got {labels.shape}")
        self.labels = labels.astype(np.int64)
        self.channels = images.shape[3]
        self._images = images

    def image(self, index: int) -> np.ndarray:
        """Picture `index`, a view: uint8 (H, W, C)."""
        return self._images[index]

    def all_images(self) -> np.ndarray:
        """All pictures, not copied: uint8 (n, H, W, C)."""
        return self._images

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
        name: "shapes", "cifar-10", "mnist", or the name of a folder.
        classes: what the labels 0, 1, ... stand for.
        channels: 1 for grayscale pictures, 3 for RGB.
        train: what the network learns from.
        val: what its error is measured on: the set's own test or validation split where it has one.
    """

    name: str
    classes: tuple[str, ...]
    channels: int
    train: Split
    val: Split
