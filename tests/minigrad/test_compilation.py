"""Compiled code on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from minigrad import compilation


@pytest.fixture
def folder(cache: Path) -> Path:
    return compilation.code_folder()


def test_what_is_saved_is_loaded(folder: Path) -> None:
    compilation.save_code("name", b"code")
    assert compilation.load_code("name") == b"code" and compilation.load_code("other") is None


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 32 + b"code"])
def test_what_is_damaged_is_not_there(folder: Path, content: bytes) -> None:
    compilation.save_code("name", b"code")
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert compilation.load_code("name") is None


def test_what_is_not_used_for_long_goes(folder: Path) -> None:
    names = ["unused", "used", "new"]
    for name in names[:2]:
        compilation.save_code(name, b"code")
        os.utime(folder / f"{name}{compilation.ENDING}", (0, 0))
    (folder / "of another.kind").touch()
    os.utime(folder / "of another.kind", (0, 0))
    assert compilation.load_code("used") == b"code"
    compilation._prune.cache_clear()
    compilation.save_code("new", b"code")
    assert [compilation.load_code(name) for name in names] == [None, b"code", b"code"]
    assert len(list(folder.iterdir())) == 3


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compilation.code_is_kept()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    compilation.save_code("name", b"code")
    assert compilation.load_code("name") is None and not compilation.code_is_kept()


def test_nothing_is_left_of_what_could_not_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    compilation.save_code("name", b"code")
    assert list(folder.iterdir()) == []


def test_the_folder_is_the_users_own(cache: Path) -> None:
    assert compilation.code_folder() == cache / "compiled"
