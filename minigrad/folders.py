"""Where things are kept that can be made again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import platformdirs

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """The user's folder for what minigrad can make again; ~/.cache/minigrad on Linux, or in $XDG_CACHE_HOME."""
    folder = platformdirs.user_cache_path("minigrad", appauthor=False)
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / "minigrad"  # a user without a home
