"""The columns specialise (section 6.1): in every run one learns kernels of colour, the other kernels without."""

from __future__ import annotations

import numpy as np

from alexnet import figures
from alexnet.experiments.comparisons import difference_in_points, trained
from alexnet.experiments.dropout import SHORT
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table
from alexnet.experiments.figure3 import chroma
from alexnet.run.folder import RunError
from alexnet.run.trained import load_predictor

__all__ = ["SPECIALISE"]

DEALS = 10_000  # of all kernels to the columns by chance


def judge(runs: Runs) -> Judgement:
    """How far the columns are apart in the share of colour, less how far kernels dealt to them by chance would be."""
    rows, gained, drawn = [], [], {}
    for trial in trained(runs, runs.experiment.arms[0]):
        columns = figures.first_filters(load_predictor(trial.folder.path, False, runs.devices).model)
        if any(weights.shape[1] != 3 for _, weights in columns):
            raise RunError(f"{trial.folder.path} has seen no red, green and blue; {SPECIALISE.name} needs photographs")
        one, other = (chroma(weights) for _, weights in columns)
        apart, dealt = 100 * abs(one.mean() - other.mean()), 100 * by_chance(one, other, trial.seed)
        gained.append(float(apart - dealt.mean()))
        means = [f"{100 * each.mean():.1f} %" for each in (one, other)]
        rows.append([str(trial.seed), *means, f"{apart:.1f} points", f"{100 * (dealt >= apart).mean():.1f} %"])
        drawn[f"filters-seed-{trial.seed}"] = figures.filters(columns)
    findings = difference_in_points(
        "difference of the columns' mean share of colour less that of kernels dealt by chance",
        '"during every run": more',
        None,
        gained,
    )
    head = ("seed", "colour in column 0", "in column 1", "apart", "chance deals at least as far apart")
    return Judgement(findings, [Table("Mean share of the kernels' energy that is in colour", head, rows)], drawn)


def by_chance(one: np.ndarray, other: np.ndarray, seed: int) -> np.ndarray:
    """How far the means of two groups are apart when their members are dealt anew: float (DEALS,)."""
    every = np.concatenate([one, other])
    dealt = np.random.default_rng(seed).permuted(np.tile(every, (DEALS, 1)), axis=1)
    return np.asarray(np.abs(dealt[:, : one.size].mean(axis=1) - dealt[:, one.size :].mean(axis=1)))


SPECIALISE = Experiment(
    name="specialise",
    claim="in every run one column learns colours, the other shapes",
    section="6.1, Figure 3",
    paper='"The kernels on GPU 1 are largely color-agnostic, while the kernels on GPU 2 are largely color-specific. '
    "This kind of specialization occurs during every run and is independent of any particular random weight "
    'initialization (modulo a renumbering of the GPUs)."',
    pictures=9_469,
    arms=(Arm("columns", "small", SHORT),),
    judge=judge,
    seeds=5,
)
