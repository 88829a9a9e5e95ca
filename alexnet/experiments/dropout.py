"""Dropout in the fully-connected layers (section 4.2), on photographs of the user's, such as Imagenette."""

from __future__ import annotations

from alexnet.experiments.comparisons import judged_by_overfitting
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs

__all__ = ["DROPOUT"]

SHORT = (("epochs", 30), ("drop_epochs", (23, 28)))


def judge(runs: Runs) -> Judgement:
    """Errors on test pictures, paired by seed; and training errors, which show who overfits."""
    said = '"without dropout, our network exhibits substantial overfitting": more'
    return judged_by_overfitting(runs, "dropout", said)


DROPOUT = Experiment(
    name="dropout",
    claim="dropout keeps the net from overfitting",
    section="4.2",
    paper='"Without dropout, our network exhibits substantial overfitting. Dropout roughly doubles the number of '
    'iterations required to converge."',
    pictures=9_469,
    arms=(
        Arm("dropout", "small", SHORT),
        Arm("without", "small", (*SHORT, ("network_options.dropout", 0.0))),
    ),
    judge=judge,
)
