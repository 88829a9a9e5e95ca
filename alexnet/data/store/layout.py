"""The prepared store: pictures of one size in memory-mapped shards, with all that training needs beside them.

A store is a folder that `python -m alexnet.prepare` makes once and that is only read afterwards:

- `store.json`: format, size, classes (identifiers and words, in the order of the labels), and for each part the number
  of its pictures and a SHA-256 for each of its files;
- `PART-00000.bin`, ...: shards, uint8 (n, C, size, size) in C order; all but a part's last hold `shard` pictures;
- `PART-labels.npy` (int64) and `PART-names.npy` (bytes): the index, a row a picture;
- `statistics.npz`: mean image and, of RGB, colour components of the training part;
- `rejected.csv`: what could not be used, and why.

Opening maps and compares sizes; it reads no picture. `verify` reads everything.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alexnet.data.splits import DataError, DataSet, Split
from minigrad import checkpoint

__all__ = [
    "Part",
    "StoreInfo",
    "StoreSplit",
    "digest",
    "index_name",
    "is_store",
    "open_store",
    "read_info",
    "shard_name",
    "verify",
]

FORMAT = 1
STORE_FILE = "store.json"
STATISTICS_FILE = "statistics.npz"
RECORDS = "preparing"  # a folder that is there while the store grows
_HASHED_AT_ONCE = 2**22  # bytes

_ADVICE = "prepare the store again, or restore the file"


@dataclass(frozen=True)
class Part:
    """What store.json says of "train", "val" or "test".

    Attributes:
        count: its pictures.
        files: SHA-256 of each shard and index file, by name.
    """

    count: int
    files: Mapping[str, str]


@dataclass(frozen=True)
class StoreInfo:
    """The contents of store.json.

    Attributes:
        name: of the data set.
        size: height and width of the pictures.
        channels: 3 for RGB, 1 for grey, 2 for a stereo pair.
        shard: pictures in a full shard.
        classes: words for each label.
        ids: identifiers for each label, sorted (wnids or names of folders).
        parts: by name.
        statistics: SHA-256 of statistics.npz.
        rejected: how many pictures of the source could not be used.
        format: of the store.
    """

    name: str
    size: int
    channels: int
    shard: int
    classes: Sequence[str]
    ids: Sequence[str]
    parts: Mapping[str, Part]
    statistics: str
    rejected: int = 0
    format: int = field(default=FORMAT)

    @property
    def picture_bytes(self) -> int:
        """Bytes of one picture."""
        return self.channels * self.size * self.size

    def to_json(self) -> str:
        """As text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> StoreInfo:
        """What `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        values: dict[str, Any] = json.loads(text)
        if values["format"] != FORMAT:
            raise ValueError(f"its format is {values['format']!r}, this version reads format {FORMAT}")
        info = cls(**{**values, "parts": {name: Part(**part) for name, part in values["parts"].items()}})
        info._check()
        return info

    def _check(self) -> None:
        """Raise ValueError for a number that cannot be, and for a file that does not belong to the store."""
        if not {"train", "val"} <= set(self.parts) <= {"train", "val", "test"}:
            raise ValueError("it lacks a part, or has one too many")
        numbers = [self.size, self.channels, self.shard, *(part.count for part in self.parts.values())]
        if not all(type(number) is int and 1 <= number < 2**40 for number in numbers) or self.channels > 3:
            raise ValueError("a number is not positive or too large")
        for texts in (self.classes, self.ids, [self.name, self.statistics]):
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise ValueError("a text is missing")
        if len(self.classes) != len(self.ids) or len(set(self.ids)) != len(self.ids):
            raise ValueError("words and identifiers of the classes do not fit each other")
        for name, part in self.parts.items():
            shards = -(-part.count // self.shard)
            if len(part.files) != shards + 2 or set(part.files) != set(self.file_names(name, shards)):
                raise ValueError(f"it does not list the files of the part {name}")

    @staticmethod
    def file_names(part: str, shards: int) -> list[str]:
        """The files of a part with so many shards."""
        names = [shard_name(part, number) for number in range(shards)]
        return [*names, *(index_name(part, what) for what in ("labels", "names"))]


def shard_name(part: str, number: int) -> str:
    """The file of a shard."""
    return f"{part}-{number:05d}.bin"


def index_name(part: str, what: str) -> str:
    """The file of the "labels" or "names" of a part."""
    return f"{part}-{what}.npy"


def is_store(folder: Path) -> bool:
    """Whether the folder is a store, or one that is not finished."""
    return (folder / STORE_FILE).is_file() or (folder / RECORDS).is_dir()


def open_store(folder: Path) -> DataSet:
    """Open a store; its memory does not grow with the number of pictures.

    Raises:
        DataError: a file is missing, of the wrong size, or damaged.
    """
    info = read_info(folder)
    _check(folder, STATISTICS_FILE, info.statistics)
    parts = {name: StoreSplit(folder, name, info) for name in info.parts}
    return DataSet(
        info.name, tuple(info.classes), info.channels, parts["train"], parts["val"], parts.get("test"), tuple(info.ids)
    )


def read_info(folder: Path) -> StoreInfo:
    """store.json.

    Raises:
        DataError: it is missing or damaged.
    """
    path = folder / STORE_FILE
    if not path.exists() and (folder / RECORDS).is_dir():
        raise DataError(f"{folder} is a store that is not finished; python -m alexnet.prepare goes on with it")
    if not path.exists():
        raise DataError(f"there is no store {folder}; python -m alexnet.prepare SOURCE STORE makes one")
    try:
        return StoreInfo.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({error}); {_ADVICE}") from error


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    result = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_HASHED_AT_ONCE):
            result.update(chunk)
    return result.hexdigest()


def verify(folder: Path, progress: Callable[[str], None] = lambda name: None) -> None:
    """Compare every file of a store with its checksum.

    Args:
        folder: of the store.
        progress: called with each file's name when it was found whole.

    Raises:
        DataError: a file is missing or damaged.
    """
    info = read_info(folder)
    files = {STATISTICS_FILE: info.statistics}
    for part in info.parts.values():
        files |= part.files
    for name, expected in files.items():
        _check(folder, name, expected)
        progress(name)


def _check(folder: Path, name: str, expected: str) -> None:
    try:
        found = digest(folder / name)
    except OSError as error:
        raise DataError(f"{folder / name} cannot be read ({error.strerror}); {_ADVICE}") from error
    if found != expected:
        raise DataError(f"{folder / name} is damaged: its SHA-256 is not the one in {STORE_FILE}; {_ADVICE}")


class StoreSplit(Split):
    """A part of a store.

    Args:
        folder: of the store.
        part: "train", "val" or "test".
        info: the contents of store.json.

    Raises:
        DataError: a file is missing or damaged.
    """

    def __init__(self, folder: Path, part: str, info: StoreInfo) -> None:
        self.channels = info.channels
        self._folder, self._part, self._info = folder, part, info
        self._count, self._hashes = info.parts[part].count, info.parts[part].files
        self.labels = self._index("labels")
        self._names = self._index("names")
        if self.labels.dtype != np.int64 or self._names.dtype.kind != "S":
            raise DataError(f"the index of {folder}, part {part}, holds no labels and names; {_ADVICE}")
        if self.labels.min() < 0 or self.labels.max() >= len(info.classes):
            raise DataError(f"the index of {folder}, part {part}, has a label that is no class; {_ADVICE}")
        self._shards = _Shards([folder / name for name in self._shard_names()], info, self._count)

    def _index(self, what: str) -> np.ndarray:
        name = index_name(self._part, what)
        _check(self._folder, name, self._hashes.get(name, ""))
        try:
            array = checkpoint.map_array(self._folder / name)
        except (OSError, ValueError) as error:
            raise DataError(f"{self._folder / name} is damaged ({error}); {_ADVICE}") from error
        if array.shape != (self._count,):
            raise DataError(f"{self._folder / name} has {array.shape} rows, expected {self._count:,}; {_ADVICE}")
        return array

    def _shard_names(self) -> list[str]:
        return [shard_name(self._part, number) for number in range(-(-self._count // self._info.shard))]

    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Picture `index`: uint8 (size, size, C)."""
        return self._shards[np.array([index])][0].transpose(1, 2, 0)

    def name(self, index: int) -> str:
        """The file that it was made of."""
        return bytes(self._names[index]).decode("utf-8", "surrogateescape")

    def pixels(self, size: int) -> _Shards | None:
        """The shards, if they have that size."""
        return self._shards if size == self._info.size else None

    def statistics_file(self, size: int) -> Path | None:
        """statistics.npz, for the training part at its own size."""
        return self._folder / STATISTICS_FILE if self._part == "train" and size == self._info.size else None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the checksums of its files."""
        return hashlib.sha256(json.dumps(sorted(self._hashes.items())).encode()).hexdigest()


class _Shards:
    """Pictures in shards, mapped when first asked for: `Pixels` on disk."""

    def __init__(self, paths: list[Path], info: StoreInfo, count: int) -> None:
        self._paths, self._info, self._count = paths, info, count
        self._maps: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()
        for number, path in enumerate(paths):
            expected = self._rows(number) * info.picture_bytes
            try:
                found = path.stat().st_size
            except OSError as error:
                raise DataError(f"{path} cannot be read ({error.strerror}); {_ADVICE}") from error
            if found != expected:
                raise DataError(f"{path} is damaged: it has {found:,} bytes, expected {expected:,}; {_ADVICE}")

    def _rows(self, number: int) -> int:
        return min(self._info.shard, self._count - number * self._info.shard)

    def _map(self, number: int) -> np.ndarray:
        with self._lock:
            if number not in self._maps:
                shape = (self._rows(number), self._info.channels, self._info.size, self._info.size)
                self._maps[number] = np.asarray(np.memmap(self._paths[number], np.uint8, "r", shape=shape))
            return self._maps[number]

    def __getitem__(self, indices: np.ndarray) -> np.ndarray:
        size = self._info.size
        result = np.empty((len(indices), self._info.channels, size, size), dtype=np.uint8)
        for row, index in enumerate(indices.tolist()):
            if not 0 <= index < self._count:
                raise IndexError(f"picture {index} of {self._count}")
            result[row] = self._map(index // self._info.shard)[index % self._info.shard]
        return result
