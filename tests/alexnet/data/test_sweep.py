"""The one loop over a split: order, centres, pictures that cannot be read, and its end."""

import numpy as np
import pytest

from alexnet.data import DataError, RescaledSplit, open_dataset
from alexnet.data.splits import ArraySplit
from alexnet.data.sweep import Sweep, centre_sweep


def pictures(count, size=8):
    pixels = np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return RescaledSplit(ArraySplit(pixels, np.arange(count) % 10), size)


@pytest.mark.parametrize("workers", [1, 3])
def test_it_hands_out_the_centres_in_order(workers):
    split = pictures(12)
    statistics = split.statistics()
    sweep = centre_sweep(split, 6, statistics, batch_size=5, workers=workers)
    indices, images = (np.concatenate(parts) for parts in zip(*sweep.batches(), strict=True))
    assert len(sweep) == 3 and indices.tolist() == list(range(12))
    centre = split.batch(np.arange(12))[:, :, 1:7, 1:7]
    assert np.array_equal(images, centre - statistics.mean[:, 1:7, 1:7])


@pytest.fixture
def broken(class_folders):
    """Class folders of which the first four training pictures but one are broken."""
    data = open_dataset(class_folders)
    files = [data.train.files[index] for index in (0, 1, 2, 4)]
    for file in files:
        (class_folders / file).write_bytes(b"broken")
    return data.train, files


def test_a_broken_picture_is_left_out_and_told_before_its_batch(broken, monkeypatch):
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", 0.5)
    split, files = broken
    told, seen = [], []
    for indices, images in Sweep(RescaledSplit(split, 8), 3, left_out=told.append).batches():
        assert len(indices) == len(images)
        seen.append((indices.tolist(), len(told)))
    assert [each.image for each in told] == files and not any(each.replacement for each in told)
    assert all(file in each.reason for file, each in zip(files, told, strict=True))
    assert seen[:2] == [([3, 5], 4), ([6, 7, 8], 4)]  # of the first batch nothing is left
    assert [index for indices, _ in seen for index in indices] == [3, *range(5, len(split))]


@pytest.mark.parametrize(("share", "last"), [(0.1, 2), (0.0, 0)])
def test_too_many_broken_pictures_end_it(broken, monkeypatch, share, last):
    monkeypatch.setattr("alexnet.data.reading.REJECTED_SHARE", share)
    split, files = broken
    told = []
    expected = rf"{last + 1} of {len(split)} pictures could not be read, more than .* the last: .*{files[last]}"
    with pytest.raises(DataError, match=expected):
        list(Sweep(RescaledSplit(split, 8), 3, left_out=told.append).batches())
    assert [each.image for each in told] == files[: last + 1]


def test_what_goes_wrong_in_a_worker_comes_out_at_its_batch():
    def make(images):
        if images[0, 0, 0, 0] == first:
            raise MemoryError("all")
        return images[:, 0]

    split = pictures(12)
    first = split.batch(np.array([6]))[0, 0, 0, 0]
    batches = Sweep(split, 3, make=make).batches()
    assert [next(batches)[1].shape for _ in range(2)] == [(3, 8, 8)] * 2
    with pytest.raises(MemoryError):
        next(batches)
    assert next(batches, None) is None
