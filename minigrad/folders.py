"""Where things are kept that can be made again, and how a file gets another name."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "rename"]

PAUSES = (0.1,) * 30 if os.name == "nt" else ()  # seconds between attempts to rename a file


def cache_folder() -> Path:
    """The user's folder for what minigrad can make again; ~/.cache/minigrad on Linux, or in $XDG_CACHE_HOME."""
    folder = platformdirs.user_cache_path("minigrad", appauthor=False)
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / "minigrad"  # a user without a home


def rename(source: str | Path, target: str | Path) -> None:
    """Give a file another name in one step; a file that has this name is replaced.

    Windows refuses that while somebody reads either file, so there it is tried for some seconds.

    Raises:
        OSError: it cannot be done; both files are as they were.
    """
    for pause in PAUSES:
        with suppress(PermissionError):
            Path(source).replace(target)
            return
        time.sleep(pause)
    try:
        Path(source).replace(target)
    except PermissionError as error:
        open_elsewhere = "; is it open in another program?" if PAUSES else ""
        raise PermissionError(error.errno, f"{error.strerror}{open_elsewhere}", str(target)) from error
