"""Weight decay "is not merely a regularizer: it reduces the model's training error" (section 5)."""

from __future__ import annotations

from alexnet.experiments.comparisons import difference_in_points, learned, trained
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table

__all__ = ["DECAY"]

NET = "cifar10-19pct"
EPOCHS = ("epochs", 20)
LAYERS = ("conv1", "conv2", "conv3", "fc10")


def judge(runs: Runs) -> Judgement:
    """Training errors of the last epoch, paired by seed."""
    found = {arm.name: {trial.seed: learned(trial) for trial in trained(runs, arm)} for arm in runs.experiment.arms}
    without, decayed = found["without"], found["decay"]
    findings = difference_in_points(
        "training error without weight decay less that with it",
        "above 0",
        None,
        [without[seed] - decayed[seed] for seed in without if seed in decayed],
    )
    rows = [[name, str(seed), f"{each:.2f} %"] for name, seeds in found.items() for seed, each in seeds.items()]
    return Judgement(findings, [Table("Training error in the last epoch", ("weights", "seed", "error"), rows)])


DECAY = Experiment(
    name="decay",
    claim="weight decay lowers the training error too",
    section="5",
    paper='"This small amount of weight decay was important for the model to learn. In other words, weight decay here '
    "is not merely a regularizer: it reduces the model's training error.\"",
    data="cifar-10",
    pictures=50_000,
    arms=(
        Arm("decay", NET, (EPOCHS,)),
        Arm(
            "without",
            NET,
            (EPOCHS, *((f"layer_params.{layer}.wc", 0) for layer in LAYERS)),
        ),
    ),
    judge=judge,
)
