"""One sweep over a split, batch by batch from its first picture to its last: how a network is evaluated and asked."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial

import numpy as np

from alexnet.data.ahead import made_ahead
from alexnet.data.augmentation import centre_view
from alexnet.data.reading import Rejected, check_share, read_batch
from alexnet.data.rescaling import RescaledSplit
from alexnet.data.statistics import Statistics

__all__ = ["BATCH", "WORKERS", "Sweep", "centre_sweep"]

BATCH = 128  # pictures
WORKERS = 2


class Sweep:
    """The pictures of a split, in order, in batches that threads make ahead.

    A picture that cannot be read is left out, and told of; where they are more than REJECTED_SHARE of the split, the
    sweep ends with an error.

    Args:
        pictures: the split, at the size that the network was trained on.
        batch_size: positive; the last batch may be smaller.
        workers: threads; any number gives the same.
        left_out: told of each picture that cannot be read, before the batch that it belongs to is handed out.
        make: what the workers make of the pictures of a batch, uint8 (b, C, size, size); they stay as they are if it is
            not given.
        part: which of the pictures; all if not given.
        turn: (first, step): only batches number first, first + step, ... are made.
    """

    def __init__(
        self,
        pictures: RescaledSplit,
        batch_size: int = BATCH,
        workers: int = WORKERS,
        left_out: Callable[[Rejected], object] = lambda rejected: None,
        make: Callable[[np.ndarray], np.ndarray] = lambda images: images,
        part: range | None = None,
        turn: tuple[int, int] = (0, 1),
    ) -> None:
        self.pictures, self.batch_size, self.workers = pictures, batch_size, workers
        self.left_out, self.make = left_out, make
        self.part = range(len(pictures)) if part is None else part
        self._starts = range(0, len(self.part), batch_size)[turn[0] :: turn[1]]

    def __len__(self) -> int:
        """Batches."""
        return len(self._starts)

    def number(self, picture: int) -> int:
        """Which batch a picture is in, of all that there are in the part."""
        return (picture - self.part.start) // self.batch_size

    def batches(self) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        """Go over the split once. Closing the iterator early stops the workers; what goes wrong in one is raised here.

        Yields:
            which pictures these are, int64 (b,), and what was made of them.

        Raises:
            DataError: too many pictures cannot be read.
        """

        def read(start: int) -> tuple[np.ndarray, np.ndarray | None, list[Rejected]]:
            part = self.part[start : start + self.batch_size]
            indices = np.arange(part.start, part.stop)
            images, readable, rejected = read_batch(self.pictures, indices)
            return indices[readable], self.make(images) if len(images) else None, rejected

        count = 0
        with closing(made_ahead(read, self._starts, self.workers)) as ahead:
            for indices, made, rejected in ahead:
                for each in rejected:
                    count += 1
                    self.left_out(each)
                    check_share(count, len(self.part), each)
                if made is not None:
                    yield indices, made


def centre_sweep(
    pictures: RescaledSplit,
    crop: int,
    statistics: Statistics,
    batch_size: int = BATCH,
    workers: int = WORKERS,
    left_out: Callable[[Rejected], object] = lambda rejected: None,
    part: range | None = None,
    turn: tuple[int, int] = (0, 1),
) -> Sweep:
    """A sweep over the centres of all pictures, or of a part, minus the mean: float32 (b, C, crop, crop)."""
    make = partial(centre_view, crop=crop, statistics=statistics)
    return Sweep(pictures, batch_size, workers, left_out, make, part, turn)
