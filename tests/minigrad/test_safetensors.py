"""States in .safetensors files: what other libraries read and write, and files that are none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from checks import complains
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.checkpoint import load_safetensors, save_safetensors

safetensors = pytest.importorskip("safetensors.numpy", reason='needs safetensors: pip install "minigrad[interchange]"')

ARRAYS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(12.0).reshape(3, 4).T,
    "number": np.array(7),
    "none": np.zeros((0, 3), np.uint8),
    "yes": np.array([True, False]),
}


def test_arrays_come_back(tmp_path: Path) -> None:
    """Also those that do not lie in C order, which the package would write in the order of their memory."""
    save_safetensors(tmp_path / "a.safetensors", ARRAYS)
    for found in (load_safetensors(tmp_path / "a.safetensors"), safetensors.load_file(tmp_path / "a.safetensors")):
        assert found.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


@pytest.mark.parametrize("place", ["cpu", "cuda", "reference"])
def test_a_net_is_saved_and_loaded(place: str, tmp_path: Path) -> None:
    mg.manual_seed(1)
    net, other = (nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 2)).to(place) for _ in range(2))
    save_safetensors(tmp_path / "net.safetensors", net.state_dict())
    other.load_state_dict(load_safetensors(tmp_path / "net.safetensors"))
    for one, two in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_pytorch_reads_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    mg.manual_seed(1)
    net, theirs = nn.Linear(3, 2), torch.nn.Linear(3, 2)
    save_safetensors(tmp_path / "net.safetensors", net.state_dict())
    theirs.load_state_dict(files.load_file(tmp_path / "net.safetensors"))
    np.testing.assert_array_equal(theirs.weight.detach().numpy(), net.weight.numpy())
    files.save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    np.testing.assert_array_equal(load_safetensors(tmp_path / "theirs.safetensors")["weight"], net.weight.numpy())


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_safetensors(path, ARRAYS)
    before = path.read_bytes()
    with complains("'text'", "<U1", error=TypeError):
        save_safetensors(path, {"text": np.array(["a"])})
    (tmp_path / "b.safetensors").mkdir()
    with pytest.raises(OSError):
        save_safetensors(tmp_path / "b.safetensors", ARRAYS)
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_numbers_that_numpy_does_not_know_complain(tmp_path: Path) -> None:
    header = b'{"h":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    (tmp_path / "half.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with complains("half.safetensors", "BF16", error=ValueError):
        load_safetensors(tmp_path / "half.safetensors")


@given(data=st.data())
def test_damaged_files_complain(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever is cut off, changed or claimed: our own error, or arrays of no more bytes than the file has."""
    content = bytearray(safetensors.save({name: np.asarray(array, order="C") for name, array in ARRAYS.items()}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    path.write_bytes(content)
    try:
        found = load_safetensors(path)
    except ValueError as error:
        assert "a.safetensors" in str(error)
    else:
        assert sum(array.nbytes for array in found.values()) <= len(content)


def test_a_claim_of_a_terabyte_complains(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"F32","shape":[250000000000],"data_offsets":[0,1000000000000]}}'
    (tmp_path / "large.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(100))
    with complains("large.safetensors", "damaged", error=ValueError):
        load_safetensors(tmp_path / "large.safetensors")


def test_without_the_package_there_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with complains("pip install", "minigrad[interchange]", error=ImportError):
        save_safetensors(tmp_path / "a.safetensors", ARRAYS)
