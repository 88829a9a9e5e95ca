import threading
import time

import numpy as np
import pytest

from alexnet.data import Augmentation, DataError, Loader, RescaledSplit, Statistics, augment, open_dataset
from alexnet.data.keyed import REPLACEMENT, words
from alexnet.data.splits import ArraySplit

AUGMENTATION = Augmentation(6, colour_noise=0.1)


@pytest.fixture(autouse=True)
def no_threads_are_left():
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("data")]


def content(batches):
    return [(images.tobytes(), labels.tobytes()) for images, labels in batches]


def test_an_epoch_has_every_picture_once(random_split):
    split = random_split(count=23)
    split.labels = np.arange(23)
    loader = Loader(split, AUGMENTATION, split.statistics(), 5, seed=0)
    batches = list(loader.batches(0))
    assert len(loader) == len(batches) == 5
    assert [len(labels) for _, labels in batches] == [5, 5, 5, 5, 3]
    assert all(images.shape == (len(labels), 3, 6, 6) for images, labels in batches)
    assert batches[0][0].dtype == np.float32 and batches[0][1].dtype == np.int64
    order = np.concatenate([labels for _, labels in batches])
    assert sorted(order) == list(range(23)) and order.tolist() != list(range(23))
    other = np.concatenate([labels for _, labels in loader.batches(1)])
    assert sorted(other) == list(range(23)) and other.tolist() != order.tolist()


def test_any_number_of_workers_gives_the_same_bits(random_split):
    split = random_split(count=50)
    epochs = [
        content(Loader(split, AUGMENTATION, split.statistics(), 7, seed=4, workers=workers).batches(2))
        for workers in (1, 2, 5)
    ]
    assert epochs[0] == epochs[1] == epochs[2]
    assert content(Loader(split, AUGMENTATION, split.statistics(), 7, seed=5).batches(2)) != epochs[0]


def test_noise_ends_at_its_epoch(random_split):
    split = random_split(count=12)
    loaders = [
        Loader(split, Augmentation(6, colour_noise=0.1, noise_off_epoch=off), split.statistics(), 5, seed=0)
        for off in (0, 3, 1)
    ]
    always, ending, never = ([content(loader.batches(epoch)) for epoch in (1, 2, 3, 4)] for loader in loaders)
    assert ending == always[:2] + never[2:] and always[2:] != never[2:]


def test_starting_in_the_middle(random_split):
    split = random_split(count=23)
    loader = Loader(split, AUGMENTATION, split.statistics(), 5, seed=0)
    whole = content(loader.batches(4))
    for start in range(7):
        assert content(loader.batches(4, start)) == whole[start:]


def test_a_broken_picture_in_the_middle(class_folders):
    data = open_dataset(class_folders)
    split = RescaledSplit(data.train, 8)
    loader = Loader(split, AUGMENTATION, split.statistics(), 2, seed=0)
    broken = data.train.files[loader.order(1)[7]]  # in the fourth batch
    (class_folders / broken).write_bytes(b"broken")
    fresh = Loader(RescaledSplit(data.train, 8), AUGMENTATION, split.statistics(), 2, seed=0)
    batches = fresh.batches(1)
    for _ in range(3):
        next(batches)
    with pytest.raises(DataError, match=rf"{broken} cannot be read as an image"):
        next(batches)
    assert next(batches, None) is None


def with_broken(class_folders, broken, **more):
    """Batches of an epoch of class folders of which some pictures are broken, with what was rejected before each."""
    data = open_dataset(class_folders)
    statistics = RescaledSplit(data.train, 8).statistics()
    files = [data.train.files[index] for index in broken]
    for file in files:
        (class_folders / file).write_bytes(b"broken")
    rejected, seen = [], []
    loader = Loader(
        *(RescaledSplit(data.train, 8), AUGMENTATION, statistics, 3, 5),
        on_rejected=rejected.append,
        **more,
    )
    for images, labels in loader.batches(2):
        seen.append((images, labels, len(rejected)))
    return data.train, loader, files, rejected, seen


@pytest.mark.parametrize("workers", [1, 4])
def test_a_broken_picture_is_replaced_by_one_that_the_seed_chooses(class_folders, workers):
    """The others stay as they were, bit for bit; the replacement brings its own label and is cut as the broken one."""
    data = open_dataset(class_folders)
    whole = RescaledSplit(data.train, 8)
    order = Loader(whole, AUGMENTATION, whole.statistics(), 3, 5).order(2)
    before = list(Loader(whole, AUGMENTATION, whole.statistics(), 3, 5).batches(2))
    split, _, files, rejected, seen = with_broken(class_folders, order[[1, 7]], workers=workers)
    assert [each.image for each in rejected] == files
    assert all(file in each.reason for file, each in zip(files, rejected, strict=True))
    assert [count for *_, count in seen][:4] == [1, 1, 2, 2]
    for place, each in zip((1, 7), rejected, strict=True):
        drawn = words(5, 2, REPLACEMENT, order[place : place + 1])[0] % len(split)
        other = next(index for index in drawn if split.files[index] not in files)
        assert split.name(other) == each.replacement
        images, labels, _ = seen[place // 3]
        pixels = RescaledSplit(split, 8).batch(np.array([other]))
        cut = augment(pixels, order[place : place + 1], 2, 5, AUGMENTATION, whole.statistics())[0]
        assert np.array_equal(images[place % 3], cut) and labels[place % 3] == split.labels[other]
    for place in set(range(len(split))) - {1, 7}:
        assert np.array_equal(seen[place // 3][0][place % 3], before[place // 3][0][place % 3])


def test_where_replacements_are_broken_too_it_ends(class_folders):
    with pytest.raises(DataError, match=r"cannot be read as an image .*; nor can the four be read that were drawn"):
        with_broken(class_folders, range(len(open_dataset(class_folders).train)))


class Dead:
    """A split that cannot be read for another reason than its pictures."""

    size, channels, labels = 8, 3, np.zeros(100, np.int64)

    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 100

    def batch(self, indices):
        if 50 in indices:
            raise self.error
        return np.zeros((len(indices), 3, 8, 8), np.uint8)


@pytest.mark.parametrize("error", [MemoryError("all"), OSError(5, "Input/output error"), KeyError(1), SystemExit(3)])
@pytest.mark.parametrize("workers", [1, 3])
def test_whatever_ends_a_worker_comes_out_at_its_batch(error, workers):
    statistics = Statistics(np.zeros((3, 8, 8), np.float32), None, None)
    loader = Loader(Dead(error), Augmentation(8), statistics, 10, 0, workers, on_rejected=lambda each: None)
    batches = loader.batches(0)
    for _ in range(int(np.flatnonzero(loader.order(0) == 50)[0]) // 10):
        next(batches)
    with pytest.raises(type(error)) as found:
        next(batches)
    assert found.value is error and next(batches, None) is None


class Slow:
    """A split that counts the batches asked of it and takes its time."""

    size, channels, labels = 8, 3, np.zeros(1000, np.int64)

    def __init__(self, seconds=0.02):
        self.seconds = seconds
        self.asked = 0

    def __len__(self):
        return 1000

    def batch(self, indices):
        self.asked += 1
        time.sleep(self.seconds)
        return np.zeros((len(indices), 3, 8, 8), np.uint8)


@pytest.mark.parametrize("interruption", [GeneratorExit, KeyboardInterrupt])
def test_stopping_early_stops_the_workers(interruption):
    statistics = Statistics(np.zeros((3, 8, 8), np.float32), None, None)
    slow = Slow()
    batches = Loader(slow, Augmentation(8), statistics, 1, seed=0, workers=2).batches(0)
    next(batches)
    with pytest.raises(interruption):
        batches.throw(interruption)
    assert slow.asked <= 1 + 4
    asked = slow.asked
    time.sleep(0.1)
    assert slow.asked == asked


def test_batches_that_wait_are_dropped():
    statistics = Statistics(np.zeros((3, 8, 8), np.float32), None, None)
    slow = Slow(seconds=0.2)
    batches = Loader(slow, Augmentation(8), statistics, 1, seed=0, workers=1).batches(0)
    next(batches)
    batches.close()
    assert slow.asked <= 2  # the one that was taken and the one under way


def test_at_most_workers_plus_two_batches_are_in_flight():
    statistics = Statistics(np.zeros((3, 8, 8), np.float32), None, None)
    slow = Slow()
    batches = Loader(slow, Augmentation(8), statistics, 1, seed=0, workers=3).batches(0)
    for taken in range(1, 4):
        next(batches)
        time.sleep(0.15)
        assert slow.asked == taken + 4  # one was taken; the next is asked for when the consumer comes back
    batches.close()


def test_bad_arguments(random_split):
    split = random_split()
    for sizes in ((0, 2), (5, 0)):
        with pytest.raises(DataError, match=rf"batch_size and workers are at least 1, got {sizes[0]} and {sizes[1]}"):
            Loader(split, AUGMENTATION, split.statistics(), sizes[0], seed=0, workers=sizes[1])
    with pytest.raises(DataError, match=r"a crop of 9 does not fit pictures of 8 x 8"):
        next(Loader(split, Augmentation(9), split.statistics(), 5, seed=0).batches(0))


def test_a_crop_for_each_group_of_a_batch():
    """One picture many times: what differs is the crop. Groups begin anew in each batch, whatever the workers."""
    pixels = np.broadcast_to(np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1), (50, 8, 8, 3))
    split = RescaledSplit(ArraySplit(pixels, np.zeros(50)), 8)
    statistics = Statistics(np.zeros((3, 8, 8), np.float32), None, None)
    augmentation = Augmentation(4, crop_group=3)
    batches = [images for images, _ in Loader(split, augmentation, statistics, 10, seed=1, workers=3).batches(0)]
    for images in batches:
        for start in range(0, 10, 3):
            group = images[start : start + 3]
            assert (group == group[0]).all()
    firsts = np.concatenate([images[::3] for images in batches]).reshape(20, -1)
    assert len(np.unique(firsts, axis=0)) > 10
    whole = content(Loader(split, augmentation, statistics, 10, seed=1).batches(0))
    assert content(Loader(split, augmentation, statistics, 10, seed=1).batches(0, 2)) == whole[2:]
    with pytest.raises(DataError, match=r"shared by 1 picture or more, got a crop_group of 0"):
        Loader(split, Augmentation(4, crop_group=0), statistics, 10, seed=1)
