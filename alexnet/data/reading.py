"""Pictures that cannot be read when their turn comes: what is said of one, and how many are too many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from alexnet.data.splits import DataError

__all__ = ["REJECTED_SHARE", "Pictures", "Rejected", "check_share", "read_batch"]

REJECTED_SHARE = 0.01  # of the pictures of an epoch or a split; where more cannot be read, the work stops


class Pictures(Protocol):
    """Pictures of one size, handed out by index, as `RescaledSplit` does."""

    channels: int
    size: int

    def __len__(self) -> int:
        """The number of pictures."""

    def name(self, index: int) -> str:
        """What to call picture `index` in a report."""

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """Pictures as uint8 (b, C, size, size).

        Raises:
            DataError: one cannot be read.
        """


@dataclass(frozen=True)
class Rejected:
    """A picture that could not be read.

    Attributes:
        image: its name in the split.
        reason: what was wrong, in a sentence.
        replacement: the name of the picture that was taken for it, in training; None if it was left out.
    """

    image: str
    reason: str
    replacement: str | None = None


def read_batch(pictures: Pictures, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Rejected]]:
    """Those pictures of a batch that can be read.

    Args:
        pictures: a split at one size.
        indices: integers (b,).

    Returns:
        the pictures, uint8 (r, C, size, size); which of the b they are, bool (b,); and for each of the others the
        reason, in order.
    """
    try:
        return pictures.batch(indices), np.ones(len(indices), bool), []
    except DataError:
        pass  # at least one: they are read one by one
    images = [np.empty((0, pictures.channels, pictures.size, pictures.size), np.uint8)]
    readable, rejected = np.zeros(len(indices), bool), []
    for row, index in enumerate(indices.tolist()):
        try:
            images.append(pictures.batch(indices[row : row + 1]))
            readable[row] = True
        except DataError as error:
            rejected.append(Rejected(pictures.name(index), str(error)))
    return np.concatenate(images), readable, rejected


def check_share(count: int, total: int, last: Rejected, what: str = "pictures", when: str = "") -> None:
    """Stop the work where too many pictures cannot be read.

    Args:
        count: how many pictures could not be read so far, the last included.
        total: how many pictures there are.
        last: the last that could not be read.
        what: the name of the pictures in the error.
        when: the end of that name, such as " in epoch 3".

    Raises:
        DataError: they are more than REJECTED_SHARE.
    """
    if count > REJECTED_SHARE * total:
        raise DataError(
            f"{count} of {total:,} {what} could not be read{when}, more than {100 * REJECTED_SHARE:g} %; the last: "
            f"{last.reason}"
        )
