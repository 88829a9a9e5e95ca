"""Biases of 1 speed the start (section 5): fewer epochs until half of the training pictures are told, on drawn shapes.

A net that does not come so far counts with all epochs that it had.
"""

from __future__ import annotations

import math

from alexnet.experiments.comparisons import difference_in
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table, Trial

__all__ = ["BIASES"]

UNTIL = 50.0  # percent of training error; chance is 90


def judge(runs: Runs) -> Judgement:
    """Epochs until the threshold with biases of 0, less those with biases of 1, paired by seed."""
    ones, zeros = ([trial for trial in runs.seeded(arm) if trial.over()] for arm in runs.experiment.arms)
    first = {trial.seed: _epochs(trial) for trial in ones}
    findings = difference_in(
        "epochs",
        f"epochs until {UNTIL:g} % training error with biases of 0 less those with biases of 1",
        '"accelerates the early stages of learning": more',
        None,
        [_epochs(trial) - first[trial.seed] for trial in zeros if trial.seed in first],
    )
    rows = [
        [trial.arm.name, str(trial.seed), f"{_epochs(trial):.2f}" if trial.crossing() < math.inf else "never"]
        for trial in (*ones, *zeros)
    ]
    return Judgement(findings, [Table(f"Epochs until {UNTIL:g} % training error", ("biases", "seed", "epochs"), rows)])


def _epochs(trial: Trial) -> float:
    return min(trial.crossing(), trial.recipe.epochs)


BIASES = Experiment(
    name="biases",
    claim="biases of 1 speed the early stages of learning",
    section="5",
    paper='Biases of 1 in layers 2, 4 and 5 and in the fully-connected ones: "This initialization accelerates the '
    'early stages of learning by providing the ReLUs with positive inputs."',
    data="shapes",
    pictures=6_000,
    until=UNTIL,
    arms=(
        Arm("ones", "shapes"),
        Arm("zeros", "shapes", (("network_options.initial_bias", 0.0),)),
    ),
    judge=judge,
    seeds=5,
)
