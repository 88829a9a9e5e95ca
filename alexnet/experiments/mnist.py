"""Section 1: on MNIST the best error, below 0.3 %, comes near to that of people.

Ciresan, Meier and Schmidhuber (2012) average columns that are trained on digits of different widths. A committee here
has a column for each of their seven, and the columns of one width differ in their seed: with two, there are 2^7
committees. All columns have the epochs of the recipe, and count as they are after the last.

The columns have ReLUs where those of 2012 had tanh, and 100 epochs of minibatches where those had some 800 of single
digits. Activation and rate were chosen without a look at the test digits, by training digits held out; rotation,
scaling and elastic distortion are as in the literature, and a shift of one pixel is added.

The record is an error on these 10,000 digits, so that what varies is the columns: of their spread the verdict is made.
What other digits would say is another interval, which stands beside it.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from alexnet.experiments.comparisons import error_in_words, test_probabilities, trained
from alexnet.experiments.experiment import Arm, Experiment, Finding, Judgement, Runs, Table
from alexnet.experiments.statistics import TOO_SMALL, interval_of_combinations, spread, verdict_of
from alexnet.scores import Errors, errors

__all__ = ["MNIST"]

RECORD = 0.3  # percent

# by the width of the digits, 0 for digits as they are: mean error in percent of five columns
PAPER = {10: 0.52, 12: 0.44, 14: 0.43, 16: 0.40, 18: 0.40, 20: 0.39, 0: 0.47}


def judge(runs: Runs) -> Judgement:
    """The errors of all committees, beside those of the columns alone."""
    split = runs.data().val
    readable = np.ones(len(split), bool)
    outputs: list[list[np.ndarray]] = []
    for arm in runs.experiment.arms:
        outputs.append([])
        for trial in trained(runs, arm):
            probabilities, read = test_probabilities(runs, trial, split)
            outputs[-1].append(probabilities)
            readable &= read
    labels = split.labels[readable]

    def counted(*columns: np.ndarray) -> Errors:
        return errors(np.sum(columns, axis=0)[readable], labels)

    rows = []
    for arm, paper, columns in zip(runs.experiment.arms, PAPER.values(), outputs, strict=True):
        alone = [counted(column).top1_percent for column in columns]
        mean = f"{spread(alone)[0]:.2f} %" if alone else ""
        rows.append([arm.name, ", ".join(f"{each:.2f}" for each in alone), mean, f"{paper:.2f} %"])
    head = ("digits", "errors of the columns, %", "their mean", "in 2012, of five columns")
    title = f"Columns alone: top-1 error on the {len(labels):,} test digits"
    committees = [counted(*columns) for columns in product(*outputs)]
    shape = tuple(len(columns) for columns in outputs)
    return Judgement(_findings(committees, shape), [Table(title, head, rows)])


def _findings(committees: list[Errors], shape: tuple[int, ...]) -> list[Finding]:
    """That of the mean error; none before there is a column of each width.

    Args:
        committees: the errors of all, the column of the last width changing first.
        shape: how many columns of each width there are.
    """
    if not committees:
        return []
    found = [each.top1_percent for each in committees]
    mean, deviation = spread(found)
    low, high = interval_of_combinations(np.reshape(found, shape))
    measured = f"{mean:.3f} %, one committee"
    if min(shape) > 1:
        measured = (
            f"{mean:.3f} +- {deviation:.3f} % (lowest {min(found):.2f}, highest {max(found):.2f}) over the "
            f"{len(found):,} committees of {sum(shape)} columns; 95 % for other columns: {low:.3f} to {high:.3f}"
        )
    verdict = verdict_of(RECORD - high, RECORD - low, None)
    if verdict == TOO_SMALL:
        verdict += f": {_what_would_tell(mean, high, min(shape))}"
    middle = sorted(committees, key=lambda each: each.top1)[len(committees) // 2]
    return [
        Finding(
            "test error of seven columns averaged",
            f"below {RECORD} %: 0.23 % with 35 columns; with seven 0.27 +- 0.02 %",
            f"{measured}; the median one, with the 95 % interval for other digits: {error_in_words(middle)}",
            verdict,
        )
    ]


def _what_would_tell(mean: float, high: float, columns: int) -> str:
    """How many columns of each width would have an interval around this mean that leaves out the record, about.

    Args:
        mean, high: of the error in percent, and where its interval ends.
        columns: of each width.
    """
    if columns < 2:
        return "one column of a width has no spread"
    if mean == RECORD:
        return "no number of columns anybody trains would tell"
    return f"about {math.ceil(columns * ((high - mean) / (RECORD - mean)) ** 2):,} columns of each width would tell"


MNIST = Experiment(
    name="mnist",
    claim="committees of nets err in less than 0.3 % of MNIST's digits",
    section="1",
    paper='"The current best error rate on the MNIST digit-recognition task (<0.3%) approaches human performance": the '
    "average of 35 columns, five for each of seven widths of the digits, has 0.23 % (Ciresan, Meier and Schmidhuber, "
    "2012); averages of seven, one for each width, 0.27 +- 0.02 % (the same with Gambardella, 2011).",
    data="mnist",
    pictures=60_000,
    arms=tuple(Arm(f"width-{width}" if width else "original", "mnist", (("digit_width", width),)) for width in PAPER),
    judge=judge,
    seeds=2,
)
