"""What experiments that compare errors have in common: errors on the test pictures, and a finding of differences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alexnet.data import Split
from alexnet.experiments.experiment import Arm, Finding, Runs, Trial
from alexnet.experiments.statistics import Difference, binomial_interval, spread
from alexnet.inference.predictor import probabilities_of
from alexnet.run.trained import load_predictor
from alexnet.scores import Errors, errors

__all__ = ["difference_in_points", "error_in_words", "test_errors", "test_probabilities", "trained"]


def trained(runs: Runs, arm: Arm) -> list[Trial]:
    """The trials of an arm that are measured and at their end."""
    return [trial for trial in runs.seeded(arm) if trial.over() and not trial.diverged]


def test_probabilities(runs: Runs, trial: Trial, split: Split, views: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """What the latest checkpoint says of pictures, for the best was perhaps chosen by them.

    Returns:
        float32 (n, classes); which could be read, bool (n,).
    """
    probabilities, read, _ = probabilities_of(load_predictor(trial.folder.path, False, runs.devices), split, views)
    return probabilities, read


def test_errors(runs: Runs, trial: Trial, split: Split, views: int = 1) -> Errors:
    """The errors of that."""
    probabilities, read = test_probabilities(runs, trial, split, views)
    return errors(probabilities[read], split.labels[read])


def error_in_words(found: Errors) -> str:
    """The top-1 error with its 95 % interval."""
    low, high = (100 * share for share in binomial_interval(found.top1, found.count))
    return f"{found.top1_percent:.2f} % ({low:.2f} to {high:.2f})"


def difference_in_points(what: str, said: str, paper: float | None, differences: Sequence[float]) -> Finding:
    """A finding of differences in points of percent, one for each seed.

    Args:
        what: is the difference of what.
        said: by the paper.
        paper: the same as a number, None for the sign alone.
        differences: of the sign for which the paper's is above 0.
    """
    difference = Difference(tuple(differences), paper)
    mean, deviation = spread(differences)
    measured = f"{mean:.2f} points, one seed"
    if len(differences) > 1:
        low, high = difference.interval
        measured = f"{mean:.2f} +- {deviation:.2f} points (95 %: {low:.2f} to {high:.2f}), {len(differences)} seeds"
    return Finding(what, said, measured, difference.sentence)
