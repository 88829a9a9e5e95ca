"""Where a run stands, and when its rate drops because the validation error has stopped improving (section 5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Progress"]

NEWER = {"rejected", "wrong"}  # which earlier versions did not save


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: the epoch under way, counted from 1.
        step: steps made so far, in all epochs.
        step_in_epoch: steps made in this epoch.
        loss_sum, seen: loss of the examples seen in this epoch, added up, and their number.
        wrong: how many of these were taken for another class; nan where an earlier version began the epoch.
        drops: how often the rate was divided because the validation error stood still.
        best_top1: lowest validation error so far, in percent.
        best_epoch: the epoch that reached it; 0 before the first.
        waited: epochs since then, or since the last drop.
        rejected: training pictures of this epoch that could not be read.
    """

    epoch: int = 1
    step: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0
    seen: int = 0
    wrong: float = 0.0
    drops: int = 0
    best_top1: float = math.inf
    best_epoch: int = 0
    waited: int = 0
    rejected: int = 0

    def judge(self, top1: float, patience: int, most_drops: int, learned: bool = False) -> bool:
        """Take the validation error of an epoch, in percent: whether it is the lowest so far.

        Where the validation pictures are `learned` too, their error decides nothing, and the latest epoch is the best.

        Section 5: "divide the learning rate by 10 when the validation error rate stopped improving". Here that is when
        so many epochs (0 for never) have passed without a lower one, and at most so often.
        """
        if learned:
            self.best_epoch = self.epoch
            return True
        if top1 < self.best_top1:
            self.best_top1, self.best_epoch, self.waited = top1, self.epoch, 0
            return True
        self.waited += 1
        if patience and self.waited >= patience and self.drops < most_drops:
            self.drops, self.waited = self.drops + 1, 0
        return False

    def arrays(self) -> dict[str, np.ndarray]:
        """By name, for a file."""
        return {name: np.array(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Progress:
        """What `arrays` gave.

        Raises:
            ValueError: a field is missing or unknown, or no single number.
        """
        types = {name: type(value) for name, value in vars(cls()).items()}
        only_new_missing = types.keys() - arrays.keys() <= NEWER
        if not only_new_missing or arrays.keys() - types.keys() or any(value.ndim for value in arrays.values()):
            raise ValueError("what it says of the run's progress is incomplete")
        found = cls(**{name: types[name](value.item()) for name, value in arrays.items()})
        if "wrong" not in arrays and found.seen:
            found.wrong = math.nan
        return found
