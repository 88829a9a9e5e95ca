"""Batches for training and evaluation, made ahead by threads."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass

import numpy as np

from alexnet.data.ahead import made_ahead
from alexnet.data.augmentation import Augmentation, augment
from alexnet.data.keyed import REPLACEMENT, SHUFFLE, permutation, words
from alexnet.data.rescaling import RescaledSplit
from alexnet.data.splits import DataError
from alexnet.data.statistics import Statistics

__all__ = ["REJECTED_SHARE", "Loader", "Rejected"]

REJECTED_SHARE = 0.01  # of the pictures of a split or an epoch; where more cannot be read, the work stops

Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Rejected:
    """A picture that could not be read when its turn came.

    Attributes:
        image: its name in the split.
        reason: what was wrong, in a sentence.
        replacement: the name of the picture that was taken for it; None if there is none, as in evaluation.
    """

    image: str
    reason: str
    replacement: str | None = None


class Loader:
    """The batches of a split, epoch by epoch.

    Training shuffles by (seed, epoch) and augments; evaluation keeps the order and takes centre crops. The numbers are
    the same for any number of workers.

    A picture that cannot be read is an error, unless somebody listens: then training takes another in its place, which
    depends on (seed, epoch, picture) alone, and evaluation does without it.

    Args:
        split: the pictures.
        augmentation: what is done to them.
        statistics: of the training set, also where `split` is the validation set.
        batch_size: positive; an epoch's last batch may be smaller.
        seed: of shuffling and augmentation.
        workers: threads that make batches ahead; at most workers + 2 batches are in flight.
        training: whether to shuffle and augment.
        on_rejected: told of each picture that could not be read, before the batch that it belongs to is handed out.
    """

    def __init__(
        self,
        split: RescaledSplit,
        augmentation: Augmentation,
        statistics: Statistics,
        batch_size: int,
        seed: int,
        workers: int = 2,
        training: bool = True,
        on_rejected: Callable[[Rejected], None] | None = None,
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
        self.training = training
        self.on_rejected = on_rejected

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-len(self.split) // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Which picture comes when in an epoch: int64 (n,)."""
        count = len(self.split)
        return permutation(self.seed, epoch, SHUFFLE, count) if self.training else np.arange(count)

    def _draws(self, first: int, indices: np.ndarray) -> np.ndarray:
        """What the crops of a batch are keyed by: the pictures, or the place in the epoch where their group begins."""
        group = self.augmentation.crop_group
        return indices if group == 1 else first + np.arange(len(indices)) // group * group

    def batches(self, epoch: int, start: int = 0) -> Generator[Batch, None, None]:
        """Batches number `start` and later of an epoch, in order.

        Closing the iterator early stops the workers; what goes wrong in one is raised here.

        Yields:
            images float32 (b, C, crop, crop) and labels int64 (b,).
        """
        order = self.order(epoch)
        report = self.on_rejected or (lambda rejected: None)

        def make(first: int) -> tuple[np.ndarray, np.ndarray, list[Rejected]]:
            indices = order[first : first + self.batch_size]
            draws = self._draws(first, indices)
            images, taken, rejected = self._read(indices, epoch)
            kept = taken >= 0
            indices, taken, draws = indices[kept], taken[kept], draws[kept]
            made = augment(images, indices, epoch, self.seed, self.augmentation, self.statistics, self.training, draws)
            return made, np.asarray(self.split.labels[taken]), rejected

        firsts = range(start * self.batch_size, len(order), self.batch_size)
        with closing(made_ahead(make, firsts, self.workers)) as ahead:
            for images, labels, rejected in ahead:
                for each in rejected:
                    report(each)
                if len(labels):
                    yield images, labels

    def _read(self, indices: np.ndarray, epoch: int) -> tuple[np.ndarray, np.ndarray, list[Rejected]]:
        """The pictures of a batch; which each of them is, -1 where one is left out; and what could not be read."""
        try:
            return self.split.batch(indices), indices, []
        except DataError:
            if self.on_rejected is None:
                raise
        images = [np.empty((0, self.split.channels, self.split.size, self.split.size), dtype=np.uint8)]
        taken, rejected = indices.copy(), []
        for row, index in enumerate(indices.tolist()):
            try:
                images.append(self.split.batch(indices[row : row + 1]))
            except DataError as error:
                taken[row], replacement = -1, None
                if self.training:
                    picture, taken[row] = self._replacement(index, epoch, error)
                    images.append(picture)
                    replacement = self.split.name(int(taken[row]))
                rejected.append(Rejected(self.split.name(index), str(error), replacement))
        return np.concatenate(images), taken, rejected

    def _replacement(self, index: int, epoch: int, error: DataError) -> tuple[np.ndarray, int]:
        """The first of four pictures, drawn for this one, that can be read, and which it is."""
        for word in words(self.seed, epoch, REPLACEMENT, np.array([index]))[0].tolist():
            other = word % len(self.split)
            with suppress(DataError):
                return self.split.batch(np.array([other])), other
        raise DataError(f"{error}; nor can the four be read that were drawn in its place")
