import threading

import numpy as np
import pytest

from alexnet.data import DataError, RescaledSplit, open_dataset
from alexnet.data.sets.shapes import CLASSES, ShapesSplit


def test_classes_are_balanced_and_sizes_vary():
    split = ShapesSplit("train", 100)
    assert np.bincount(split.labels).tolist() == [10] * len(CLASSES)
    shapes = [split.image(index).shape for index in range(100)]
    assert all(72 <= side <= 128 for shape in shapes for side in shape[:2])
    assert {shape[2] for shape in shapes} == {3} and len(set(shapes)) > 90
    assert any(height > width for height, width, _ in shapes) and any(height < width for height, width, _ in shapes)
    assert split.image(0).dtype == np.uint8


def test_a_picture_depends_on_seed_part_and_index_alone():
    split = ShapesSplit("train", 30, seed=5)
    forward = [split.image(index).tobytes() for index in range(30)]
    backward = [ShapesSplit("train", 1000, seed=5).image(index).tobytes() for index in reversed(range(30))]
    assert forward == backward[::-1]
    drawn = {}
    threads = [
        threading.Thread(target=lambda part: drawn.update({i: split.image(i).tobytes() for i in part}), args=(part,))
        for part in (range(0, 30, 2), range(1, 30, 2))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [drawn[index] for index in range(30)] == forward

    others = [ShapesSplit("val", 30, seed=5).image(index).tobytes() for index in range(30)]
    others += [ShapesSplit("train", 30, seed=6).image(index).tobytes() for index in range(30)]
    assert len({*forward, *others}) == 90


def test_fingerprints():
    prints = [ShapesSplit(*arguments).fingerprint for arguments in (("train", 9), ("val", 9), ("train", 8))]
    prints.append(ShapesSplit("train", 9, 1).fingerprint)
    assert len(set(prints)) == 4 and ShapesSplit("train", 9).fingerprint == prints[0]


def test_bad_arguments():
    with pytest.raises(DataError, match=r"shapes are drawn in a positive number, got 0 for val; ask for 1 or more"):
        open_dataset("shapes", counts=(10, 0))
    with pytest.raises(DataError, match=r"the seed of shapes is an integer from 0 to 2\^63 - 1, got -1"):
        open_dataset("shapes", seed=-1)


@pytest.mark.slow
def test_a_linear_classifier_does_not_suffice():
    """Softmax regression on the pixels of 5,000 pictures errs on more than 40 % of fresh ones."""
    data = open_dataset("shapes", counts=(5000, 1000))
    train = RescaledSplit(data.train, 64).batch(np.arange(5000)).reshape(5000, -1).astype(np.float32)
    val = RescaledSplit(data.val, 64).batch(np.arange(1000)).reshape(1000, -1).astype(np.float32)
    mean = train.mean(axis=0)
    train, val = (train - mean) / 70, (val - mean) / 70
    one_hot = np.eye(10, dtype=np.float32)[data.train.labels]
    errors = []
    for decay in (0.01, 0.1, 1.0, 3.0):
        rng = np.random.default_rng(0)
        weight, velocity = np.zeros((train.shape[1], 10), np.float32), np.zeros((train.shape[1], 10), np.float32)
        for epoch in range(12):
            rate = 2e-4 if epoch < 8 else 2e-5
            for rows in np.split(rng.permutation(5000), 50):
                logits = train[rows] @ weight
                probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
                probabilities /= probabilities.sum(axis=1, keepdims=True)
                gradient = train[rows].T @ (probabilities - one_hot[rows]) / len(rows) + decay * weight
                velocity = 0.9 * velocity - rate * gradient
                weight += velocity
        errors.append(float(((val @ weight).argmax(axis=1) != data.val.labels).mean()))
    assert 0.4 < min(errors) < 0.89  # chance is 0.9: it does learn something
