"""Compressed files read with care: a file of a few bytes can claim, or unpack to, more than any memory holds."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Set
from pathlib import Path
from typing import IO, Any

from alexnet.data.splits import DataError

__all__ = ["UNREADABLE", "read_members", "read_unpacked"]

RATIO, ROOM = 32, 2**24  # a file may unpack to so many times its size and so many bytes: pictures hardly shrink
PACKERS: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_AT_ONCE = 2**20  # bytes

# What the readers of archives let out over a damaged one. RuntimeError: headers of headers, until the stack is full.
UNREADABLE = (
    *(tarfile.TarError, zlib.error, lzma.LZMAError, OSError, EOFError),
    *(ValueError, LookupError, ArithmeticError, RuntimeError),
)


class _Unpacked:
    """Reads what a file unpacks to, in one pass; ValueError where that is too much.

    Args:
        path: of a file that is gzipped, of bzip2 or xz, or not compressed.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            start = file.read(6)
        self._left = ROOM + RATIO * path.stat().st_size
        opened = next((opened for magic, opened in PACKERS.items() if start.startswith(magic)), None)
        self._file: IO[bytes] = opened(path) if opened else path.open("rb")

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, and none at the end."""
        data = self._file.read(min(size, _AT_ONCE))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it unpacks to more than {RATIO} times its size")
        return data


def read_unpacked(path: Path) -> bytes:
    """What a file unpacks to.

    Raises:
        Any of UNREADABLE: it is damaged, or would unpack to more than 32 times its size and 16 MiB.
    """
    with _Unpacked(path) as file:
        result = bytearray()
        while data := file.read(_AT_ONCE):
            result += data
    return bytes(result)


def read_members(archive: Path, wanted: Set[str]) -> dict[str, bytes]:
    """The wanted files of a tar archive by their last name, in whatever folder they are, in one pass.

    Nothing is written to the disk, links are not followed, and holes not filled.

    Raises:
        DataError: it is damaged, or would unpack to more than 32 times its size and 16 MiB.
    """
    files: dict[str, bytes] = {}
    try:
        with (
            _Unpacked(archive) as unpacked,
            # tarfile asks of a stream nothing but read(size)
            tarfile.open(fileobj=unpacked, mode="r|") as tar,  # type: ignore[call-overload]
        ):
            for member in tar:
                tar.members = []
                name = member.name.rpartition("/")[2]
                if name in wanted and member.isfile() and not member.issparse():
                    content = tar.extractfile(member)
                    assert content is not None  # as of every file
                    files[name] = content.read()
    except UNREADABLE as error:
        raise DataError(f"{archive} cannot be read as a tar archive ({error}); get it again") from error
    return files
