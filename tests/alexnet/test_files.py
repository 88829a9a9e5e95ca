"""Files that are whole or not there, and locks that one process has at a time."""

import pytest

from alexnet import files


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
