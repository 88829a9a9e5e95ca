"""MNIST and what shares its format (idx files, gzipped or not): grayscale pictures of 28 x 28."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from alexnet.data.formats.unpacking import UNREADABLE, read_unpacked
from alexnet.data.splits import ArraySplit, DataError, DataSet

__all__ = ["is_mnist", "open_mnist"]

CLASSES = tuple("0123456789")
IMAGES = ("images", "idx3-ubyte", 2051)  # what the name says, and the number the file starts with
LABELS = ("labels", "idx1-ubyte", 2049)

_ADVICE = "get the file again"


def is_mnist(folder: Path) -> bool:
    """Whether the folder holds at least one of the four files."""
    return any(_find(folder, part, kind) for part in ("train", "t10k") for kind in (IMAGES, LABELS))


def open_mnist(folder: Path) -> DataSet:
    """MNIST from its four idx files; `val` is t10k, the test set.

    Raises:
        DataError: a file is missing, damaged or truncated, is not of its kind, or two files do not fit each other.
    """
    return DataSet("mnist", CLASSES, 1, _open_part(folder, "train"), _open_part(folder, "t10k"))


def _open_part(folder: Path, part: str) -> ArraySplit:
    """Pictures and labels of "train" or "t10k"."""
    images_path, labels_path = (_path(folder, part, kind) for kind in (IMAGES, LABELS))
    images = _read_idx(images_path, IMAGES[2], dimensions=3)
    labels = _read_idx(labels_path, LABELS[2], dimensions=1)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images):,} pictures but {labels_path} {len(labels):,} labels; "
            "take both files from the same place"
        )
    if labels.size and labels.max() > 9:
        record = int(np.argmax(labels > 9))
        raise DataError(
            f"{labels_path}, record {record}: the label is {labels[record]}, labels go from 0 to 9; {_ADVICE}"
        )
    return ArraySplit(images[..., np.newaxis], labels)


def _find(folder: Path, part: str, kind: tuple[str, str, int]) -> Path | None:
    """The file under one of the names it is published with, None where it is missing."""
    content, ending, _ = kind
    for separator in "-.":
        for packed in ("", ".gz"):
            path = folder / f"{part}-{content}{separator}{ending}{packed}"
            if path.is_file():
                return path
    return None


def _path(folder: Path, part: str, kind: tuple[str, str, int]) -> Path:
    """As `_find`, but a missing file is an error."""
    path = _find(folder, part, kind)
    if path is None:
        raise DataError(
            f"{folder} has no {part}-{kind[0]}-{kind[1]} (or the same with .gz), one of MNIST's four files; add it"
        )
    return path


def _read_idx(path: Path, magic: int, dimensions: int) -> np.ndarray:
    """The array in an idx file: a number for the kind, the dimensions (big-endian), then the bytes."""
    try:
        content = read_unpacked(path) if path.suffix == ".gz" else path.read_bytes()
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be unpacked ({error}); {_ADVICE}") from error
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise DataError(f"{path} is truncated: {len(content)} bytes, its header alone has {header}; {_ADVICE}")
    found, *shape = (int(number) for number in np.frombuffer(content[:header], ">u4"))
    if found != magic:
        raise DataError(f"{path} starts with the number {found}, an idx file of this kind with {magic}; {_ADVICE}")
    expected = math.prod(shape)
    if len(content) - header != expected:
        raise DataError(
            f"{path} should hold {' x '.join(map(str, shape))} = {expected:,} bytes after its header, "
            f"but holds {len(content) - header:,}; {_ADVICE}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
