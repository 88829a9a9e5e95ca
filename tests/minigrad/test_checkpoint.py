"""Checkpoints: arrays in a file that is whole or not there, and never a pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from checks import complains

import minigrad as mg
from minigrad import checkpoint, nn


def test_arrays_come_back(tmp_path: Path) -> None:
    arrays = {"a.b": np.arange(6, dtype=np.float32).reshape(2, 3), "epoch": np.array(3), "name": np.array("paper")}
    checkpoint.save(tmp_path / "file.npz", arrays)
    found = checkpoint.load(tmp_path / "file.npz")
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_state_of_a_net_comes_back(tmp_path: Path) -> None:
    first, second = nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3)
    checkpoint.save(str(tmp_path / "net.npz"), first.state_dict())
    second.load_state_dict(checkpoint.load(str(tmp_path / "net.npz")))
    x = mg.randn(1, 2, 4, 4)
    np.testing.assert_array_equal(first(x).numpy(), second(x).numpy())


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for value in (1, 2):
        checkpoint.save(tmp_path / "file.npz", {"x": np.array(value)})
    assert checkpoint.load(tmp_path / "file.npz")["x"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file.npz"]


def test_saving_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "file.npz", {"x": np.array(1)})

    def disk_full(*arguments: object, **arrays: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", disk_full)
    with pytest.raises(OSError, match="space"):
        checkpoint.save(tmp_path / "file.npz", {"x": np.array(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["file.npz"]
    assert checkpoint.load(tmp_path / "file.npz")["x"] == 1


def test_objects_are_refused(tmp_path: Path) -> None:
    with complains("x", error=TypeError):
        checkpoint.save(tmp_path / "file.npz", {"x": np.array([{}], dtype=object)})
    assert not list(tmp_path.iterdir())


def test_missing_file_complains(tmp_path: Path) -> None:
    with complains("nowhere.npz", error=FileNotFoundError):
        checkpoint.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_damaged_file_complains(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "file.npz"
    checkpoint.save(path, {"x": np.zeros(100)})
    path.write_bytes(path.read_bytes()[:cut])
    with complains("file.npz", error=ValueError):
        checkpoint.load(path)


def test_pickles_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "file.npz", x=np.array([{}], dtype=object))
    with complains("file.npz", error=ValueError):
        checkpoint.load(tmp_path / "file.npz")
