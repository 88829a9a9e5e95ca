"""Pictures inside tar archives, read where they lie: nothing is unpacked to the disk."""

from __future__ import annotations

import hashlib
import tarfile
from array import array
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
from tqdm.auto import tqdm

from alexnet.data.formats.images import EXTENSIONS, decode, read_start
from alexnet.data.formats.unpacking import UNREADABLE
from alexnet.data.splits import DataError, Split, identity
from alexnet.files import cached_file, keep
from minigrad import checkpoint

__all__ = ["ArchiveSplit", "Members", "list_members"]

LARGEST_HEADER = 2**16  # bytes; with its extensions a member's header may be long, but not without end
LONGEST_NAME = 512  # characters
LONG = 10_000  # names; a list of so many is kept
COLUMNS = ("archive", "offset", "size")


class Members:
    """Where the image files of some archives lie.

    Attributes:
        archives: paths of the archives.
        names: of the image files, with the folder or the inner archive that they are in (where there are several
            archives, the archive) in front: "n01440764/n01440764_10026.JPEG".
        archive, offset, size: for each image, the number of its archive and its place there in bytes.
    """

    def __init__(self) -> None:
        self.archives: list[Path] = []
        self.names: list[str] = []
        self.archive, self.offset, self.size = array("i"), array("q"), array("q")

    def add(self, name: str, offset: int, size: int) -> None:
        """Take in an image of the last archive."""
        if len(name) > LONGEST_NAME:
            raise ValueError(f"the name of an image has {len(name):,} characters")
        self.names.append(name)
        self.archive.append(len(self.archives) - 1)
        self.offset.append(offset)
        self.size.append(size)

    def arrays(self) -> dict[str, np.ndarray]:
        """By name, for a file."""
        names = "\0".join(self.names).encode("utf-8", "surrogateescape")
        columns = {name: np.array(getattr(self, name), np.int64) for name in COLUMNS}
        return {"names": np.frombuffer(names, np.uint8), **columns}

    @classmethod
    def from_file(cls, path: Path, archives: list[Path]) -> Members | None:
        """What `arrays` gave for these archives; None where the file is missing or damaged."""
        result = cls()
        result.archives = list(archives)
        try:
            arrays = checkpoint.load(path)
            result.names = arrays["names"].tobytes().decode("utf-8", "surrogateescape").split("\0")
            for name in COLUMNS:
                getattr(result, name).extend(arrays[name].tolist())
                if len(getattr(result, name)) != len(result.names):
                    return None
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
        return result

    def replace(self, others: Members) -> None:
        """Let pictures that `others` has too, by their last name, be taken from there."""
        places = {name.rpartition("/")[2]: number for number, name in enumerate(others.names)}
        first = len(self.archives)
        self.archives += others.archives
        for number, name in enumerate(self.names):
            other = places.get(name.rpartition("/")[2])
            if other is not None:
                self.archive[number] = first + others.archive[other]
                self.offset[number], self.size[number] = others.offset[other], others.size[other]

    def groups(self) -> list[str]:
        """For each image the name of the folder or inner archive it is in, "" where there is none."""
        return [PurePosixPath(name).parent.name for name in self.names]


def list_members(archives: list[Path]) -> Members:
    """The image files of some uncompressed tar archives, and of the archives inside them, in order.

    A long list, which takes about a minute for ImageNet, is kept in the user's cache folder.

    Raises:
        DataError: an archive is damaged, truncated or compressed.
    """
    cached = _cache_file(archives)
    result = Members.from_file(cached, archives)
    if result is not None:
        return result
    result = Members()
    with tqdm(
        total=sum(path.stat().st_size for path in archives),
        desc="listing",
        unit="B",
        unit_scale=True,
        leave=False,
        disable=None,
    ) as bar:
        for path in archives:
            result.archives.append(path)
            folder = path.stem if len(archives) > 1 else ""
            try:
                with path.open("rb") as file:
                    _list(_Headers(file, 0, path.stat().st_size), folder, result, bar)
            except UNREADABLE as error:
                raise DataError(
                    f"{path} cannot be read as an uncompressed tar archive ({error}); get it again, or unpack it"
                ) from error
    if len(result.names) >= LONG:
        keep(cached, result.arrays())
    return result


def _cache_file(archives: list[Path]) -> Path:
    """Where the list of these archives is kept, as long as they do not change."""
    digest = hashlib.sha256(b"1")
    for path in archives:
        digest.update(identity(path.parent.resolve(), path.name))
        digest.update(str(path.resolve()).encode("utf-8", "surrogateescape"))
    return cached_file("listing", digest.hexdigest())


class _Headers:
    """A part of a file, for tarfile to read the headers of an archive in: forwards, and little at once.

    Args:
        file: the file, which may be read by others in between.
        start, length: of the part, in bytes.
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self.file, self.start, self.length = file, start, length
        self._place = 0

    def tell(self) -> int:
        """The place in the part."""
        return self._place

    def seek(self, place: int) -> None:
        """Go forwards."""
        if place < self._place:
            raise tarfile.ReadError("a member of negative size")
        self._place = place

    def read(self, size: int) -> bytes:
        """At most `size` bytes."""
        if not 0 <= size <= LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self.file.seek(self.start + self._place)
        data = self.file.read(max(0, min(size, self.length - self._place)))
        self._place += len(data)
        return data


def _list(archive: _Headers, folder: str, result: Members, bar: tqdm[Any], inner: bool = False) -> None:
    """Take in the members of an archive, which may be inside another."""
    with tarfile.open(fileobj=archive, mode="r:") as tar:  # type: ignore[call-overload]
        for member in tar:
            tar.members = []  # or it keeps a million of them
            path = PurePosixPath(member.name)
            if not member.isfile() or path.name.startswith("."):
                continue
            if member.issparse() or member.offset_data + member.size > archive.length:
                raise EOFError(f"{member.name[:LONGEST_NAME]} is cut off")
            start = archive.start + member.offset_data
            if path.suffix.lower() == ".tar" and not inner:
                _list(_Headers(archive.file, start, member.size), path.stem, result, bar, inner=True)
            elif path.suffix.lower() in EXTENSIONS:
                result.add(f"{folder or path.parent.name}/{path.name}".lstrip("/"), start, member.size)
                bar.update(member.size)


class ArchiveSplit(Split):
    """Pictures that are decoded from archives each time.

    Args:
        members: where they lie.
        labels: integers (n,).
        order: integers (n,), which members they are.
    """

    def __init__(self, members: Members, labels: np.ndarray, order: np.ndarray) -> None:
        self.labels = labels.astype(np.int64)
        self.archives = members.archives
        self.names = [members.names[index] for index in order]
        self._archive, self._offset, self._size = (
            np.array(column, np.int64)[order] for column in (members.archive, members.offset, members.size)
        )

    def image(self, index: int, size: int = 0) -> np.ndarray:
        """Picture `index`, decoded: uint8 (H, W, 3)."""
        path = self.archives[self._archive[index]]
        try:
            with path.open("rb") as file:
                file.seek(int(self._offset[index]))
                content = read_start(file, int(self._size[index]))
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}); open the data set again") from error
        return decode(content, f"{path}, {self.names[index]}", size)

    def name(self, index: int) -> str:
        """Its name in the archive."""
        return self.names[index]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the archives' names, sizes and times of change, and of what lies where in them."""
        digest = hashlib.sha256()
        for path in self.archives:
            digest.update(identity(path.parent, path.name))
        for column in (self._archive, self._offset, self._size, self.labels):
            digest.update(column.data)
        return digest.hexdigest()
