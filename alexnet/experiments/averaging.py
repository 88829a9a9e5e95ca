"""Five nets that differ in their seed alone, averaged (Table 2), against one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from alexnet.data import Split
from alexnet.experiments.comparisons import difference_in_points, error_in_words, test_probabilities, trained
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table, Trial
from alexnet.run.folder import RunError
from alexnet.scores import errors

__all__ = ["AVERAGING"]

NETS = 5
POINTS = 2.6  # 40.7 % with one net, 38.1 % with five: top-1, ILSVRC-2012


def judge(runs: Runs) -> Judgement:
    """The error of each five nets together beside their errors alone; no net is in two fives."""
    trials = trained(runs, runs.experiment.arms[0])
    rows, gained = [], []
    for start in range(0, len(trials) - NETS + 1, NETS):
        five = trials[start : start + NETS]
        split = _common_pictures(runs, five)
        total, readable, alone = np.zeros((len(split), 1)), np.ones(len(split), bool), []
        for trial in five:
            probabilities, read = test_probabilities(runs, trial, split)
            total, readable = total + probabilities, readable & read
            alone.append(errors(probabilities[read], split.labels[read]).top1_percent)
        together = errors(total[readable], split.labels[readable])
        gained.append(fmean(alone) - together.top1_percent)
        seeds = f"{five[0].seed} to {five[-1].seed}"
        rows.append([seeds, ", ".join(f"{each:.2f}" for each in alone), error_in_words(together)])
    findings = difference_in_points(
        "mean error of five nets less that of their average", f"{POINTS} points (ImageNet)", POINTS, gained
    )
    head = ("seeds", "errors alone, %", "error of the average (95 %)")
    return Judgement(findings, [Table("Top-1 error on the test pictures", head, rows)])


def _common_pictures(runs: Runs, trials: Sequence[Trial]) -> Split:
    """Test pictures that none of the nets has learned.

    Raises:
        RunError: there are none, as the data are split anew for each seed.
    """
    split = runs.data(trials[0].seed).val
    if any(runs.data(trial.seed).val.fingerprint != split.fingerprint for trial in trials[1:]):
        raise RunError(
            f"each seed splits {runs.source} in its own way: one's test pictures are the other's training pictures; "
            "use data with a val/"
        )
    return split


AVERAGING = Experiment(
    name="averaging",
    claim="the average of five nets errs less than one",
    section="6, Table 2",
    paper="One net has 40.7 % top-1 error on the validation pictures of ILSVRC-2012, the average of five 38.1 %.",
    data="cifar-10",
    pictures=50_000,
    arms=(Arm("80sec", "cifar10-80sec"),),
    judge=judge,
    seeds=3 * NETS,
)
