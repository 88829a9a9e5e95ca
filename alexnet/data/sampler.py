"""Which pictures of a training set come in an epoch, in which order, and where its minibatches end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.data.keyed import SHUFFLE, permutation
from alexnet.data.splits import DataError

__all__ = ["Sampler"]


@dataclass(frozen=True)
class Sampler:
    """The order of the pictures of a training set that consists of data batches, as cuda-convnet called its files.

    That program went through a range of them in order, in each from its first picture to its last, and a minibatch
    ended where its data batch ended: of 10,000 pictures and a batch size of 128, the 79th minibatch has 16.

    Attributes:
        data_batches: the number of pictures in each; they lie one after the other.
        in_file_order: as above; else the pictures of an epoch are shuffled, by seed and epoch.
        held_out: the data batch, counted from 1, that is not trained on; 0 for none.
        all_from: the epoch from which on it is trained on too, counted from 1; 0 for never.

    Raises:
        DataError: there is no such data batch, or none is left.
    """

    data_batches: tuple[int, ...]
    in_file_order: bool = False
    held_out: int = 0
    all_from: int = 0

    def __post_init__(self) -> None:
        """Raise DataError where there is nothing to train on, or to hold out."""
        count = len(self.data_batches)
        if self.held_out > count or (self.held_out and count == 1):
            raise DataError(
                f"validation_batch is {self.held_out}, and the training pictures come in {count} "
                f"data batch{'es' if count > 1 else ''}; take data of several files, as CIFAR-10, not a store of them, "
                "which has one data batch, or set it to 0"
            )

    @property
    def held_out_pictures(self) -> range:
        """The pictures of the data batch that is held out."""
        return self._range(self.held_out) if self.held_out else range(0)

    def _range(self, number: int) -> range:
        end = sum(self.data_batches[:number])
        return range(end - self.data_batches[number - 1], end)

    def numbers(self, epoch: int) -> list[int]:
        """The data batches that an epoch trains on, counted from 1."""
        held_out = 0 if 0 < self.all_from <= epoch else self.held_out
        return [number for number in range(1, len(self.data_batches) + 1) if number != held_out]

    def pictures(self, epoch: int) -> np.ndarray:
        """The pictures that an epoch trains on, in the order of the files: int64 (n,)."""
        return np.concatenate([np.arange(part.start, part.stop) for part in map(self._range, self.numbers(epoch))])

    def count(self, epoch: int) -> int:
        """How many they are."""
        return sum(self._lengths(epoch))

    def order(self, epoch: int, seed: int) -> np.ndarray:
        """The same in the order in which they come: int64 (n,)."""
        pictures = self.pictures(epoch)
        return pictures if self.in_file_order else pictures[permutation(seed, epoch, SHUFFLE, len(pictures))]

    def _lengths(self, epoch: int) -> list[int]:
        return [self.data_batches[number - 1] for number in self.numbers(epoch)]

    def _runs(self, epoch: int) -> list[int]:
        """The number of pictures in each run that is cut into minibatches by itself."""
        return self._lengths(epoch) if self.in_file_order else [self.count(epoch)]

    def steps(self, epoch: int, batch_size: int) -> int:
        """Minibatches in an epoch."""
        return sum(-(-run // batch_size) for run in self._runs(epoch))

    def steps_of(self, first: int, last: int, batch_size: int) -> int:
        """The same of all epochs from `first` to `last`."""
        return sum(self.steps(epoch, batch_size) * length for epoch, length in self.stretches(first, last))

    def minibatches(self, epoch: int, batch_size: int) -> np.ndarray:
        """Where the minibatches of an epoch begin in its order, and where the last ends: int64 (steps + 1,)."""
        ends, parts = np.cumsum(self._runs(epoch)), []
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            parts.append(np.arange(begin, end, batch_size))
        return np.concatenate([*parts, ends[-1:]])

    def batch_sizes(self, epochs: int, batch_size: int) -> list[int]:
        """The sizes that the minibatches of so many epochs have, each once."""
        firsts = [first for first, _ in self.stretches(1, epochs)]
        return sorted({int(size) for first in firsts for size in np.diff(self.minibatches(first, batch_size))})

    def data_batch_of_steps(self, epoch: int, batch_size: int) -> np.ndarray:
        """Which of the data batches of an epoch, counted from 1, each step is in: int64 (steps,).

        Where the pictures are shuffled, so many of them make a data batch as it has in the files.
        """
        firsts = self.minibatches(epoch, batch_size)[:-1]
        return 1 + np.searchsorted(np.cumsum(self._lengths(epoch)), firsts, side="right")

    def stretches(self, first: int, last: int) -> list[tuple[int, int]]:
        """The epochs from `first` to `last` as stretches of epochs of the same pictures: the first of each, its length.

        There may be more epochs than anybody could go through one by one.
        """
        change = max(first, self.all_from) if self.held_out and self.all_from else last + 1
        parts = range(first, min(change, last + 1)), range(change, last + 1)
        return [(part.start, len(part)) for part in parts if part]

    def progress(self, epoch: int, data_batch: int, epochs: int) -> float:
        """How much of a run is done, from 0 to 1, as cuda-convnet counted it for its schedules of learning rates.

        That is the data batches before this one over those of the whole run: it stays the same within a data batch.

        Args:
            epoch: counted from 1.
            data_batch: which of the epoch's it is, counted from 1.
            epochs: of the run.
        """
        before, whole = (
            sum(len(self.numbers(first)) * length for first, length in self.stretches(1, last))
            for last in (epoch - 1, epochs)
        )
        return min(1.0, (before + data_batch - 1) / whole)
