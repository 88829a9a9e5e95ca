"""Crops at random places and mirror images (section 4.1), against the centres of the pictures alone."""

from __future__ import annotations

from alexnet.experiments.comparisons import judged_by_overfitting
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs
from alexnet.experiments.views import TENTH

__all__ = ["CROPS"]


def judge(runs: Runs) -> Judgement:
    """Errors on test pictures, paired by seed; and training errors, which show who overfits."""
    said = '"without this scheme, our network suffers from substantial overfitting": more'
    return judged_by_overfitting(runs, "crops and mirrors", said)


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
