"""Ten views at test (section 4.1): the four corners, the centre, and their mirror images, against the centre."""

from __future__ import annotations

from pathlib import Path

from alexnet.data import Split
from alexnet.experiments.experiment import Arm, Experiment, Finding, Judgement, Runs, Table
from alexnet.experiments.statistics import Difference, binomial_interval, spread
from alexnet.inference.predictor import probabilities_of
from alexnet.run.trained import load_predictor
from alexnet.scores import Errors, errors

__all__ = ["VIEWS"]

POINTS = 1.5  # 39.0 % with one view, 37.5 % with ten: top-1, ILSVRC-2010


def judge(runs: Runs) -> Judgement:
    """The errors of each trained net on the test pictures, with one view and with ten."""
    split = runs.data().val
    trained = [trial for trial in runs.seeded(runs.experiment.arms[0]) if trial.over() and not trial.diverged]
    rows, differences = [], []
    for trial in trained:
        one, ten = (_errors(runs, trial.folder.path, split, count) for count in (1, 10))
        differences.append(one.top1_percent - ten.top1_percent)
        rows.append([str(trial.seed), _in_words(one), _in_words(ten), f"{differences[-1]:.2f}"])
    if not rows:
        return Judgement(())
    difference = Difference(tuple(differences), POINTS)
    mean, deviation = spread(differences)
    measured = f"{mean:.2f} points, one seed"
    if len(differences) > 1:
        low, high = difference.interval
        measured = f"{mean:.2f} +- {deviation:.2f} points (95 %: {low:.2f} to {high:.2f}), {len(differences)} seeds"
    found = Finding("error of one view less that of ten", f"{POINTS} points (ImageNet)", measured, difference.sentence)
    head = ("seed", "one view (95 %)", "ten views (95 %)", "difference in points")
    return Judgement([found], [Table(f"Top-1 error on the {len(split):,} test pictures", head, rows)])


def _errors(runs: Runs, folder: Path, split: Split, count: int) -> Errors:
    """Of the latest checkpoint, since none is chosen by these pictures."""
    predictor = load_predictor(folder, False, runs.devices)
    probabilities, read, _ = probabilities_of(predictor, split, count)
    return errors(probabilities[read], split.labels[read])


def _in_words(found: Errors) -> str:
    low, high = (100 * share for share in binomial_interval(found.top1, found.count))
    return f"{found.top1_percent:.2f} % ({low:.2f} to {high:.2f})"


# a tenth of the recipe's schedule
TENTH = (("epochs", 16), ("all_batches_from", 11), ("drop_epochs", (15, 16)))

VIEWS = Experiment(
    name="views",
    claim="averaging ten views at test lowers the error",
    section="4.1, and a note to 6",
    paper="Averaging over ten views gives 37.5 % top-1 and 17.0 % top-5 error on ILSVRC-2010, the centre alone 39.0 % "
    "and 18.3 %: 1.5 and 1.3 points.",
    data="cifar-10",
    pictures=50_000,
    arms=(Arm("13pct", "cifar10-13pct", TENTH),),
    judge=judge,
)
