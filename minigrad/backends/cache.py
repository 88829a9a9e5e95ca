"""Compiled code on disk, so that a second process need not compile it again.

A file's name is a digest of all that the code depends on, so what is there is never out of date. When a file was last
used is its time of modification; what has not been used for a month goes.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

__all__ = ["folder", "is_writable", "load", "save"]

KEPT = 30 * 24 * 3600  # seconds after its last use
ENDING = ".compiled"
CHECKSUM_BYTES = 32  # in front: code that is damaged is no code


def folder() -> Path:
    """Where the files are: `$NUMBA_CACHE_DIR`, as Numba's own, or the user's folder for caches."""
    root = os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_path("minigrad", appauthor=False)
    return Path(root) / "compiled"


def load(name: str) -> bytes | None:
    """The code of that name, if there is any."""
    path = folder() / f"{name}{ENDING}"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # a cache that may only be read
        os.utime(path)
    checksum, code = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
    return code if checksum == hashlib.sha256(code).digest() else None


def save(name: str, code: bytes) -> None:
    """Keep code under that name; a cache that cannot be written is done without."""
    temporary = ""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder(), suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        Path(temporary).replace(folder() / f"{name}{ENDING}")
        _prune()
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()


def is_writable() -> bool:
    """Whether compiled code can be kept."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder()).close()
    except OSError:
        return False
    return True


@cache
def _prune() -> None:
    """Remove what has not been used for long, once a process; another process may be removing it too."""
    oldest = time.time() - KEPT
    for path in folder().iterdir():
        with suppress(OSError):
            if path.suffix in (ENDING, ".part") and path.stat().st_mtime < oldest:
                path.unlink()
