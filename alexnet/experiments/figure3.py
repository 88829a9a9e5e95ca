"""Figure 3: what the first layer learns, edges of many orientations and frequencies, and blobs of colour.

Both can be measured against the same filters with their pixels in random order, whose colours and energy are equal. The
spectrum of an edge or a grating lies in one orientation; and a blob of colour is colour at low frequencies.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alexnet import figures
from alexnet.experiments.comparisons import difference_in_points, trained
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table
from alexnet.run.folder import RunError
from alexnet.run.trained import load_predictor

__all__ = ["FIGURE3"]

GREY = np.full(3, 3**-0.5)  # the direction of colour space in which red, green and blue are equal
ORDERS = 20  # of pixels, whose mean is compared with
FINE = 32  # side of spectra, for which filters are padded with 0


def judge(runs: Runs) -> Judgement:
    """The filters of each seed, how selective they are and how slowly their colour changes."""
    drawn, rows, gained = {}, [], []
    for trial in trained(runs, runs.experiment.arms[0]):
        columns = figures.first_filters(load_predictor(trial.folder.path, False, runs.devices).model)
        drawn[f"filters-seed-{trial.seed}"] = figures.filters(columns)
        weights = np.concatenate([each for _, each in columns]).astype(float)
        if weights.shape[1] != len(GREY):
            raise RunError(f"{trial.folder.path} has seen no red, green and blue; {FIGURE3.name} needs photographs")
        pairs = [_with_shuffled(measure, weights, trial.seed) for measure in (selectivity, slow_colour)]
        gained.append([own - shuffled for own, shuffled in pairs])
        shares = chroma(weights)
        colour = [f"{(shares < 0.1).sum()} of {shares.size}", f"{(shares > 0.5).sum()} of {shares.size}"]
        rows.append([str(trial.seed), *(f"{own:.1f} % ({shuffled:.1f} %)" for own, shuffled in pairs), *colour])
    findings = []
    for number, (what, said) in enumerate(
        (
            ("orientation selectivity of the filters", '"frequency- and orientation-selective kernels"'),
            ("share of their colour at low frequencies", '"colored blobs"'),
        )
    ):
        name = f"{what} less that with their pixels in random order"
        findings += difference_in_points(name, f"{said}: more", None, [each[number] for each in gained])
    head = ("seed", "selectivity (in random order)", "slow colour (in random order)")
    colours = ("below 10 % of energy in colour", "above 50 %")
    return Judgement(findings, [Table("Filters of layer 1", (*head, *colours), rows)], drawn)


def _with_shuffled(measure: Callable[[np.ndarray], float], weights: np.ndarray, seed: int) -> tuple[float, float]:
    """What is measured of filters (K, 3, KH, KW), and its mean over orders of the pixels of each."""
    rng = np.random.default_rng(seed)
    count, channels, height, width = weights.shape
    flat, shuffled = weights.reshape(count, channels, -1), []
    for _ in range(ORDERS):
        order = rng.permuted(np.tile(np.arange(height * width), (count, 1)), axis=1)
        shuffled.append(measure(np.take_along_axis(flat, order[:, np.newaxis], axis=2).reshape(weights.shape)))
    return measure(weights), float(np.mean(shuffled))


def selectivity(weights: np.ndarray) -> float:
    """In percent, the mean over filters (K, 3, KH, KW) of how much of the spectrum has one orientation.

    For a filter that is the length of the mean of exp(2 i angle) over its frequencies, weighted with their energy: 100
    where all have one angle, 0 where they have every angle alike.
    """
    energy = _spectrum(weights - weights.mean(axis=(2, 3), keepdims=True))
    down, across = np.meshgrid(np.fft.fftfreq(FINE), np.fft.fftfreq(FINE), indexing="ij")
    mean = (energy * np.exp(2j * np.arctan2(down, across))).sum(axis=(1, 2)) / energy.sum(axis=(1, 2))
    return float(100 * np.abs(mean).mean())


def slow_colour(weights: np.ndarray) -> float:
    """In percent, the share of the colour of filters (K, 3, KH, KW) that has a cycle or less in a filter's width."""
    grey = np.einsum("kchw,c->khw", weights, GREY)
    energy = _spectrum(weights - grey[:, np.newaxis] * GREY[:, np.newaxis, np.newaxis]).sum(axis=0)
    down, across = np.meshgrid(np.fft.fftfreq(FINE), np.fft.fftfreq(FINE), indexing="ij")
    return float(100 * energy[np.hypot(down, across) <= 1 / weights.shape[3]].sum() / energy.sum())


def _spectrum(weights: np.ndarray) -> np.ndarray:
    """The energy of filters (K, 3, KH, KW) by frequency, in all colours together: float (K, FINE, FINE)."""
    return np.asarray((np.abs(np.fft.fft2(weights, (FINE, FINE))) ** 2).sum(axis=1))


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
)
