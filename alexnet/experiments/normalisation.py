"""Normalisation across maps on CIFAR-10 (section 3.3): 13 % error without, 11 % with it.

The two nets that cuda-convnet published for these numbers differ also in other things: that of 11 % has twice the
filters in its first local layer and more weight decay on its last, and was trained three times as long. The arm in the
middle has the normalisation alone.
"""

from __future__ import annotations

from alexnet.experiments.comparisons import difference_in_points, differences, error_in_words, test_errors
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table

__all__ = ["NORMALISATION"]

POINTS = 2.0
SHORT = (("epochs", 36), ("all_batches_from", 25), ("drop_epochs", (31, 34)))  # of 160 and 520
AS_WITHOUT = (("layers.local3.filters", 32), ("layers.local4.channels", 32), ("layer_params.fc10.wc", 0.004))


def judge(runs: Runs) -> Judgement:
    """Errors on the test pictures with ten views, paired by seed."""
    found = {arm.name: test_errors(runs, arm, views=10) for arm in runs.experiment.arms}
    findings = [
        finding
        for name, what in (("normalised", "normalisation alone"), ("11pct", "normalisation, more filters and decay"))
        for finding in difference_in_points(
            f"test error without, less that with {what}",
            "2 points (13 % and 11 %)",
            POINTS,
            differences(found["13pct"], found[name]),
        )
    ]
    rows = [[name, str(seed), error_in_words(each)] for name, seeds in found.items() for seed, each in seeds.items()]
    return Judgement(
        findings, [Table("Top-1 error on the test pictures, ten views", ("net", "seed", "error (95 %)"), rows)]
    )


NORMALISATION = Experiment(
    name="normalisation",
    claim="normalisation across maps lowers the error on CIFAR-10",
    section="3.3",
    paper='"A four-layer CNN achieved a 13 % test error rate without normalization and 11 % with normalization."',
    data="cifar-10",
    pictures=50_000,
    arms=(
        Arm("13pct", "cifar10-13pct", SHORT),
        Arm("normalised", "cifar10-11pct", (*SHORT, *AS_WITHOUT)),
        Arm("11pct", "cifar10-11pct", SHORT),
    ),
    judge=judge,
)
