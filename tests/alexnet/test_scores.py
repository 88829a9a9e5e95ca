"""Top-1 and top-5 error against their definition."""

from __future__ import annotations

import numpy as np

from alexnet.scores import Errors, errors


def test_errors_against_their_definition() -> None:
    scores = np.random.default_rng(0).integers(0, 4, (300, 9)).astype(float)  # with many ties
    labels = np.random.default_rng(1).integers(0, 9, 300)
    wrong1 = wrong5 = 0
    for row, label in zip(scores, labels, strict=True):
        ranking = sorted(range(9), key=lambda other: (-row[other], other))
        wrong1 += ranking[0] != label
        wrong5 += label not in ranking[:5]
    assert errors(scores, labels) == Errors(wrong1, wrong5, 300)
    assert errors(scores[:100], labels[:100]) + errors(scores[100:], labels[100:]) == Errors(wrong1, wrong5, 300)
