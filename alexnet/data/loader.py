"""Batches for training and evaluation, made ahead by threads."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from alexnet.data.ahead import made_ahead
from alexnet.data.augmentation import Augmentation, augment
from alexnet.data.keyed import SHUFFLE, permutation
from alexnet.data.rescaling import RescaledSplit
from alexnet.data.splits import DataError
from alexnet.data.statistics import Statistics

__all__ = ["Loader"]

Batch = tuple[np.ndarray, np.ndarray]


class Loader:
    """The batches of a split, epoch by epoch.

    Training shuffles by (seed, epoch) and augments; evaluation keeps the order and takes centre crops. The numbers are
    the same for any number of workers.

    Args:
        split: the pictures.
        augmentation: what is done to them.
        statistics: of the training set, also where `split` is the validation set.
        batch_size: positive; an epoch's last batch may be smaller.
        seed: of shuffling and augmentation.
        workers: threads that make batches ahead; at most workers + 2 batches are in flight.
        training: whether to shuffle and augment.
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

        def make(first: int) -> Batch:
            indices = order[first : first + self.batch_size]
            images = self.split.batch(indices)
            draws = self._draws(first, indices)
            made = augment(images, indices, epoch, self.seed, self.augmentation, self.statistics, self.training, draws)
            return made, np.asarray(self.split.labels[indices])

        yield from made_ahead(make, range(start * self.batch_size, len(order), self.batch_size), self.workers)
