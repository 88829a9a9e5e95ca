"""Figure 3: what the first layer learns, edges of many orientations and frequencies, and blobs of colour."""

from __future__ import annotations

import numpy as np

from alexnet import figures
from alexnet.experiments.experiment import Arm, Experiment, Finding, Judgement, Runs
from alexnet.experiments.statistics import TOO_SMALL
from alexnet.run.trained import load_predictor

__all__ = ["FIGURE3"]

GREY = np.full(3, 3**-0.5)  # the direction of colour space in which red, green and blue are equal


def judge(runs: Runs) -> Judgement:
    """The filters of each seed, and how much of them is colour."""
    drawn, shares = {}, []
    for trial in runs.seeded(runs.experiment.arms[0]):
        if trial.over() and not trial.diverged:
            filters = figures.first_filters(load_predictor(trial.folder.path, False, runs.devices).model)
            drawn[f"filters-seed-{trial.seed}"] = figures.filters(filters)
            shares += [chroma(weights) for _, weights in filters]
    if not shares:
        return Judgement(())
    every = np.concatenate(shares)
    measured = (
        f"of {every.size} filters {(every < 0.1).sum()} have less than 10 % of their energy in colour, "
        f"{(every > 0.5).sum()} more than half"
    )
    found = Finding("filters of layer 1", "edges without colour, and blobs of colour", measured, f"{TOO_SMALL}: look")
    return Judgement([found], figures=drawn)


def chroma(weights: np.ndarray) -> np.ndarray:
    """The share of the energy of filters (K, 3, KH, KW) that is not in equal red, green and blue: float (K,)."""
    energy = (weights**2).sum(axis=(1, 2, 3))
    grey = (np.einsum("kchw,c->khw", weights, GREY) ** 2).sum(axis=(1, 2))
    return np.asarray(1 - grey / np.where(energy > 0, energy, 1))


FIGURE3 = Experiment(
    name="figure3",
    claim="the first layer learns edges, frequencies and blobs of colour",
    section="6.1, Figure 3",
    paper='"The network has learned a variety of frequency- and orientation-selective kernels, as well as various '
    'colored blobs."',
    data="cifar-10",
    pictures=50_000,
    arms=(Arm("80sec", "cifar10-80sec", (("epochs", 12),)),),
    judge=judge,
    seeds=1,
)
