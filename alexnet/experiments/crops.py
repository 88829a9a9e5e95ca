"""Crops at random places and mirror images (section 4.1), against the centres of the pictures alone."""

from __future__ import annotations

from alexnet.experiments.comparisons import (
    difference_in_points,
    differences,
    error_in_words,
    learned,
    test_errors,
    trained,
)
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table
from alexnet.experiments.views import TENTH

__all__ = ["CROPS"]


def judge(runs: Runs) -> Judgement:
    """Errors on test pictures, one view, paired by seed; and training errors, which show who overfits."""
    split = runs.data().val
    found = {arm.name: test_errors(runs, arm, split) for arm in runs.experiment.arms}
    rows = [
        [
            arm.name,
            str(trial.seed),
            error_in_words(found[arm.name][trial.seed]),
            f"{learned(trial):.2f} %",
        ]
        for arm in runs.experiment.arms
        for trial in trained(runs, arm)
    ]
    findings = difference_in_points(
        "test error without crops and mirrors less that with them",
        '"without this scheme, our network suffers from substantial overfitting": more',
        None,
        differences(found["centres"], found["crops"]),
    )
    head = ("pictures", "seed", "test error (95 %)", "training error in the last epoch")
    return Judgement(findings, [Table(f"Top-1 error on {len(split):,} test pictures, and in training", head, rows)])


CROPS = Experiment(
    name="crops",
    claim="crops and mirror images keep the net from overfitting",
    section="4.1",
    paper='Crops and mirror images enlarge the training set "by a factor of 2048"; "without this scheme, our network '
    'suffers from substantial overfitting".',
    data="cifar-10",
    pictures=50_000,
    arms=(
        Arm("crops", "cifar10-13pct", TENTH),
        Arm("centres", "cifar10-13pct", (*TENTH, ("augmentation.random_crop", False), ("augmentation.mirror", False))),
    ),
    judge=judge,
)
