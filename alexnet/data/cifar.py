"""CIFAR-10 in its official binary version: a folder of .bin files, or the archive they are published in."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from pathlib import Path

import numpy as np

from alexnet.data.splits import ArraySplit, DataError, DataSet

__all__ = ["ARCHIVE_SUFFIXES", "is_cifar", "open_cifar"]

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
VAL_FILES = ("test_batch.bin",)
NAMES_FILE = "batches.meta.txt"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECORD = 1 + 3 * 32 * 32  # the label, then the red, green and blue planes

_ADVICE = "get the binary version (cifar-10-binary.tar.gz) again"


def is_cifar(folder: Path) -> bool:
    """Whether the folder holds at least one file of the binary version."""
    return any((folder / name).is_file() for name in TRAIN_FILES + VAL_FILES)


def open_cifar(path: Path) -> DataSet:
    """CIFAR-10 from a folder or a tar archive, which is read without being unpacked; `val` is the test batch.

    Raises:
        DataError: a batch is missing, truncated or holds a label above 9.
    """
    wanted = (*TRAIN_FILES, *VAL_FILES, NAMES_FILE)
    files = _read_folder(path, wanted) if path.is_dir() else _read_archive(path, wanted)
    missing = [name for name in TRAIN_FILES + VAL_FILES if name not in files]
    if missing:
        raise DataError(f"{path} has no {', '.join(missing)}, which CIFAR-10's binary version consists of; {_ADVICE}")
    names = tuple(files[NAMES_FILE].decode("utf-8", "replace").split()) if NAMES_FILE in files else CLASSES
    if len(names) != len(CLASSES):
        raise DataError(f"{path / NAMES_FILE} should name {len(CLASSES)} classes, but names {len(names)}; {_ADVICE}")
    train = _parse([(path / name, files[name]) for name in TRAIN_FILES])
    val = _parse([(path / name, files[name]) for name in VAL_FILES])
    return DataSet("cifar-10", names, 3, train, val)


def _read_folder(folder: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """The wanted files that are there, by name."""
    return {name: (folder / name).read_bytes() for name in wanted if (folder / name).is_file()}


def _read_archive(archive: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """The wanted members of a tar archive by their last name, in whatever folder they are, in one pass."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                name = member.name.rpartition("/")[2]
                stream = tar.extractfile(member) if name in wanted else None
                if stream is not None:
                    files[name] = stream.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{archive} cannot be read as a tar archive ({error}); {_ADVICE}") from error
    return files


def _parse(batches: list[tuple[Path, bytes]]) -> ArraySplit:
    """The records of some batches, one after the other."""
    parts = []
    for path, content in batches:
        if not content or len(content) % RECORD:
            raise DataError(
                f"{path} is truncated: {len(content):,} bytes are not a whole number of records of {RECORD:,} bytes; "
                + _ADVICE
            )
        records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
        wrong = np.flatnonzero(records[:, 0] > 9)
        if wrong.size:
            raise DataError(
                f"{path}, record {wrong[0]}: the label is {records[wrong[0], 0]}, labels go from 0 to 9; {_ADVICE}"
            )
        parts.append(records)
    planes = np.concatenate([records[:, 1:] for records in parts]).reshape(-1, 3, 32, 32)
    return ArraySplit(planes.transpose(0, 2, 3, 1), np.concatenate([records[:, 0] for records in parts]))
