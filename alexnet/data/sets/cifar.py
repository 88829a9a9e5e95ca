"""CIFAR-10 and CIFAR-100, the binary and the Python version: a folder of their files, or the archive they come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.data.formats.unpacking import read_members
from alexnet.data.formats.unpickling import UnpicklingError, read_pickle
from alexnet.data.splits import ArraySplit, DataError, DataSet

__all__ = ["ARCHIVE_SUFFIXES", "is_cifar", "open_cifar"]

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
LARGEST = 2**28  # bytes of a file
PIXELS = 3 * 32 * 32  # the red, green and blue planes
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_ADVICE = "get the archive again"


@dataclass(frozen=True)
class Version:
    """One of the four ways in which the sets are published.

    Attributes:
        name: of the data set.
        kind: "binary" or "Python".
        train, val: files.
        names: the file with the classes' names.
        classes: how many.
        label_bytes: of a binary record; the last is the class (CIFAR-100 has the superclass before it).
        labels_key, names_key: where the Python version's tables have labels and names.
    """

    name: str
    kind: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    names: str
    classes: int
    label_bytes: int = 0
    labels_key: bytes = b""
    names_key: bytes = b""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that must be there."""
        return self.train + self.val


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
VERSIONS = (
    Version(
        "cifar-10",
        "binary",
        tuple(f"{batch}.bin" for batch in _BATCHES),
        ("test_batch.bin",),
        "batches.meta.txt",
        classes=10,
        label_bytes=1,
    ),
    Version(
        "cifar-100",
        "binary",
        ("train.bin",),
        ("test.bin",),
        "fine_label_names.txt",
        classes=100,
        label_bytes=2,
    ),
    Version(
        "cifar-10",
        "Python",
        _BATCHES,
        ("test_batch",),
        "batches.meta",
        labels_key=b"labels",
        classes=10,
        names_key=b"label_names",
    ),
    Version(
        "cifar-100",
        "Python",
        ("train",),
        ("test",),
        "meta",
        labels_key=b"fine_labels",
        classes=100,
        names_key=b"fine_label_names",
    ),
)


def is_cifar(folder: Path) -> bool:
    """Whether the folder holds at least one file of one of the versions."""
    return any((folder / name).is_file() for version in VERSIONS for name in version.files)


def open_cifar(path: Path) -> DataSet:
    """CIFAR-10 or CIFAR-100 from a folder or a tar archive, which is read without unpacking; `val` is the test set.

    Raises:
        DataError: a file is missing, truncated or damaged, or holds a label that is none.
    """
    wanted = {name for version in VERSIONS for name in (*version.files, version.names)}
    files = _read_folder(path, wanted) if path.is_dir() else read_members(path, wanted)
    version = max(VERSIONS, key=lambda each: sum(name in files for name in each.files) / len(each.files))
    missing = [name for name in version.files if name not in files]
    if missing:
        raise DataError(
            f"{path} has no {', '.join(missing)}, which {version.name.upper()}'s {version.kind} version consists of; "
            + _ADVICE
        )
    train = _split(version, path, [(name, files[name]) for name in version.train])
    val = _split(version, path, [(name, files[name]) for name in version.val])
    return DataSet(version.name, _names(version, path, files), 3, train, val)


def _read_folder(folder: Path, wanted: set[str]) -> dict[str, bytes]:
    """The wanted files that are there, by name."""
    there = {name: folder / name for name in wanted if (folder / name).is_file()}
    for path in there.values():
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} has {path.stat().st_size:,} bytes, more than any file of CIFAR; {_ADVICE}")
    return {name: path.read_bytes() for name, path in there.items()}


def _names(version: Version, path: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The classes in the order of the labels."""
    content = files.get(version.names)
    if content is None:
        return CLASSES if version.classes == 10 else tuple(f"class {label}" for label in range(version.classes))
    if version.kind == "binary":
        names = tuple(content.decode("utf-8", "replace").split())
    else:
        listed = _unpickle(path / version.names, content).get(version.names_key)
        if not isinstance(listed, list) or not all(isinstance(name, (bytes, str)) for name in listed):
            raise DataError(f"{path / version.names} does not list the classes' names; {_ADVICE}")
        names = tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in listed)
    if len(names) != version.classes:
        raise DataError(
            f"{path / version.names} should name {version.classes} classes, but names {len(names)}; {_ADVICE}"
        )
    return names


def _split(version: Version, path: Path, batches: list[tuple[str, bytes]]) -> ArraySplit:
    """The pictures of some files, one after the other."""
    read = _read_binary if version.kind == "binary" else _read_python
    labels, pixels = [], []
    for name, content in batches:
        own_labels, own_pixels = read(version, path / name, content)
        wrong = np.flatnonzero(own_labels >= version.classes)
        if wrong.size:
            raise DataError(
                f"{path / name}, record {wrong[0]}: the label is {own_labels[wrong[0]]}, "
                f"labels go from 0 to {version.classes - 1}; {_ADVICE}"
            )
        labels.append(own_labels)
        pixels.append(own_pixels)
    planes = np.concatenate(pixels).reshape(-1, 3, 32, 32)
    return ArraySplit(planes.transpose(0, 2, 3, 1), np.concatenate(labels), tuple(map(len, labels)))


def _read_binary(version: Version, path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Records of label bytes and pixels: labels (n,) and pixels uint8 (n, 3072)."""
    record = version.label_bytes + PIXELS
    if not content or len(content) % record:
        raise DataError(
            f"{path} is truncated: {len(content):,} bytes are not a whole number of records of {record:,} bytes; "
            + _ADVICE
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return records[:, version.label_bytes - 1], records[:, version.label_bytes :]


def _unpickle(path: Path, content: bytes) -> dict[Any, Any]:
    try:
        found = read_pickle(content)
    except UnpicklingError as error:
        raise DataError(f"{path} is not what CIFAR's Python version consists of ({error}); {_ADVICE}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path} holds no table; {_ADVICE}")
    return {key.encode() if isinstance(key, str) else key: value for key, value in found.items()}


def _read_python(version: Version, path: Path, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """A pickled table of "data" and labels, as `_read_binary`."""
    table = _unpickle(path, content)
    pixels, labels = table.get(b"data"), table.get(version.labels_key)
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape[1:] != (PIXELS,):
        raise DataError(f"{path} holds no pictures under 'data', expected bytes of the shape (n, {PIXELS}); {_ADVICE}")
    if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 2**31 for label in labels):
        raise DataError(f"{path} holds no list of labels under {version.labels_key!r}; {_ADVICE}")
    if len(labels) != len(pixels) or not labels:
        raise DataError(f"{path} holds {len(pixels):,} pictures but {len(labels):,} labels; {_ADVICE}")
    return np.array(labels), pixels
