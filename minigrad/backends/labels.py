"""What every backend asks of the labels of a loss."""

from __future__ import annotations

import numpy as np

__all__ = ["check_labels"]


def check_labels(labels: np.ndarray, classes: int) -> None:
    """Raise ValueError if a label is no class."""
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        n = int(outside[0])
        raise ValueError(
            f"cross_entropy: target {labels[n]} of example {n} is not a class; they are 0 to {classes - 1}"
        )
