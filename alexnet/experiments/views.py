"""Ten views at test (section 4.1): the four corners, the centre, and their mirror images, against the centre."""

from __future__ import annotations

from alexnet.experiments.comparisons import difference_in_points, differences, error_in_words, test_errors
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table

__all__ = ["TENTH", "VIEWS"]

POINTS = 1.5  # 39.0 % with one view, 37.5 % with ten: top-1, ILSVRC-2010


def judge(runs: Runs) -> Judgement:
    """The errors of each trained net on the test pictures, with one view and with ten."""
    one, ten = (test_errors(runs, runs.experiment.arms[0], views) for views in (1, 10))
    rows = [[str(seed), error_in_words(one[seed]), error_in_words(ten[seed])] for seed in one]
    found = difference_in_points(
        "error of one view less that of ten", f"{POINTS} points (ImageNet)", POINTS, differences(one, ten)
    )
    table = Table("Top-1 error on the test pictures", ("seed", "one view (95 %)", "ten views (95 %)"), rows)
    return Judgement(found, [table])


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
