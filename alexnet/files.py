"""Cached files, atomic writes, and locks between processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from minigrad import checkpoint
from minigrad.folders import cache_folder, rename

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

__all__ = ["ClaimError", "LockedError", "cached_file", "claimed", "free_space", "keep", "lock", "locked_by", "whole"]


class LockedError(RuntimeError):
    """Another process has the lock; the text is its number."""


class ClaimError(ValueError):
    """Something cannot be made here and now; one sentence says why and what to do."""


def cached_file(kind: str, digest: str) -> Path:
    """Where arrays of some kind that can be made again are kept, in the user's cache folder.

    Args:
        kind: the beginning of the file's name.
        digest: hexadecimal, of all that they depend on.
    """
    return cache_folder() / f"{kind}-{digest[:32]}.npz"


def keep(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays into a cached file; where that cannot be, they are made again another time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.save(path, arrays)


def free_space(path: Path) -> int:
    """The bytes that are free where a file or folder is or will be made."""
    return shutil.disk_usage(next(each for each in (path, *path.absolute().parents) if each.exists())).free


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file beside `path`, to be written in the block; it takes the name at the end, or goes if the block fails.

    It is on the disk before it takes the name, so that a power cut leaves either it or what had the name before.

    Raises:
        OSError: it cannot be written. The error names the file, also where the system does not, as on a full disk.
    """
    beside = path.with_name(path.name + ".part")
    try:
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        rename(beside, path)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Be the one process that makes a file or a folder: others are refused. `PATH.lock` is there meanwhile.

    Raises:
        ClaimError: another process makes it, or nothing can be written there.
    """
    beside = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = lock(beside)
    except LockedError as owner:
        raise ClaimError(f"process {owner} is making {path}; wait for it, or stop it") from None
    except OSError as error:
        raise ClaimError(
            f"{path} cannot be written ({error.strerror}); make its folder writable, or choose another"
        ) from error
    with file:
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no open file
                beside.unlink()


def lock(path: Path) -> IO[bytes]:
    """Lock a file, which is made if it is not there, and write into it which process has it.

    The system undoes the lock when the file is closed and when the process ends, however it ends. Whoever holds the
    lock may remove the file.

    Returns:
        The open file.

    Raises:
        LockedError: another process has it.
        OSError: the file cannot be made.
    """
    while True:
        file = path.open("a+b", buffering=0)
        try:
            _lock(file)
            if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                file.close()  # the one before has removed it meanwhile: others would lock another file
                continue
            with suppress(OSError):  # a full disk: the number is for others to read, the lock holds without
                file.truncate(0)
                file.write(f"{os.getpid()}\n".encode())
            return file
        except BaseException:
            file.close()
            raise


def locked_by(path: Path) -> str:
    """The number of the process that has locked a file, "" if there is none; nothing is written."""
    try:
        with path.open("rb") as file:
            _lock(file, shared=True)
    except LockedError as owner:
        return str(owner)
    except OSError:
        pass  # there never was a lock
    return ""


def _lock(file: IO[bytes], shared: bool = False) -> None:
    try:
        if os.name == "posix":
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        else:
            file.seek(2**30)  # a byte far behind the text, which others may read
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except (BlockingIOError, PermissionError):
        file.seek(0)
        raise LockedError(file.read(20).decode(errors="replace").strip() or "unknown") from None
