"""What an experiment consists of: arms, trials and what is known of them, findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from alexnet.data import DataSet, open_dataset
from alexnet.recipes import RECIPES, Recipe
from alexnet.run.folder import RunError, RunFolder

__all__ = ["LOOK", "MARGIN", "Arm", "Experiment", "Finding", "Judgement", "Runs", "Table", "Trial", "Work"]

LOOK = 5  # epochs, after which hopeless rates are dropped
MARGIN = 5.0  # points of error
FACTOR = 2  # between the rates that a sweep adds
BEYOND = 3  # of these, at most
LAYER_RATES = ("epsw", "epsb")


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: for tables and folders.
        recipe: its name.
        changes: as of `--set`: keys and values.
        rates: to choose from, in ascending order, and beyond an edge that is the best; none for the recipe's own.
    """

    name: str
    recipe: str
    changes: tuple[tuple[str, Any], ...] = ()
    rates: tuple[float, ...] = ()

    def trained(self, rate: float | None) -> Recipe:
        """The recipe at a rate of weights, where there are several the highest; the others keep their ratio to it."""
        recipe = RECIPES[self.recipe].changed(self.changes)
        if rate is None:
            return recipe
        factor = rate / recipe.rate(1)
        if recipe.layers:
            rates = [
                (f"layer_params.{layer}.{key}", _times(float(text), factor))
                for layer, section in recipe.layer_params.items()
                for key, text in section.items()
                if key in LAYER_RATES
            ]
            return recipe.changed(rates)
        layers = [(f"layer_lr.{layer}", _times(value, factor)) for layer, value in recipe.layer_lr.items()]
        return recipe.changed([("lr", rate), *layers])


def _times(value: float, factor: float) -> float:
    """The product, without the digits that rounding adds, so that the same rate is the same recipe."""
    return float(f"{value * factor:.12g}")


class Trial:
    """An arm at a rate with a seed, and its run.

    Args:
        arm: which.
        rate: of weights; None for the recipe's own.
        seed: of everything random.
        place: the folder of the experiment.
        until: the training error in percent at which it is over; 0 for never.
    """

    def __init__(self, arm: Arm, rate: float | None, seed: int, place: Path, until: float) -> None:
        self.arm, self.rate, self.seed, self.until = arm, rate, seed, until
        self.name = f"{arm.name}{'' if rate is None else f'-rate-{rate:g}'}-seed-{seed}"
        self.folder = RunFolder(place / self.name)

    @cached_property
    def recipe(self) -> Recipe:
        """What is trained."""
        return self.arm.trained(self.rate)

    def lines(self) -> list[dict[str, Any]]:
        """Of the log; none where the run has not begun."""
        return self.folder.lines() if self.folder.log.exists() else []

    def errors(self) -> list[float]:
        """By epoch, in percent: while it is trained, where there is a threshold; else of the validation.

        Raises:
            RunError: the log has none.
        """
        key = "train_top1" if self.until else "val_top1"
        lines = [line for line in self.lines() if "event" not in line]
        if not all(key in line for line in lines):
            raise RunError(
                f"{self.folder.log} lacks the training error of an epoch, which an earlier version began; remove "
                f"{self.folder.path}, or choose another --out"
            )
        return [line[key] for line in lines]

    @property
    def diverged(self) -> bool:
        """Whether its numbers have become infinite, as they would again."""
        return any(line.get("diverged") for line in self.lines())

    def crossing(self) -> float:
        """After how many epochs the error was down to the threshold, between epochs linearly; inf where it was not."""
        errors = self.errors() if self.until else []
        for epoch, error in enumerate(errors, 1):
            if error <= self.until:
                before = errors[epoch - 2] if epoch > 1 else error
                return epoch if epoch == 1 else epoch - 1 + (before - self.until) / (before - error)
        return math.inf

    def over(self, epochs: float = math.inf) -> bool:
        """Whether it needs no more training to have had so many epochs, or all of its recipe."""
        had = len(self.errors())
        return had >= min(epochs, self.recipe.epochs) or self.diverged or self.crossing() < math.inf

    def seconds(self) -> float:
        """How long it was trained, without validations, and without epochs that were stopped right before theirs."""
        settings = self.folder.read_settings() if self.folder.settings.exists() else {}
        sampler = self.recipe.sampler(tuple(settings.get("data_batches", (0,))))
        lines = [line for line in self.lines() if "event" not in line and line["images_per_second"]]
        return sum(sampler.count(line["epoch"]) / line["images_per_second"] for line in lines)


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    Attributes:
        what: is measured.
        paper: what the paper says.
        measured: the same here, with its spread.
        verdict: a sentence that begins with SEEN, NOT_SEEN or TOO_SMALL.
    """

    what: str
    paper: str
    measured: str
    verdict: str


@dataclass(frozen=True)
class Table:
    """Rows of as many cells as the head has."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Judgement:
    """What came out: findings, whole tables, and pictures by the name of their file without its ending."""

    findings: Sequence[Finding]
    tables: Sequence[Table] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What an experiment computes that is no training of arms.

    Attributes:
        pieces: computes what is missing, each piece into a file of its own. It yields often; True where all that was
            computed is kept, so that nothing is lost if it ends there.
        seconds: how long all of it takes, estimated.
    """

    pieces: Callable[[Runs], Iterator[bool]]
    seconds: Callable[[Runs], float]


@dataclass(frozen=True)
class Experiment:
    """A claim, and how it is put to the test.

    Attributes:
        name: on the command line, and of its folder.
        claim: a line.
        section: of the paper.
        paper: what the paper says of it, with numbers.
        arms: what is trained; none where nothing is.
        judge: makes findings of the runs there are.
        data: what it trains on unless told otherwise; "" where it needs none, or the user's own.
        pictures: of an epoch, for the estimate of its cost; of Imagenette where the data are the user's own.
        until: the training error in percent at which a trial is over; 0 where all have their epochs.
        seeds: how many, unless told otherwise.
        work: what it computes besides; None for nothing.

    Raises:
        ValueError: rates would be chosen by the test set.
    """

    name: str
    claim: str
    section: str
    paper: str
    arms: tuple[Arm, ...]
    judge: Callable[[Runs], Judgement]
    data: str = ""
    pictures: int = 0
    until: float = 0.0
    seeds: int = 3
    work: Work | None = None

    @property
    def brings_no_data(self) -> bool:
        """Whether it needs data that only the user has."""
        return not self.data and bool(self.arms or self.work)

    def __post_init__(self) -> None:
        """See that rates are chosen honestly."""
        for arm in self.arms:
            if len(arm.rates) > 1 and not self.until and not arm.trained(None).validation_batch:
                raise ValueError(
                    f"experiment {self.name} would choose the rate of {arm.name} by the test set: its recipe needs a "
                    "validation_batch"
                )


class Runs:
    """The trials of an experiment and what their logs tell.

    Args:
        experiment: which.
        place: its folder.
        source: its data, as for `--data`.
        seeds: how many.
        devices: where networks are.
    """

    def __init__(
        self, experiment: Experiment, place: Path, source: str, seeds: int, devices: Sequence[str] = ("cpu:0",)
    ) -> None:
        self.experiment, self.place, self.source, self.seeds = experiment, place, source, seeds
        self.devices = list(devices)
        self._trials: dict[tuple[str, float | None, int], Trial] = {}

    def arm(self, name: str) -> Arm:
        """The arm of a name."""
        return next(arm for arm in self.experiment.arms if arm.name == name)

    def data(self, seed: int = 0) -> DataSet:
        """What the trials of a seed see."""
        return open_dataset(self.source, seed)

    def trial(self, arm: Arm, rate: float | None, seed: int) -> Trial:
        """One of them, the same whenever it is asked for."""
        key = arm.name, rate, seed
        if key not in self._trials:
            self._trials[key] = Trial(arm, rate, seed, self.place, self.experiment.until)
        return self._trials[key]

    def sweep(self, arm: Arm) -> list[Trial]:
        """Those that the rate is chosen by, in ascending order; none where there is nothing to choose.

        While the best is the lowest or the highest, the next in that direction is one of them, up to BEYOND.
        """
        rates, most = list(arm.rates), len(arm.rates) + BEYOND
        while len(arm.rates) > 1:
            trials = [self.trial(arm, rate, 0) for rate in rates]
            best = _best(trials)
            if best not in (trials[0], trials[-1]) or len(rates) == most:
                return trials
            rates = [rates[0] / FACTOR, *rates] if best is trials[0] else [*rates, rates[-1] * FACTOR]
        return []

    def seeded(self, arm: Arm) -> list[Trial]:
        """Those that are measured, one for each seed, at the best rate; none while that is not known."""
        rate: float | None = arm.rates[0] if arm.rates else None
        first = 0
        if len(arm.rates) > 1:
            best = self.best(arm)
            if best is None:
                return []
            rate, first = best.rate, 1  # the seed of the sweep favours the rate that was chosen with it
        return [self.trial(arm, rate, first + number) for number in range(self.seeds)]

    def hopeful(self, arm: Arm) -> list[Trial]:
        """The trials of a sweep that are worth more than LOOK epochs, the best first."""
        return _hopeful(self.sweep(arm))

    def needed(self, arm: Arm) -> float:
        """The epochs that a trial of a sweep may have: as many as the quickest needed, all where none was down yet."""
        return _needed(self.sweep(arm))

    def swept(self, arm: Arm) -> bool:
        """Whether the sweep is at its end."""
        return _swept(self.sweep(arm))

    def best(self, arm: Arm) -> Trial | None:
        """The trial of a sweep with the fewest epochs to the threshold, else the lowest error at the end; None before.

        It is also None where every rate has diverged.
        """
        return _best(self.sweep(arm))

    def at_the_edge(self, arm: Arm) -> bool:
        """Whether the best rate is the lowest or the highest that was tried: another may be better."""
        trials = self.sweep(arm)
        return bool(trials) and _best(trials) in (trials[0], trials[-1])

    def all_trials(self) -> list[Trial]:
        """All that are known to be wanted so far."""
        return [trial for arm in self.experiment.arms for trial in (*self.sweep(arm), *self.seeded(arm))]

    def most_epochs(self) -> int:
        """Of all trials together, if none were over early."""
        return sum(
            arm.trained(None).epochs * (self.seeds + (len(arm.rates) + BEYOND if len(arm.rates) > 1 else 0))
            for arm in self.experiment.arms
        )


def _hopeful(sweep: Sequence[Trial]) -> list[Trial]:
    early = {trial: errors[min(LOOK, len(errors)) - 1] for trial in sweep if (errors := trial.errors())}
    sound = [trial for trial in early if not trial.diverged]
    least = min((early[trial] for trial in sound), default=0.0)
    return sorted((trial for trial in sound if early[trial] <= least + MARGIN), key=early.__getitem__)


def _needed(sweep: Sequence[Trial]) -> float:
    quickest = min((trial.crossing() for trial in sweep), default=math.inf)
    return math.ceil(quickest) if quickest < math.inf else math.inf


def _swept(sweep: Sequence[Trial]) -> bool:
    needed = _needed(sweep)
    return all(trial.over(LOOK) for trial in sweep) and all(trial.over(needed) for trial in _hopeful(sweep))


def _best(sweep: Sequence[Trial]) -> Trial | None:
    if not _swept(sweep):
        return None
    return min(_hopeful(sweep), key=lambda trial: (trial.crossing(), trial.errors()[-1]), default=None)
