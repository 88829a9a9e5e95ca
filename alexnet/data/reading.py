"""Pictures that cannot be read when their turn comes: what is said of one, and how many are too many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.data.rescaling import RescaledSplit
from alexnet.data.splits import DataError

__all__ = ["REJECTED_SHARE", "Rejected", "check_share", "read_batch"]

REJECTED_SHARE = 0.01  # of the pictures of an epoch or a split; where more cannot be read, the work stops


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


def read_batch(pictures: RescaledSplit, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Rejected]]:
    """Those pictures of a batch that can be read.

    Args:
        pictures: the split.
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
        count: of them so far, with the last.
        total: of how many pictures.
        last: of them.
        what: they are.
        when: as " in epoch 3".

    Raises:
        DataError: they are more than REJECTED_SHARE.
    """
    if count > REJECTED_SHARE * total:
        raise DataError(
            f"{count} of {total:,} {what} could not be read{when}, more than {100 * REJECTED_SHARE:g} %; the last: "
            f"{last.reason}"
        )
