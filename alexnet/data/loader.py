"""Batches to train on, made ahead by threads."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import replace

import numpy as np

from alexnet.data.ahead import made_ahead
from alexnet.data.augmentation import Augmentation, augment
from alexnet.data.keyed import REPLACEMENT, words
from alexnet.data.reading import Rejected, read_batch
from alexnet.data.rescaling import RescaledSplit
from alexnet.data.sampler import Sampler
from alexnet.data.splits import DataError
from alexnet.data.statistics import Statistics

__all__ = ["Loader"]

Batch = tuple[np.ndarray, np.ndarray]


class Loader:
    """The batches of a training set, epoch by epoch: in the order of a sampler, and augmented.

    The numbers are the same for any number of workers. A picture that cannot be read is an error, unless somebody
    listens: then another is taken in its place, which depends on (seed, epoch, picture) alone.

    Args:
        split: the pictures.
        augmentation: what is done to them.
        statistics: of the training set.
        batch_size: positive; an epoch's last batch may be smaller.
        seed: of shuffling and augmentation.
        workers: threads that make batches ahead; at most workers + 2 batches are in flight.
        on_rejected: told of each picture that could not be read, before the batch that it belongs to is handed out.
        sampler: which pictures come when; all in each epoch, shuffled by (seed, epoch), if not given.
        rows: of a batch of so many pictures, those that are read; all if not given.
    """

    def __init__(
        self,
        split: RescaledSplit,
        augmentation: Augmentation,
        statistics: Statistics,
        batch_size: int,
        seed: int,
        workers: int = 2,
        on_rejected: Callable[[Rejected], None] | None = None,
        sampler: Sampler | None = None,
        rows: Callable[[int], range] = range,
    ) -> None:
        if batch_size < 1 or workers < 1:
            raise DataError(f"batch_size and workers are at least 1, got {batch_size} and {workers}")
        if augmentation.crop_group < 1:
            raise DataError(f"a crop is shared by 1 picture or more, got a crop_group of {augmentation.crop_group}")
        self.split = split
        self.augmentation = augmentation
        self.statistics = statistics
        self.batch_size = batch_size
        self.seed = seed
        self.workers = workers
        self.on_rejected = on_rejected
        self.sampler = sampler or Sampler((len(split),))
        self.rows = rows

    def __len__(self) -> int:
        """Batches in the first epoch; a sampler may let later ones have more."""
        return self.steps(1)

    def steps(self, epoch: int) -> int:
        """Batches in an epoch."""
        return self.sampler.steps(epoch, self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Which picture comes when in an epoch: int64 (n,)."""
        return self.sampler.order(epoch, self.seed)

    def _draws(self, first: int, rows: range, indices: np.ndarray) -> np.ndarray:
        """What the crops of a batch are keyed by: the pictures, or the place in the epoch where their group begins."""
        group = self.augmentation.crop_group
        return indices if group == 1 else first + np.array(rows) // group * group

    def batches(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """Batches number `start` and later of an epoch, in order, or the rows of them that are read.

        Closing the iterator early stops the workers; what goes wrong in one is raised here.

        Yields:
            images float32 (b, C, crop, crop) and labels int64 (b,).
        """
        order, bounds = self.order(epoch), self.sampler.minibatches(epoch, self.batch_size).tolist()
        report = self.on_rejected or (lambda rejected: None)

        def make(number: int) -> tuple[np.ndarray, np.ndarray, list[Rejected]]:
            first, end = bounds[number : number + 2]
            rows = self.rows(int(end - first))
            indices = order[first + rows.start : first + rows.stop]
            draws = self._draws(first, rows, indices)
            images, taken, rejected = self._read(indices, epoch)
            made = augment(images, indices, epoch, self.seed, self.augmentation, self.statistics, draws)
            return made, np.asarray(self.split.labels[taken]), rejected

        with closing(made_ahead(make, range(start, len(bounds) - 1), self.workers)) as ahead:
            for images, labels, rejected in ahead:
                for each in rejected:
                    report(each)
                yield images, labels

    def _read(self, indices: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray, list[Rejected]]:
        """The pictures of a batch; which each of them is; and what could not be read and was replaced."""
        images, readable, rejected = read_batch(self.split, indices)
        if not rejected:
            return images, indices, []
        if self.on_rejected is None:
            raise DataError(rejected[0].reason)
        pictures = np.empty((len(indices), *images.shape[1:]), np.uint8)
        pictures[readable] = images
        taken, replaced = indices.copy(), []
        for row, each in zip(np.flatnonzero(~readable).tolist(), rejected, strict=True):
            pictures[row], taken[row] = self._replacement(int(indices[row]), epoch, each.reason)
            replaced.append(replace(each, replacement=self.split.name(int(taken[row]))))
        return pictures, taken, replaced

    def _replacement(self, index: int, epoch: int, reason: str) -> tuple[np.ndarray, int]:
        """The first of four pictures, drawn for this one, that can be read, and which it is."""
        pictures = self.sampler.pictures(epoch)
        for word in words(self.seed, epoch, REPLACEMENT, np.array([index]))[0].tolist():
            other = int(pictures[word % len(pictures)])
            with suppress(DataError):
                return self.split.batch(np.array([other])), other
        raise DataError(f"{reason}; nor can the four be read that were drawn in its place")
