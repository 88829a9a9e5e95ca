import gzip
import struct

import numpy as np
import pytest

from alexnet.data import DataError, RescaledSplit, open_dataset

NAME = "smallnorb-5x46789x9x18x6x2x96x96-{}-{}.mat"


def matrix(array):
    magic = 0x1E3D4C55 if array.dtype == np.uint8 else 0x1E3D4C54
    sides = [*array.shape, 1, 1][: max(3, array.ndim)]  # a vector is written with three sides
    return struct.pack(f"<{2 + len(sides)}i", magic, array.ndim, *sides) + array.tobytes()


@pytest.fixture
def norb(tmp_path):
    """Six training and four testing pairs; the testing files are gzipped."""
    folder = tmp_path / "norb"
    folder.mkdir()
    for part, count in (("training", 6), ("testing", 4)):
        pairs = np.random.default_rng(count).integers(0, 256, (count, 2, 96, 96), dtype=np.uint8)
        for what, array in (("dat", pairs), ("cat", np.arange(count, dtype=np.int32) % 5)):
            path = folder / (NAME.format(part, what) + (".gz" if part == "testing" else ""))
            path.write_bytes(gzip.compress(matrix(array)) if part == "testing" else matrix(array))
    return folder


def test_pairs_are_two_channels(norb):
    data = open_dataset(norb)
    assert (data.name, data.channels, len(data.train), len(data.val)) == ("small-norb", 2, 6, 4)
    assert data.classes[0] == "four-legged animal" and data.train.labels.tolist() == [0, 1, 2, 3, 4, 0]
    pairs = np.random.default_rng(6).integers(0, 256, (6, 2, 96, 96), dtype=np.uint8)
    assert np.array_equal(data.train.image(3), pairs[3].transpose(1, 2, 0))
    assert np.array_equal(RescaledSplit(data.train, 96).batch(np.array([5, 1])), pairs[[5, 1]])
    smaller = RescaledSplit(data.train, 48)
    assert smaller.batch(np.array([2])).shape == (1, 2, 48, 48)
    assert smaller.statistics().mean.shape == (2, 48, 48) and smaller.statistics().component_std is None


def test_missing_and_damaged_files(norb):
    path = norb / NAME.format("training", "cat")
    whole = path.read_bytes()
    for content, words in (
        (whole[:-1], r"training-cat.mat should hold 6 numbers in 24 bytes after its header, but holds 23"),
        (whole[:10], r"training-cat.mat should hold"),
        (b"", r"training-cat.mat starts with 0x0, a matrix of this kind with 0x1e3d4c54"),
        (matrix(np.zeros(6, np.uint8)), r"training-cat.mat starts with 0x1e3d4c55"),
        (matrix(np.zeros(5, np.int32)), r"dat.mat holds 6 pairs but .*cat.mat \(5,\) labels"),
        (matrix(np.array([0, 1, 2, 5, 0, 0], np.int32)), r"cat.mat, record 3: the label is 5, labels go from 0 to 4"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=words):
            open_dataset(norb)
    path.unlink()
    with pytest.raises(DataError, match=r"has no smallnorb-...-training-cat.mat \(or the same with .gz\); add it"):
        open_dataset(norb)
    path.write_bytes(whole)
    packed = norb / (NAME.format("testing", "dat") + ".gz")
    packed.write_bytes(packed.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"testing-dat.mat.gz cannot be unpacked"):
        open_dataset(norb)
