"""Pictures to train on for a second, and networks that were."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet import train
from alexnet.data import open_dataset
from alexnet.data.store.preparation import prepare


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes, dark and bright, 12 training and 4 validation pictures each."""
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for name, light in (("dark", 60), ("bright", 190)):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = np.clip(random.normal(light, 30, (40, 50, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "pictures"


@pytest.fixture
def cifar_folder(tmp_path: Path) -> Path:
    """Seven records a batch, the pixels random; record i of a batch has the label i."""
    folder = tmp_path / "cifar"
    folder.mkdir()
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        records = np.random.default_rng(len(list(folder.iterdir()))).integers(0, 256, (7, 3073), dtype=np.uint8)
        records[:, 0] = range(7)
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    return folder


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    """Twenty digits to learn and as many to test, noise of 14 pixels by 20 on black."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    draws = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images = np.zeros((20, 28, 28), np.uint8)
        images[:, 4:24, 7:21] = draws.integers(1, 256, (20, 20, 14))
        images_header, labels_header = struct.pack(">4I", 2051, 20, 28, 28), struct.pack(">2I", 2049, 20)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images_header + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels_header + bytes(range(10)) * 2)
    return folder


@pytest.fixture
def save_image():
    """Write a plain picture of one colour."""

    def save(path, size=(12, 10), colour=(200, 100, 50), mode="RGB", **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, colour).save(path, **options)
        return path

    return save


@pytest.fixture
def class_folders(tmp_path, save_image):
    """cat/ with 20 pictures and dog/ with 3, each picture of a colour of its own."""
    for name, count in (("cat", 20), ("dog", 3)):
        for number in range(count):
            save_image(tmp_path / "pets" / name / f"{number:02}.png", colour=(number, count, 7))
    return tmp_path / "pets"


CLASSES = ("n1", "n2", "n3", "n4", "n5", "n6")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures of six colours, a store of them, and two runs of a very small AlexNet."""
    folder = tmp_path_factory.mktemp("place")
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for label, name in enumerate(CLASSES):
            into = folder / "pictures" / split / name
            into.mkdir(parents=True)
            for number in range(count):
                pixels = random.normal(30 + 40 * label, 15, (80, 90, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(into / f"{number}.png")
    (folder / "pictures" / "synset_words.txt").write_text("\n".join(f"{name} word {name}, other" for name in CLASSES))
    prepare(open_dataset(folder / "pictures"), folder / "store", 1, size=72)
    with pytest.MonkeyPatch.context() as patch:
        shapes = train.RECIPES["shapes"]
        options = {**shapes.network_options, "width": 1 / 16}
        patch.setitem(train.RECIPES, "shapes", replace(shapes, network_options=options, batch_size=12))
        for seed in (0, 1):
            arguments = ["--data", folder / "store", "--epochs", 1, "--seed", seed, "--out", folder / f"run{seed}"]
            assert train.main([str(each) for each in arguments]) == 0
    return folder
