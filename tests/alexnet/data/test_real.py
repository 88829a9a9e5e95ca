"""Real data, where somebody has put them: a folder `shared/datasets` beside the checkout, or MINIGRAD_DATASETS."""

import csv
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from alexnet.data import open_dataset, rescale
from alexnet.data.formats.images import decode
from alexnet.data.sets.ilsvrc import _devkit, _synsets

FOLDER = Path(os.environ.get("MINIGRAD_DATASETS", Path(__file__).parents[4] / "shared" / "datasets"))


def real(name):
    """The path of one of the data sets."""
    if not (FOLDER / name).exists():
        pytest.skip(f"{FOLDER / name} is not there")
    return FOLDER / name


@pytest.fixture
def originals():
    """60 photographs of ILSVRC-2012 as they were distributed, and what is known of each."""
    with tarfile.open(real("imagenet-sample.tar")) as tar:
        files = {member.name.rpartition("/")[2]: tar.extractfile(member).read() for member in tar if member.isfile()}
    rows = csv.DictReader(io.StringIO(files["labels.csv"].decode()))
    return [(row, files[row["file"]]) for row in rows]


def plain(content, reduced):
    """The rule of section 2 in plain Pillow: shorter side to 256, centre 256 x 256, upright, RGB."""
    image = Image.open(io.BytesIO(content))
    if reduced:
        image.draft(None, (512, 512))
    image = ImageOps.exif_transpose(image).convert("RGB")
    factor = 256 / min(image.size)
    size = tuple(int(side * factor + 0.5) for side in image.size)
    image = image.resize(size, Image.Resampling.BICUBIC) if size != image.size else image
    left, top = (size[0] - 256) // 2, (size[1] - 256) // 2
    return np.asarray(image.crop((left, top, left + 256, top + 256)))


def test_photographs_are_rescaled_as_plain_pillow_does(originals):
    assert len(originals) == 60 and sum(row["mode"] == "L" for row, _ in originals) >= 6
    differences = []
    for row, content in originals:
        found = rescale(decode(content, row["file"], 256), 256).transpose(1, 2, 0)
        assert np.array_equal(found, plain(content, reduced=True)), row["file"]
        whole = plain(content, reduced=False)
        if min(int(row["width"]), int(row["height"])) < 1024:  # nothing to gain: decoded whole
            assert np.array_equal(found, whole)
        else:
            differences.append(np.abs(found.astype(int) - whole).mean())
    assert differences and 0 < max(differences) < 1  # of 255 grey levels


def test_the_three_orders_of_the_devkit(originals):
    synsets = _synsets(_devkit(real("ilsvrc2012-devkit").parent), FOLDER)
    assert len(synsets.wnids) == 1000 and synsets.words[synsets.wnids[1]].startswith("kit fox")
    ordered = sorted(synsets.wnids.values())
    for row, _ in originals:
        assert synsets.wnids[int(row["ILSVRC2012_ID"])] == row["wnid"] == ordered[int(row["index0_sorted"])]
        assert synsets.words[row["wnid"]] == row["words"]


def test_mnist_is_whole():
    data = open_dataset(real("mnist"))
    assert (len(data.train), len(data.val)) == (60_000, 10_000)
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(data.val.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.slow  # unpacks 180 MB
def test_cifar_10_is_whole():
    data = open_dataset(real("cifar-10-binary.tar.xz"))
    assert (len(data.train), len(data.val)) == (50_000, 10_000)
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    assert data.classes[data.train.labels[0]] == "frog"
