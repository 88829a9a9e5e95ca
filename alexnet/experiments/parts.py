"""What the net is made of (sections 3.2, 3.4 and 7): its columns, its pooling and its layers in the middle.

Each part is put to the test on photographs of the user's, such as Imagenette, against nets that lack it. The paper's
numbers are of ImageNet; on few classes only the sign of a difference can be compared.
"""

from __future__ import annotations

from alexnet.experiments.comparisons import difference_in_points, judged_by_test_errors, learned, test_errors, trained
from alexnet.experiments.dropout import SHORT
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs

__all__ = ["COLUMNS", "MIDDLE", "POOLING"]

LAYERS = ("conv3", "conv4", "conv5")


def judge_columns(runs: Runs) -> Judgement:
    """Test errors of the half net and of columns that do not meet, less those of the whole net."""
    said = [
        ("test error of the half net less that of two columns", "1.7 points on ImageNet: more"),
        ("test error of columns that meet after the convolutions only, less that of two that meet in conv3", "more"),
    ]
    return judged_by_test_errors(runs, [test_errors(runs, arm) for arm in runs.experiment.arms], said)


def judge_middle(runs: Runs) -> Judgement:
    """Test errors without each of the layers, less those of the whole net."""
    said = [(f"test error without {layer} less that with", "about 2 points on ImageNet: more") for layer in LAYERS]
    return judged_by_test_errors(runs, [test_errors(runs, arm) for arm in runs.experiment.arms], said)


def judge_pooling(runs: Runs) -> Judgement:
    """Test errors of windows side by side, less those of windows that overlap; and who overfits more."""
    found = [test_errors(runs, arm) for arm in runs.experiment.arms]
    said = ("test error of windows side by side less that of windows that overlap", "0.4 points on ImageNet: more")
    judgement = judged_by_test_errors(runs, found, [said])
    overlapping, apart = (
        {trial.seed: errors[trial.seed].top1_percent - learned(trial) for trial in trained(runs, arm)}
        for arm, errors in zip(runs.experiment.arms, found, strict=True)
    )
    gaps = difference_in_points(
        "test error less training error, the same difference",
        '"slightly more difficult to overfit": more',
        None,
        [apart[seed] - overlapping[seed] for seed in apart if seed in overlapping],
    )
    return Judgement([*judgement.findings, *gaps], judgement.tables)


COLUMNS = Experiment(
    name="columns",
    claim="two columns that meet in conv3 err less than a half net, and than columns apart",
    section="3.2",
    paper='The scheme of two GPUs "reduces our top-1 and top-5 error rates by 1.7 % and 1.2 %, respectively, as '
    'compared with a net with half as many kernels in each convolutional layer trained on one GPU". Where columns meet '
    "was chosen by cross-validation.",
    pictures=9_469,
    arms=(
        Arm("columns", "small", SHORT),
        Arm("half", "small", (*SHORT, ("network_options.columns", 1))),
        Arm("apart", "small", (*SHORT, ("network_options.cross_columns", False))),
    ),
    judge=judge_columns,
    seeds=5,
)
MIDDLE = Experiment(
    name="middle",
    claim="each convolution in the middle matters",
    section="1 and 7",
    paper="\"Removing any convolutional layer (each of which contains no more than 1 % of the model's parameters) "
    'resulted in inferior performance": about 2 points of top-1 error for any of the middle layers.',
    pictures=9_469,
    arms=(
        Arm("whole", "small", SHORT),
        *(Arm(f"without-{layer}", "small", (*SHORT, ("network_options.without", (layer,)))) for layer in LAYERS),
    ),
    judge=judge_middle,
)
POOLING = Experiment(
    name="pooling",
    claim="pooling with windows that overlap errs and overfits less",
    section="3.4",
    paper='Overlapping windows reduce "the top-1 and top-5 error rates by 0.4 % and 0.3 %"; "models with overlapping '
    'pooling find it slightly more difficult to overfit".',
    pictures=9_469,
    arms=(
        Arm("overlapping", "small", SHORT),
        Arm("apart", "small", (*SHORT, ("network_options.overlapping_pooling", False))),
    ),
    judge=judge_pooling,
    seeds=5,
)
