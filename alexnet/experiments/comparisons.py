"""What experiments that compare errors have in common: errors on the test pictures, and a finding of differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from alexnet.data import Split
from alexnet.experiments.experiment import Arm, Finding, Judgement, Runs, Table, Trial
from alexnet.experiments.statistics import Difference, binomial_interval, spread
from alexnet.inference.predictor import probabilities_of
from alexnet.run.trained import load_predictor
from alexnet.scores import Errors, errors

__all__ = [
    "difference_in",
    "difference_in_points",
    "differences",
    "error_in_words",
    "judged_by_overfitting",
    "judged_by_test_errors",
    "learned",
    "test_errors",
    "test_probabilities",
    "trained",
]


def trained(runs: Runs, arm: Arm) -> list[Trial]:
    """The trials of an arm that are measured and at their end."""
    return [trial for trial in runs.seeded(arm) if trial.over() and not trial.diverged]


def learned(trial: Trial) -> float:
    """The training error of the last epoch in percent, of minibatches before their steps."""
    return float(trial.lines()[-1]["train_top1"])


def test_probabilities(runs: Runs, trial: Trial, split: Split, views: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """What the latest checkpoint says of pictures, for the best was perhaps chosen by them.

    Returns:
        float32 (n, classes); which could be read, bool (n,).
    """
    probabilities, read, _ = probabilities_of(load_predictor(trial.folder.path, False, runs.devices), split, views)
    return probabilities, read


def test_errors(runs: Runs, arm: Arm, views: int = 1) -> dict[int, Errors]:
    """The errors of an arm by seed, each on the test pictures that its run has not trained on."""
    found = {}
    for trial in trained(runs, arm):
        split = runs.data(trial.seed).val
        probabilities, read = test_probabilities(runs, trial, split, views)
        found[trial.seed] = errors(probabilities[read], split.labels[read])
    return found


def differences(worse: Mapping[int, Errors], better: Mapping[int, Errors]) -> list[float]:
    """By how many points the top-1 error of one is above that of the other, for the seeds that both have."""
    return [worse[seed].top1_percent - better[seed].top1_percent for seed in worse if seed in better]


def judged_by_test_errors(
    runs: Runs, found: Sequence[Mapping[int, Errors]], said: Sequence[tuple[str, str]]
) -> Judgement:
    """Of arms of which the first has what the others lack.

    Args:
        runs: of the experiment.
        found: the test errors of each arm, by seed.
        said: for each arm but the first, what its error less that of the first is called, and what the paper says.
    """
    rows = [
        [arm.name, str(trial.seed), error_in_words(errors[trial.seed]), f"{learned(trial):.2f} %"]
        for arm, errors in zip(runs.experiment.arms, found, strict=True)
        for trial in trained(runs, arm)
    ]
    better, *others = found
    findings = [
        finding
        for worse, (what, says) in zip(others, said, strict=True)
        for finding in difference_in_points(what, says, None, differences(worse, better))
    ]
    head = ("arm", "seed", "test error (95 %)", "training error in the last epoch")
    return Judgement(findings, [Table("Top-1 error on test pictures, one view, and in training", head, rows)])


def judged_by_overfitting(runs: Runs, what: str, said: str) -> Judgement:
    """Of two arms, the first with something that is said to keep a net from overfitting, the second without it.

    Args:
        runs: of the experiment.
        what: keeps it.
        said: by the paper.
    """
    found = [test_errors(runs, arm) for arm in runs.experiment.arms]
    return judged_by_test_errors(runs, found, [(f"test error without {what} less that with", said)])


def error_in_words(found: Errors) -> str:
    """The top-1 error with its 95 % interval."""
    low, high = (100 * share for share in binomial_interval(found.top1, found.count))
    return f"{found.top1_percent:.2f} % ({low:.2f} to {high:.2f})"


def difference_in_points(what: str, said: str, paper: float | None, values: Sequence[float]) -> list[Finding]:
    """The finding of differences in points of percent, as `difference_in`."""
    return difference_in("points", what, said, paper, values)


def difference_in(
    unit: str, what: str, said: str, paper: float | None, values: Sequence[float], each: str = "seed"
) -> list[Finding]:
    """The finding of differences; none where there are none.

    Args:
        unit: of the values, in the plural.
        what: is the difference of what.
        said: by the paper.
        paper: the same as a number, None for the sign alone.
        values: of the sign for which the paper's is above 0.
        each: what there is one value for.
    """
    if not values:
        return []
    difference = Difference(tuple(values), paper)
    mean, deviation = spread(values)
    measured = f"{mean:.2f} {unit}, one {each}"
    if len(values) > 1:
        low, high = difference.interval
        measured = f"{mean:.2f} +- {deviation:.2f} {unit} (95 %: {low:.2f} to {high:.2f}), {len(values)} {each}s"
    return [Finding(what, said, measured, difference.sentence)]
