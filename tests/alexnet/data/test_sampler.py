"""Which pictures come in an epoch, in which order, and how far a run is."""

from __future__ import annotations

import numpy as np
import pytest

from alexnet.data import Augmentation, DataError, Loader, RescaledSplit, Sampler, open_dataset
from alexnet.data.keyed import REPLACEMENT, SHUFFLE, permutation, words

CIFAR = (10_000,) * 5


def sizes(sampler: Sampler, epoch: int, batch_size: int) -> list[int]:
    return np.diff(sampler.minibatches(epoch, batch_size)).tolist()


def test_ten_thousand_pictures_make_79_minibatches_the_last_of_16() -> None:
    sampler = Sampler(CIFAR, in_file_order=True, held_out=5, all_from=101)
    assert sizes(sampler, 100, 128) == [*[128] * 78, 16] * 4
    assert sizes(sampler, 101, 128) == [*[128] * 78, 16] * 5
    assert [sampler.steps(epoch, 128) for epoch in (1, 100, 101, 160)] == [316, 316, 395, 395]
    assert sampler.steps_of(1, 160, 128) == 100 * 316 + 60 * 395
    assert sampler.steps_of(100, 101, 128) == 316 + 395 and sampler.steps_of(161, 160, 128) == 0
    assert sampler.batch_sizes(160, 128) == [16, 128]
    assert Sampler(CIFAR).batch_sizes(1, 128) == [80, 128]  # shuffled, of all 50,000


def test_the_order_of_the_files_is_kept_and_what_is_held_out_comes_later() -> None:
    sampler = Sampler((3, 4, 2), in_file_order=True, held_out=2, all_from=3)
    assert sampler.order(2, seed=5).tolist() == [0, 1, 2, 7, 8]
    assert sampler.order(3, seed=5).tolist() == list(range(9))
    assert list(sampler.held_out_pictures) == [3, 4, 5, 6]
    assert [sampler.count(epoch) for epoch in (1, 2, 3)] == [5, 5, 9]
    assert Sampler((3, 4, 2), held_out=2).count(10**9) == 5


def test_what_is_held_out_is_shuffled_in_with_the_others_later() -> None:
    sampler = Sampler((30, 40, 20), held_out=3, all_from=2)
    first, second = sampler.order(1, seed=0), sampler.order(2, seed=0)
    assert sorted(first) == list(range(70)) and sorted(second) == list(range(90))
    assert first.tolist() == permutation(0, 1, SHUFFLE, 70).tolist() != sorted(first)


def test_steps_know_their_data_batch() -> None:
    in_order = Sampler((3, 4, 2), in_file_order=True, held_out=1)
    assert in_order.data_batch_of_steps(1, 3).tolist() == [1, 1, 2]
    shuffled = Sampler((3, 4, 2))
    assert shuffled.data_batch_of_steps(1, 2).tolist() == [1, 1, 2, 2, 3]


def test_progress_is_that_of_cuda_convnet() -> None:
    """(data batches done - 1) / (epochs x data batches), the one under way among those done."""
    sampler = Sampler(CIFAR, in_file_order=True)
    assert [sampler.progress(1, number, 10) for number in (1, 2, 5)] == [0, 1 / 50, 4 / 50]
    assert sampler.progress(2, 1, 10) == 5 / 50 and sampler.progress(10, 5, 10) == 49 / 50
    staged = Sampler(CIFAR, in_file_order=True, held_out=5, all_from=3)
    assert [staged.progress(*where, 4) for where in ((1, 1), (2, 4), (3, 1), (4, 5))] == [0, 7 / 18, 8 / 18, 17 / 18]


def test_a_run_of_more_epochs_than_can_be_counted_is_no_matter() -> None:
    sampler = Sampler(CIFAR, in_file_order=True, held_out=5, all_from=101)
    assert sampler.steps_of(1, 10**18 - 1, 128) == 100 * 316 + (10**18 - 101) * 395
    assert sampler.progress(1, 2, 10**18 - 1) == pytest.approx(2e-19)


@pytest.mark.parametrize(("data_batches", "held_out"), [((5,), 1), ((5, 5), 3)])
def test_a_data_batch_that_there_is_not_is_one_sentence(data_batches: tuple[int, ...], held_out: int) -> None:
    with pytest.raises(
        DataError, match=f"validation_batch is {held_out}, and the .* not a store of them, which has one data batch"
    ):
        Sampler(data_batches, held_out=held_out)


def test_batches_in_file_order_are_cut_by_their_place_in_the_split(cifar_folder) -> None:
    """A crop depends on the picture, not on the order in which pictures come or on which are held out."""
    split = RescaledSplit(open_dataset(cifar_folder).train, 32)
    statistics, augmentation = split.statistics(), Augmentation(24)
    loaders = [
        Loader(split, augmentation, statistics, 4, seed=3, sampler=Sampler((7,) * 5, True, held_out))
        for held_out in (0, 2)
    ]
    every, four = (list(loader.batches(1)) for loader in loaders)
    assert [len(labels) for _, labels in every] == [4, 3] * 5 and len(loaders[0]) == 10
    assert np.concatenate([labels for _, labels in every]).tolist() == [*range(7)] * 5
    for (images, labels), (expected, known) in zip(four, every[:2] + every[4:], strict=True):
        assert np.array_equal(images, expected) and np.array_equal(labels, known)
    for start in range(9):
        rest = list(loaders[1].batches(1, start))
        assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(rest, four[start:], strict=True))


def test_no_picture_that_is_held_out_replaces_a_broken_one(class_folders, monkeypatch) -> None:
    data = open_dataset(class_folders)
    split, count = RescaledSplit(data.train, 8), len(data.train)
    statistics = split.statistics()
    read = RescaledSplit.batch

    def broken(self, indices):
        if 0 in indices:
            raise DataError("broken")
        return read(self, indices)

    monkeypatch.setattr(RescaledSplit, "batch", broken)
    sampler, rejected = Sampler((2, count - 2), in_file_order=True, held_out=2), []
    loader = Loader(split, Augmentation(6), statistics, 2, 0, on_rejected=rejected.append, sampler=sampler)
    assert 1 in words(0, 1, REPLACEMENT, np.array([0]))[0] % 2
    list(loader.batches(1))
    assert rejected[0].replacement == split.name(1)
