"""Checkpoints: arrays in a file that is whole or not there, and never a pickle."""

from __future__ import annotations

import os
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from checks import complains
from mutations import mutated

import minigrad as mg
from minigrad import checkpoint, folders, nn


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


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "first.npz", {"a": np.arange(3), "b": np.array(1.5)})
    monkeypatch.setattr(time, "time", lambda: 2e9)
    checkpoint.save(tmp_path / "second.npz", {"b": mg.tensor(1.5, dtype="float64"), "a": np.arange(3)})
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    with np.load(tmp_path / "first.npz") as archive:
        assert archive["a"].tolist() == [0, 1, 2] and archive["b"] == 1.5


def test_tensors_are_copied_to_the_host_one_at_a_time(tmp_path: Path) -> None:
    tensors = {str(number): mg.ones(500_000) for number in range(8)}  # 2 MB each
    tracemalloc.start()
    checkpoint.save(tmp_path / "file.npz", tensors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for value in (1, 2):
        checkpoint.save(tmp_path / "file.npz", {"x": np.array(value)})
    assert checkpoint.load(tmp_path / "file.npz")["x"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file.npz"]


def test_saving_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "file.npz", {"x": np.array(1)})

    def disk_full(file: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="space"):
        checkpoint.save(tmp_path / "file.npz", {"x": np.array(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["file.npz"]
    assert checkpoint.load(tmp_path / "file.npz")["x"] == 1


def test_a_file_that_somebody_reads_is_renamed_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, which until then refuses."""
    path, previous = tmp_path / "file.npz", tmp_path / "previous.npz"
    checkpoint.save(path, {"x": np.array(1)})
    replace, left = Path.replace, [2, 2]  # attempts that fail: of the file that is there, and of the new one

    def opened(source: Path, target: Path) -> Path:
        kind = source.name.endswith(".part")
        left[kind] -= 1
        if left[kind] >= 0:
            raise PermissionError(13, "Access is denied", str(source))
        return replace(source, target)

    monkeypatch.setattr(folders, "PAUSES", (0.0,) * 3)
    monkeypatch.setattr(Path, "replace", opened)
    checkpoint.save(path, {"x": np.array(2)}, previous)
    assert checkpoint.load(path)["x"] == 2 and checkpoint.load(previous)["x"] == 1
    left[:] = [4, 4]
    with pytest.raises(PermissionError, match=r"Access is denied; is it open in another program\?.*file\.npz"):
        checkpoint.save(path, {"x": np.array(3)})
    assert checkpoint.load(path)["x"] == 2 and len(list(tmp_path.iterdir())) == 2


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


def test_of_the_arrays_that_are_not_asked_for_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.npz"
    checkpoint.save(path, {"large": np.zeros(10_000), "small": np.arange(3)})
    sizes = []
    read = checkpoint._read_array
    monkeypatch.setattr(
        checkpoint, "_read_array", lambda file, name, size: sizes.append(size) or read(file, name, size)
    )
    found = checkpoint.read(path, {"small", "none"})
    assert list(found) == ["small"] and found["small"].tolist() == [0, 1, 2] and max(sizes) < 1000


def test_pickles_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "file.npz", x=np.array([{}], dtype=object))
    with complains("file.npz", error=ValueError):
        checkpoint.load(tmp_path / "file.npz")


def test_the_last_file_is_kept_under_another_name(tmp_path: Path) -> None:
    for value in (1, 2, 3):
        checkpoint.save(tmp_path / "file.npz", {"x": np.array(value)}, previous=tmp_path / "before.npz")
    assert checkpoint.load(tmp_path / "file.npz")["x"] == 3
    assert checkpoint.load(tmp_path / "before.npz")["x"] == 2


def test_arrays_of_any_form_come_back(tmp_path: Path) -> None:
    arrays = {
        "none": np.zeros((0, 3)),
        "text": np.array(["a", "bcd"]),
        "bytes": np.array([b"a", b"bcd"]),
        "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big-endian": np.arange(3, dtype=">i4"),
        "flags": np.array([True, False]),
    }
    checkpoint.save(tmp_path / "file.npz", arrays)
    found = checkpoint.load(tmp_path / "file.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].flags.writeable) == (array.dtype, True)


def test_the_name_of_the_checksum_is_refused(tmp_path: Path) -> None:
    with complains("sha256", error=ValueError):
        checkpoint.save(tmp_path / "file.npz", {"sha256": np.array(1)})


def test_a_value_changed_behind_the_archive_s_back_is_noticed(tmp_path: Path) -> None:
    """The archive's own CRCs are right here; the checksum over all arrays is not."""
    checkpoint.save(tmp_path / "file.npz", {"x": np.arange(4)})
    with np.load(tmp_path / "file.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "file.npz", **{**arrays, "x": np.array([0, 1, 2, 4])})
    with complains("checksum differs", error=ValueError):
        checkpoint.load(tmp_path / "file.npz")
    np.savez(tmp_path / "file.npz", x=arrays["x"])
    with complains("no checksum", error=ValueError):
        checkpoint.load(tmp_path / "file.npz")


def _archive(path: Path, header: bytes, body: bytes = b"", compression: int = zipfile.ZIP_STORED) -> None:
    start = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("x.npy", start + header + body)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }\n", "claims the shape"),
        (b"{'descr': '<U99999999', 'fortran_order': False, 'shape': (10,), }\n", "claims the shape"),
        (b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", "no array of numbers"),
        (b"{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }\n", "unknown dtype"),
        (b"__import__('os').getcwd()\n", "no array of numbers"),
        (b"(" * 60000, "no array of numbers"),
    ],
)
def test_headers_that_lie_are_refused_before_anything_is_allocated(header: bytes, words: str, tmp_path: Path) -> None:
    _archive(tmp_path / "file.npz", header, bytes(40))
    tracemalloc.start()
    with complains(words, error=ValueError):
        checkpoint.load(tmp_path / "file.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_archives_that_grow_are_refused(tmp_path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (50000000,), }\n"
    _archive(tmp_path / "file.npz", header, bytes(50_000_000), zipfile.ZIP_DEFLATED)
    with complains("compressed", error=ValueError):
        checkpoint.load(tmp_path / "file.npz")


@pytest.mark.parametrize("count", [1500, pytest.param(100_000, marks=pytest.mark.slow)])
def test_mutated_files_raise_the_project_s_own_error_or_load_as_they_were(count: int, tmp_path: Path) -> None:
    random = np.random.default_rng(count)
    arrays = {"model/conv1.weight": np.arange(24.0).reshape(2, 3, 4), "step": np.array(7), "name": np.array("paper")}
    path = tmp_path / "file.npz"
    checkpoint.save(path, arrays)
    whole, refused = path.read_bytes(), 0
    tracemalloc.start()
    for _ in range(count):
        path.write_bytes(mutated(whole, random, whole))
        try:
            found = checkpoint.load(path)
        except ValueError as error:
            refused += 1
            assert str(path) in str(error)
        else:  # changed where nothing is read, such as a date
            assert found.keys() == arrays.keys()
            assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused > count / 2 and peak < 20_000_000
