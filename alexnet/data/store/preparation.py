"""Making a store: pictures decoded and rescaled by a process per core, written shard by shard.

The store grows in a folder beside its final place, `STORE.part`, and takes its name when it is whole. Each full shard
is sealed: read again by a worker for its checksum and its sums, and described by a record. Work that was interrupted
goes on after the last sealed shard. One process at a time works on a store, and holds `STORE.lock` meanwhile.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from alexnet.data.ahead import in_order
from alexnet.data.reading import REJECTED_SHARE
from alexnet.data.splits import DataError, DataSet
from alexnet.data.statistics import Sums, save_statistics
from alexnet.data.store.layout import (
    RECORDS,
    STATISTICS_FILE,
    STORE_FILE,
    Part,
    StoreInfo,
    StoreSplit,
    digest,
    index_name,
    shard_name,
)
from alexnet.data.store.workers import Made, make, open_pool, seal
from alexnet.files import claimed, whole
from minigrad import checkpoint

__all__ = ["SHARD", "SIZE", "Result", "Unusable", "prepare", "prepare_claimed", "preparing"]

SIZE = 256  # section 2
SHARD = 4096  # pictures, 805 MB
TOGETHER = 32  # pictures that a worker takes at once
REJECTED_FILE = "rejected.csv"
VERSION = 2  # of what an unfinished store keeps


class Unusable(NamedTuple):
    """A picture of the source that could not be used."""

    part: str
    picture: str
    reason: str


@dataclass(frozen=True)
class Result:
    """What became of a source.

    Attributes:
        counts: pictures in the store, by part.
        rejected: what could not be used.
        continued: pictures of the source that an interrupted attempt had done.
        empty: classes without a training picture that can be used.
    """

    counts: dict[str, int]
    rejected: list[Unusable]
    continued: int
    empty: list[str]

    @property
    def many(self) -> bool:
        """Whether so many were rejected that it is said loudly: as many as stop a run."""
        return len(self.rejected) > REJECTED_SHARE * (sum(self.counts.values()) + len(self.rejected))


def prepare(
    data: DataSet, store: Path, workers: int, *, size: int = SIZE, shard: int = SHARD, progress: bool = False
) -> Result:
    """Make a store of all parts of a data set, or finish one that was interrupted.

    Args:
        data: the source.
        store: the folder to make.
        workers: processes; 1 works in this one. The store is the same for any number.
        size: height and width of its pictures.
        shard: pictures in a shard.
        progress: whether to show bars with the time left.

    Raises:
        DataError: the store is there already, an attempt with another source or other settings is, or a part has no
            picture that can be used.
        ClaimError: another process makes it, or it cannot be written.
    """
    with preparing(store):
        return prepare_claimed(data, store, workers, size=size, shard=shard, progress=progress)


@contextmanager
def preparing(store: Path) -> Iterator[None]:
    """Keep other processes from making a store.

    Raises:
        DataError: something of that name is there.
        ClaimError: another process makes it, or it cannot be written.
    """
    _check_free(store)
    with claimed(store):
        _check_free(store)  # it may have come to be meanwhile
        yield


def _check_free(store: Path) -> None:
    if store.exists():
        raise DataError(f"{store} is there already, and stores are not changed; remove it or choose another name")


def prepare_claimed(
    data: DataSet, store: Path, workers: int, *, size: int = SIZE, shard: int = SHARD, progress: bool = False
) -> Result:
    """`prepare` without the lock, which the caller holds (see `preparing`)."""
    try:
        return _prepare(data, store, workers, size, shard, progress)
    except OSError as error:
        raise DataError(
            f"{error.filename or store} cannot be written ({error.strerror or error}); make room there, and the same "
            "command goes on from here"
        ) from error


def _prepare(data: DataSet, store: Path, workers: int, size: int, shard: int, progress: bool) -> Result:
    if isinstance(data.train, StoreSplit):
        raise DataError(f"the source {data.name} is a store already; train on it as it is")
    folder = store.with_name(store.name + ".part")
    _begin(folder, data, size, shard)
    parts, rejected, continued, ids = {}, [], 0, data.ids or data.classes
    learned: set[int] = set()
    for name, split in data.splits().items():
        writer = _Writer(folder, name, shard, size, data.channels)
        continued += writer.done
        with open_pool(split, size, workers) as pool:
            try:
                writer.write(pool, len(split), 2 * workers, progress)
            except BrokenProcessPool as error:
                raise DataError(f"a worker died ({error}), perhaps for lack of memory; try fewer --workers") from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        parts[name] = writer.index()
        rejected += writer.rejected()
        if name == "train":
            save_statistics(folder / STATISTICS_FILE, writer.sums.statistics())
            learned = {int(label) for record in writer.records for label in record["labels"]}
    _write_rejected(folder / REJECTED_FILE, rejected)
    checksum = digest(folder / STATISTICS_FILE)
    info = StoreInfo(data.name, size, data.channels, shard, data.classes, ids, parts, checksum, len(rejected))
    _finish(folder, store, info)
    empty = [name for label, name in enumerate(ids) if label not in learned]
    return Result({name: part.count for name, part in parts.items()}, rejected, continued, empty)


def _begin(folder: Path, data: DataSet, size: int, shard: int) -> None:
    """Make the folder of an attempt, or see that the one there is of the same source."""
    splits = {name: split.fingerprint for name, split in data.splits().items()}
    classes = list(data.ids or data.classes)
    settings = json.dumps(
        {"version": VERSION, "size": size, "shard": shard, "classes": classes, "splits": splits}, indent=1
    )
    path = folder / RECORDS / "settings.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_text(path, settings)
    elif path.read_text(encoding="utf-8") != settings:
        raise DataError(
            f"{folder} was begun from another source or by another version, or the source has changed since; remove "
            "it to begin anew"
        )


def _finish(folder: Path, store: Path, info: StoreInfo) -> None:
    """Make the store read-only and give it its name; what is not needed any more goes last."""
    _write_text(folder / STORE_FILE, info.to_json())
    for path in folder.iterdir():
        if path.is_file():
            path.chmod(0o444)
    folder.replace(store)
    shutil.rmtree(store / RECORDS)


def _write_text(path: Path, text: str) -> None:
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _write_rejected(path: Path, rejected: list[Unusable]) -> None:
    path.unlink(missing_ok=True)
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(Unusable._fields)
        writer.writerows(rejected)


class _Writer:
    """Writes the shards of one part, from the picture on where an earlier attempt stood.

    A record, the .npz that seals a shard, holds `stop` (the first picture of the source that comes after the shard),
    the index (`labels`, `names`), what was `rejected` on the way, and the `checksum`. The sums over the first n shards
    are in a file of that number, written before the n-th record; the file before it is then removed.

    Attributes:
        done: pictures of the source that are behind the last sealed shard.
        sums: over the pictures of all sealed shards.
    """

    def __init__(self, folder: Path, part: str, shard: int, size: int, channels: int) -> None:
        self.folder, self.part, self.shard = folder, part, shard
        self.records: list[dict[str, np.ndarray]] = []
        self.sums = Sums(channels, size)
        try:
            while self._record_path(len(self.records)).exists():
                self.records.append(checkpoint.load(self._record_path(len(self.records))))
            if self.records:
                self.sums.add(**checkpoint.load(self._sums_path(len(self.records))))
        except (OSError, ValueError) as error:
            raise DataError(f"{folder} cannot be gone on with ({error}); remove it to begin anew") from error
        self.done = int(self.records[-1]["stop"]) if self.records else 0

    def _record_path(self, number: int) -> Path:
        return self.folder / RECORDS / f"{self.part}-{number:05d}.npz"

    def _sums_path(self, shards: int) -> Path:
        return self.folder / RECORDS / f"{self.part}-sums-{shards:05d}.npz"

    def write(self, pool: Executor, total: int, ahead: int, progress: bool) -> None:
        """Write and seal shards until the source ends; `ahead` chunks are made ahead."""
        chunks = (range(first, min(first + TOGETHER, total)) for first in range(self.done, total, TOGETHER))
        made = (picture for chunk in in_order(pool, make, chunks, ahead) for picture in chunk)
        sealing: deque[tuple[dict[str, np.ndarray], Future[tuple[str, Sums]]]] = deque()
        stop, number = self.done, len(self.records)
        with tqdm(
            total=total, initial=stop, desc=self.part, unit=" images", leave=False, disable=None if progress else True
        ) as bar:
            while stop < total:
                path = self.folder / shard_name(self.part, number)
                record = self._fill(path, made, bar)
                stop, number = int(record["stop"]), number + 1
                sealing.append((record, pool.submit(seal, path, self.sums.total.shape)))
                while sealing and (sealing[0][1].done() or len(sealing) > 2):
                    self._keep(*sealing.popleft())
            while sealing:
                self._keep(*sealing.popleft())

    def _fill(self, path: Path, made: Iterator[Made], bar: tqdm[Any]) -> dict[str, np.ndarray]:
        """Write one shard, until it is full or the pictures end; returns its record so far."""
        stop, labels, names, rejected = 0, [], [], []
        with whole(path) as beside, beside.open("wb") as file:
            for picture in made:
                stop = picture.number + 1
                bar.update()
                if picture.pixels is None:
                    rejected.append((_encoded(picture.name), _encoded(picture.reason)))
                    continue
                file.write(picture.pixels.data)
                labels.append(picture.label)
                names.append(_encoded(picture.name))
                if len(labels) == self.shard:
                    break
        return {
            "stop": np.array(stop),
            "labels": np.array(labels, np.int64),
            "names": np.array(names, np.bytes_),
            "rejected": np.array(rejected, np.bytes_).reshape(-1, 2),
        }

    def _keep(self, record: dict[str, np.ndarray], sealed: Future[tuple[str, Sums]]) -> None:
        """Write the record of the next shard, and the sums with its own."""
        checksum, sums = sealed.result()
        record["checksum"] = np.array(checksum)
        self.sums.add(sums.count, sums.total, sums.products)
        number = len(self.records)
        checkpoint.save(self._sums_path(number + 1), vars(self.sums))
        checkpoint.save(self._record_path(number), record)
        self._sums_path(number).unlink(missing_ok=True)
        self.records.append(record)

    def index(self) -> Part:
        """Write labels and names; returns what store.json says of the part.

        Raises:
            DataError: it has no picture.
        """
        labels = np.concatenate([np.zeros(0, np.int64), *(record["labels"] for record in self.records)])
        if not len(labels):
            raise DataError(f"no picture of the part {self.part} can be used; {self.folder} has what was found so far")
        files = {}
        for number, record in enumerate(self.records):
            path = self.folder / shard_name(self.part, number)
            if len(record["labels"]):
                files[path.name] = str(record["checksum"])
            else:  # the pictures behind the last full shard were all rejected
                path.unlink(missing_ok=True)  # an interrupted attempt may have come as far as this
        names = np.concatenate([record["names"] for record in self.records])
        for what, values in (("labels", labels), ("names", names)):
            path = self.folder / index_name(self.part, what)
            path.unlink(missing_ok=True)
            np.save(path, values)
            files[path.name] = digest(path)
        return Part(len(labels), files)

    def rejected(self) -> list[Unusable]:
        """What could not be used."""
        rows = (row for record in self.records for row in record["rejected"].tolist())
        return [Unusable(self.part, *(cell.decode("utf-8", "surrogateescape") for cell in row)) for row in rows]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
