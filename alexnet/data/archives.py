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

from alexnet.data.images import EXTENSIONS, decode
from alexnet.data.splits import DataError, Split

__all__ = ["ArchiveSplit", "Members", "list_members"]


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

    def add(self, name: str, member: tarfile.TarInfo) -> None:
        """Take in an image of the last archive."""
        self.names.append(name)
        self.archive.append(len(self.archives) - 1)
        self.offset.append(member.offset_data)
        self.size.append(member.size)

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

    Raises:
        DataError: an archive is damaged, truncated or compressed.
    """
    result = Members()
    size = sum(path.stat().st_size for path in archives)
    with tqdm(total=size, desc="listing", unit="B", unit_scale=True, leave=False, disable=None) as bar:
        for path in archives:
            result.archives.append(path)
            folder = path.stem if len(archives) > 1 else ""
            try:
                with path.open("rb") as file:
                    _list(file, folder, path.stat().st_size, result, bar)
            except (tarfile.TarError, OSError, EOFError) as error:
                raise DataError(
                    f"{path} cannot be read as an uncompressed tar archive ({error}); get it again, or unpack it"
                ) from error
    return result


def _list(file: BinaryIO, folder: str, end: int, result: Members, bar: tqdm[Any]) -> None:
    """Take in the members of the archive that starts where `file` stands and ends before `end`."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # or it keeps a million of them
            path = PurePosixPath(member.name)
            if not member.isfile() or path.name.startswith("."):
                continue
            if member.offset_data + member.size > end:
                raise EOFError(f"{member.name} is cut off")
            if path.suffix.lower() == ".tar":
                after = file.tell()
                file.seek(member.offset_data)
                _list(file, path.stem, member.offset_data + member.size, result, bar)
                file.seek(after)
            elif path.suffix.lower() in EXTENSIONS:
                result.add(f"{folder or path.parent.name}/{path.name}".lstrip("/"), member)
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
                content = file.read(int(self._size[index]))
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
            status = path.stat()
            digest.update(f"{path.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        for column in (self._archive, self._offset, self._size, self.labels):
            digest.update(column.data)
        return digest.hexdigest()
