"""Where things are kept."""

from __future__ import annotations

import tempfile
from pathlib import Path

import platformdirs
import pytest

from minigrad.folders import cache_folder


def test_the_cache_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name, appauthor: tmp_path / name)
    assert cache_folder() == tmp_path / "minigrad"


def test_a_user_without_a_home_has_a_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name, appauthor: Path("~/.cache") / name)
    assert cache_folder() == Path(tempfile.gettempdir()) / "minigrad"
