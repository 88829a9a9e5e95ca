"""Which terms meet in the gradient of a selection: what was taken several times gets the sum of its gradients."""

from __future__ import annotations

import numpy as np

__all__ = ["groups_of"]


def groups_of(indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The places of an array of indices (in C order), grouped by the index that stands there.

    Returns:
        the places, group after group, those of a group in order; the index of each group; where each group starts
        among the places, and where the last one ends.
    """
    flat = indices.reshape(-1)
    places = np.argsort(flat, kind="stable")
    in_order = flat[places]
    edges = np.ones(flat.size + 1, bool)
    edges[1:-1] = in_order[1:] != in_order[:-1]
    starts = np.flatnonzero(edges)
    return places, in_order[starts[:-1]], starts
