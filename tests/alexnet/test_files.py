"""Files that are whole or not there, and locks that one process has at a time."""

import errno
import os

import numpy as np
import pytest

from alexnet import files
from minigrad import checkpoint


def test_a_file_takes_its_name_when_it_is_whole_and_on_the_disk(tmp_path, monkeypatch):
    path, seen = tmp_path / "file", []
    path.write_text("old")
    monkeypatch.setattr(files.os, "fsync", lambda number: seen.append((os.fstat(number).st_size, path.read_text())))
    with files.whole(path) as beside:
        beside.write_text("newer")
        assert path.read_text() == "old"
    assert seen == [(5, "old")] and path.read_text() == "newer" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_of_a_file_that_fails_nothing_stays(error, tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(error)) as raised, files.whole(path) as beside:
        beside.write_text("ne")
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    assert not isinstance(error, OSError) or raised.value.filename == str(path)


def test_what_is_kept_is_found_by_what_it_depends_on(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    one, other = (files.cached_file("kind", digest * 32) for digest in ("a1", "b2"))
    files.keep(one, {"x": np.arange(3)})
    assert checkpoint.load(one)["x"].tolist() == [0, 1, 2] and not other.exists()
    (tmp_path / "file").write_text("")
    files.keep(tmp_path / "file" / "x.npz", {"x": np.arange(3)})  # cannot be, and is no error


def test_a_lock_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    """Between opening the file and locking it, the process that had the lock may have removed the file."""
    path, locking = tmp_path / "lock", files._lock
    calls = []

    def late(file):
        if not calls:
            path.unlink()
        calls.append(file)
        locking(file)

    monkeypatch.setattr(files, "_lock", late)
    with files.lock(path):
        assert len(calls) == 2
        with pytest.raises(files.LockedError):
            files.lock(path)
