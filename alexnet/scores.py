"""Top-1 and top-5 error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Errors", "errors"]

SORTED_AT_ONCE = 4096  # pictures whose scores are sorted


@dataclass(frozen=True)
class Errors:
    """How often the right label is not the first, and not among the first five.

    Attributes:
        top1, top5: how many pictures.
        count: of how many.
    """

    top1: int = 0
    top5: int = 0
    count: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.top1 + other.top1, self.top5 + other.top5, self.count + other.count)

    @property
    def top1_percent(self) -> float:
        """The top-1 error in percent."""
        return 100 * self.top1 / self.count

    @property
    def top5_percent(self) -> float:
        """The top-5 error in percent."""
        return 100 * self.top5 / self.count


def errors(scores: np.ndarray, labels: np.ndarray) -> Errors:
    """Count the errors of scores (n, classes) for labels (n,). Among equal scores the lower label comes first."""
    found = Errors()
    for start in range(0, len(labels), SORTED_AT_ONCE):
        rows = slice(start, start + SORTED_AT_ONCE)
        best = np.argsort(-scores[rows], axis=1, kind="stable")[:, :5] == labels[rows, np.newaxis]
        found += Errors(int(np.sum(~best[:, 0])), int(np.sum(~best.any(axis=1))), len(best))
    return found
