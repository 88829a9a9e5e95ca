"""Small data sets written to disk, and a cache folder that no other test has seen."""

import gzip
import io
import struct
import tarfile

import numpy as np
import pytest

from alexnet.data import RescaledSplit
from alexnet.data.splits import ArraySplit


@pytest.fixture(autouse=True)
def own_folder(cache):
    """What is measured on data is measured by each test."""


@pytest.fixture
def cifar_archive(cifar_folder, tmp_path):
    """The same files in a folder inside an archive of a given kind."""

    def pack(ending, mode):
        path = tmp_path / f"cifar-10-binary{ending}"
        with tarfile.open(path, mode) as tar:
            for file in sorted(cifar_folder.iterdir()):
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{file.name}")
                member.size = file.stat().st_size
                tar.addfile(member, io.BytesIO(file.read_bytes()))
        return path

    return pack


@pytest.fixture
def mnist_folder(tmp_path):
    """Five training and three test pictures; the test files are gzipped."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, count, suffix in (("train", 5, ""), ("t10k", 3, ".gz")):
        pixels = np.random.default_rng(count).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files = {
            f"{part}-images-idx3-ubyte": struct.pack(">4I", 2051, count, 28, 28) + pixels.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">2I", 2049, count) + bytes(range(count)),
        }
        for name, content in files.items():
            (folder / (name + suffix)).write_bytes(gzip.compress(content) if suffix else content)
    return folder


@pytest.fixture
def random_split():
    """A rescaled split of random pictures."""

    def make(count=10, channels=3, size=8, seed=0):
        pixels = np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
        return RescaledSplit(ArraySplit(pixels, np.arange(count) % 10), size)

    return make
