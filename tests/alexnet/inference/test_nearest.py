"""The index of the training pictures that are most alike to a network."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from alexnet import files
from alexnet.data import RescaledSplit, open_dataset
from alexnet.files import ClaimError
from alexnet.inference.nearest import open_index
from alexnet.run.trained import load_predictor
from minigrad.folders import rename


def test_the_index_is_made_once_and_beside_the_store(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(place / "store", place / "copy")
    data = open_dataset(place / "copy")
    predictor = load_predictor(place / "run1", True, ["cpu:0"])
    index = open_index(predictor, place / "copy", data)
    (path,) = place.glob("copy.nearest-*.npy")
    pictures = RescaledSplit(data.train, 72).batch(np.arange(36))
    hidden = predictor.hidden(pictures)
    np.testing.assert_array_equal(index.features, hidden)
    logits = hidden @ predictor.model.fc8.weight.numpy().T + predictor.model.fc8.bias.numpy()
    with mg.no_grad():
        (view,) = [predictor.model(mg.tensor(pictures[:, :, 4:68, 4:68] - predictor.statistics.mean[:, 4:68, 4:68]))]
    np.testing.assert_allclose(logits, view.numpy(), rtol=1e-3, atol=1e-4)  # it is what the last layer reads

    monkeypatch.setattr("alexnet.inference.nearest.SEARCHED_AT_ONCE", 5)
    query = hidden[7] + 0.01
    found = index.nearest(query[np.newaxis], 36)[0]
    distances = np.linalg.norm(hidden - query, axis=1)
    order = np.argsort(distances, kind="stable")
    np.testing.assert_allclose([each.distance for each in found], distances[order], rtol=1e-5)
    assert [each.name for each in found] == [data.train.name(int(number)) for number in order]
    assert [each.words for each in found] == [data.classes[data.train.labels[number]] for number in order]

    before = path.stat().st_mtime_ns
    open_index(predictor, place / "copy", data)
    assert path.stat().st_mtime_ns == before

    def closed_first(source: Path, target: Path) -> None:
        """Windows renames no file that is open or mapped."""
        if sys.platform == "linux":
            assert str(source) not in Path("/proc/self/maps").read_text()
            assert str(source) not in [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
        rename(source, target)

    monkeypatch.setattr(files, "rename", closed_first)
    open_index(load_predictor(place / "run0", True, ["cpu:0"]), place / "copy", data)
    assert len(list(place.glob("copy.nearest-*.npy"))) == 2
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match=r"nearest-.* is (damaged|not the index).*; remove it, and it is made again"):
        open_index(predictor, place / "copy", data)


def test_an_index_that_the_disk_has_no_room_for_is_not_begun(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(place / "store", tmp_path / "store")
    data = open_dataset(tmp_path / "store")
    predictor = load_predictor(place / "run1", True, ["cpu:0"])
    size = 36 * predictor.units * 4
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=size - 1))
        with pytest.raises(ClaimError, match=r"nearest-.*\.npy would take 0 MB, and the disk has 0 MB free; make room"):
            open_index(predictor, tmp_path / "store", data)
    assert [each.name for each in tmp_path.iterdir()] == ["store"]
    open_index(predictor, tmp_path / "store", data)
    (path,) = tmp_path.glob("store.nearest-*.npy")
    assert f"into {path}, once, which will take 0 MB" in capsys.readouterr().err
    assert size < path.stat().st_size < size + 200
