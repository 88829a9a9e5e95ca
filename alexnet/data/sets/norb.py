"""Small NORB (LeCun, Huang and Bottou, 2004): stereo pairs of toys, 2 x 96 x 96, in its binary matrix files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from alexnet.data.formats.unpacking import UNREADABLE, read_unpacked
from alexnet.data.splits import ArraySplit, DataError, DataSet

__all__ = ["is_norb", "open_norb"]

CLASSES = ("four-legged animal", "human figure", "airplane", "truck", "car")
PARTS = ("training", "testing")
BYTES, INTEGERS = 0x1E3D4C55, 0x1E3D4C54  # what a matrix file starts with
SIDE = 96

_ADVICE = "get the file again"


def is_norb(folder: Path) -> bool:
    """Whether the folder holds a file of pictures."""
    return any(_find(folder, part, "dat") for part in PARTS)


def open_norb(folder: Path) -> DataSet:
    """Small NORB; the two pictures of a pair are two channels, and `val` is the testing set.

    Raises:
        DataError: a file is missing, damaged or truncated, or two files do not fit each other.
    """
    return DataSet("small-norb", CLASSES, 2, _open_part(folder, "training"), _open_part(folder, "testing"))


def _find(folder: Path, part: str, what: str) -> Path | None:
    """A file such as smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat, gzipped or not."""
    for ending in (".mat", ".mat.gz"):
        found = sorted(folder.glob(f"smallnorb-*-{part}-{what}{ending}"))
        if found:
            return found[0]
    return None


def _open_part(folder: Path, part: str) -> ArraySplit:
    paths = []
    for what in ("dat", "cat"):
        path = _find(folder, part, what)
        if path is None:
            raise DataError(f"{folder} has no smallnorb-...-{part}-{what}.mat (or the same with .gz); add it")
        paths.append(path)
    pairs, labels = _read_matrix(paths[0], BYTES), _read_matrix(paths[1], INTEGERS)
    if pairs.ndim != 4 or pairs.shape[1:] != (2, SIDE, SIDE):
        raise DataError(f"{paths[0]} holds {pairs.shape}, expected pairs of shape (n, 2, {SIDE}, {SIDE}); {_ADVICE}")
    if labels.shape != (len(pairs),):
        raise DataError(f"{paths[0]} holds {len(pairs):,} pairs but {paths[1]} {labels.shape} labels; {_ADVICE}")
    wrong = np.flatnonzero((labels < 0) | (labels >= len(CLASSES)))
    if wrong.size:
        raise DataError(f"{paths[1]}, record {wrong[0]}: the label is {labels[wrong[0]]}, labels go from 0 to 4")
    return ArraySplit(pairs.transpose(0, 2, 3, 1), labels)


def _read_matrix(path: Path, expected: int) -> np.ndarray:
    """A matrix: its kind, the number of dimensions, the sizes of at least three (little-endian), then the numbers."""
    try:
        content = read_unpacked(path) if path.suffix == ".gz" else path.read_bytes()
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be unpacked ({error}); {_ADVICE}") from error
    head = np.frombuffer(content[:8].ljust(8, b"\0"), "<i4")
    kind, dimensions = int(head[0]), int(head[1])
    if kind != expected or not 1 <= dimensions <= 8:
        raise DataError(f"{path} starts with {kind:#x}, a matrix of this kind with {expected:#x}; {_ADVICE}")
    header = 8 + 4 * max(dimensions, 3)
    shape = [int(side) for side in np.frombuffer(content[8 : 8 + 4 * dimensions].ljust(4 * dimensions, b"\0"), "<i4")]
    dtype = np.dtype(np.uint8 if kind == BYTES else "<i4")
    size = math.prod(shape) * dtype.itemsize
    if min(shape) < 0 or len(content) - header != size:
        raise DataError(
            f"{path} should hold {' x '.join(map(str, shape))} numbers in {size:,} bytes after its header, "
            f"but holds {max(0, len(content) - header):,}; {_ADVICE}"
        )
    return np.frombuffer(content, dtype, offset=header).reshape(shape)
