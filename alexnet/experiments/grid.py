"""Training the trials of an experiment that are missing, as ordinary runs, within a budget of time."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from alexnet.experiments.experiment import LOOK, Arm, Runs, Trial
from alexnet.recipes import Recipe
from alexnet.run.folder import DivergedError, RunError
from alexnet.run.start import begin, go_on, open_trainer, place
from alexnet.run.trainer import Trainer
from alexnet.terminal import say

__all__ = ["train"]

CHECKPOINT_MINUTES = 10.0


class StoppedError(Exception):
    """The time is over, or somebody has asked to stop."""


def train(runs: Runs, stop: Callable[[], object], deadline: float = math.inf) -> bool:
    """Train what is missing: the sweeps first, then seed after seed, so that seeds pair whenever it is stopped.

    Args:
        runs: whose trials.
        stop: asked after every step; if it says so, the run is saved, and no other begins.
        deadline: on the monotonic clock, as that.

    Returns:
        whether all is done.
    """

    def over() -> bool:
        return bool(stop()) or time.monotonic() > deadline

    try:
        for arm in runs.experiment.arms:
            _sweep(runs, arm, over)
        for number in range(runs.seeds):
            for arm in runs.experiment.arms:
                for trial in runs.seeded(arm)[number : number + 1]:
                    _train(runs, trial, math.inf, over)
        if runs.experiment.work:
            for kept in runs.experiment.work.pieces(runs):
                if stop() or (kept and over()):
                    raise StoppedError
    except StoppedError:
        return False
    return True


def _sweep(runs: Runs, arm: Arm, over: Callable[[], bool]) -> None:
    """Find the best rate of an arm; there are more to try when the best is at an edge."""
    while not runs.swept(arm):
        for trial in runs.sweep(arm):
            _train(runs, trial, LOOK, over)
        for trial in runs.hopeful(arm):
            _train(runs, trial, runs.needed(arm), over)


def _train(runs: Runs, trial: Trial, epochs: float, over: Callable[[], bool]) -> None:
    """Train a trial until it is over, or has had so many epochs.

    Raises:
        StoppedError: it was stopped before.
        RunError: its folder holds another run.
    """
    if trial.over(epochs):
        return
    if over():
        raise StoppedError
    say(f"\n{runs.experiment.name}: {trial.name}")
    with trial.folder.locked():
        trainer = _trainer(runs, trial)
        try:
            trainer.run(minutes=CHECKPOINT_MINUTES, stop=over, enough=lambda: trial.over(epochs))
        except DivergedError as error:
            say(str(error), sys.stderr)
    if not trial.over(epochs):
        raise StoppedError


def _trainer(runs: Runs, trial: Trial) -> Trainer:
    """Where the run of a trial begins, or goes on."""
    folder = trial.folder
    ours: dict[str, Any] = {"data": place(runs.source), "devices": runs.devices}
    if not folder.settings.exists():
        settings = {"recipe": trial.recipe.to_json(), "seed": trial.seed, **ours}
        trainer = open_trainer(folder, settings)
        trainer.compile()
        begin(trainer, settings)
        folder.create(settings)
        return trainer
    settings = folder.read_settings()
    if Recipe.from_json(settings["recipe"]) != trial.recipe or settings["seed"] != trial.seed:
        raise RunError(f"{folder.path} holds the run of another recipe or seed; choose another --out")
    settings |= ours
    trainer = open_trainer(folder, settings)
    trainer.compile()
    go_on(trainer, settings)
    return trainer
