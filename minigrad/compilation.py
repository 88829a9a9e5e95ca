"""What is compiled for a program: what it needs, found out without computing anything, and where it is kept.

Loops and kernels are compiled when they are first called, for the types that they are called with. That takes a second
each and is done once: the code is kept on disk. A file's name is a digest of all that the code depends on, so what is
there is never out of date. When a file was last used is its time of modification; what has not been used for a month
goes.

Who would rather have it done in advance, and know how much there is to do, rehearses the program.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import cache
from pathlib import Path

from minigrad.folders import cache_folder

__all__ = ["code_folder", "code_is_kept", "load_code", "needed_by", "note", "rehearsing", "save_code"]

KEPT = 30 * 24 * 3600  # seconds after its last use
ENDING = ".compiled"
CHECKSUM_BYTES = 32  # in front: code that is damaged is no code


class _Rehearsal(threading.local):
    """What is known of this thread."""

    needed: dict[Hashable, Callable[[], None]] | None = None  # by the program that it rehearses, if it does


_rehearsal = _Rehearsal()


# what a program needs


def needed_by(program: Callable[[], object]) -> list[Callable[[], None]]:
    """The loops and kernels that a program calls, each as a function that compiles it, or loads it from disk.

    The program is run in this thread, and no loop or kernel in it: arrays have their shapes, dtypes and devices, and
    hold anything. So it must not keep what it makes, nor decide by it.

    Example:
        >>> import minigrad as mg
        >>> from minigrad.compilation import needed_by
        >>> x = mg.zeros(64, 3, 8, 8)
        >>> compile_pooling, = needed_by(lambda: mg.functional.max_pool2d(x, 3, 2))
        >>> compile_pooling()
    """
    outer = _rehearsal.needed
    needed: dict[Hashable, Callable[[], None]] = {}
    _rehearsal.needed = needed
    try:
        program()
    finally:
        _rehearsal.needed = outer
    return list(needed.values())


def rehearsing() -> bool:
    """Whether this thread runs a program of `needed_by`: then a backend notes what it would run, and does not."""
    return _rehearsal.needed is not None


def note(name: Hashable, compile: Callable[[], None]) -> None:
    """The program that is rehearsed calls a loop or kernel of that name, with the function that compiles it."""
    if _rehearsal.needed is not None:
        _rehearsal.needed.setdefault(name, compile)


# where it is kept


def code_folder() -> Path:
    """Where the files are: `$NUMBA_CACHE_DIR`, as Numba's own, or the user's folder for caches."""
    return Path(os.environ.get("NUMBA_CACHE_DIR") or cache_folder()) / "compiled"


def load_code(name: str) -> bytes | None:
    """The code of that name, if there is any."""
    path = code_folder() / f"{name}{ENDING}"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # a cache that may only be read
        os.utime(path)
    checksum, code = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
    return code if checksum == hashlib.sha256(code).digest() else None


def save_code(name: str, code: bytes) -> None:
    """Keep code under that name; a cache that cannot be written is done without."""
    temporary = ""
    try:
        code_folder().mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=code_folder(), suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        Path(temporary).replace(code_folder() / f"{name}{ENDING}")
        _prune()
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()


def code_is_kept() -> bool:
    """Whether compiled code can be kept."""
    try:
        code_folder().mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=code_folder()).close()
    except OSError:
        return False
    return True


@cache
def _prune() -> None:
    """Remove what has not been used for long, once per process; another process may be removing it too."""
    oldest = time.time() - KEPT
    for path in code_folder().iterdir():
        with suppress(OSError):
            if path.suffix in (ENDING, ".part") and path.stat().st_mtime < oldest:
                path.unlink()
