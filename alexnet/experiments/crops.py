"""Crops at random places and mirror images (section 4.1), against the centres of the pictures alone."""

from __future__ import annotations

from alexnet.experiments.comparisons import difference_in_points, error_in_words, test_errors, trained
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table
from alexnet.experiments.views import TENTH

__all__ = ["CROPS"]


def judge(runs: Runs) -> Judgement:
    """Errors on test pictures, one view, paired by seed; and training errors, which show who overfits."""
    split = runs.data().val
    with_crops, without = (trained(runs, arm) for arm in runs.experiment.arms)
    rows, differences = [], []
    for better, worse in zip(with_crops, without, strict=False):
        found = [test_errors(runs, trial, split) for trial in (better, worse)]
        differences.append(found[1].top1_percent - found[0].top1_percent)
        for trial, each in zip((better, worse), found, strict=True):
            learned = trial.lines()[-1]["train_top1"]
            rows.append([trial.arm.name, str(trial.seed), error_in_words(each), f"{learned:.2f} %"])
    if not rows:
        return Judgement(())
    finding = difference_in_points(
        "test error without crops and mirrors less that with them",
        '"without this scheme, our network suffers from substantial overfitting": more',
        None,
        differences,
    )
    head = ("pictures", "seed", "test error (95 %)", "training error in the last epoch")
    return Judgement([finding], [Table(f"Top-1 error on {len(split):,} test pictures, and in training", head, rows)])


CROPS = Experiment(
    name="crops",
    claim="crops and mirror images keep the net from overfitting",
    section="4.1",
    paper='Crops and mirror images enlarge the training set "by a factor of 2048"; "without this scheme, our network '
    'suffers from substantial overfitting".',
    data="cifar-10",
    pictures=50_000,
    arms=(
        Arm("crops", "cifar10-13pct", TENTH),
        Arm("centres", "cifar10-13pct", (*TENTH, ("augmentation.random_crop", False), ("augmentation.mirror", False))),
    ),
    judge=judge,
)
