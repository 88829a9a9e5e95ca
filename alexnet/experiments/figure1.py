"""Figure 1: a net with ReLUs comes to 25 % training error on CIFAR-10 in a sixth of the epochs that tanh takes.

The paper says that rates were chosen for each activation to be as fast as possible, that nothing regularises, and that
the net has four layers. No file of it survives; this is cuda-convnet's net of three convolutions and the classes
(19 %), without its weight decay, on pixels less their mean. The error is that of the minibatches before their steps,
averaged over an epoch, as that program printed it.
"""

from __future__ import annotations

import math

from alexnet import figures
from alexnet.experiments.experiment import LOOK, Arm, Experiment, Finding, Judgement, Runs, Table, Trial
from alexnet.experiments.statistics import Difference, spread

__all__ = ["FIGURE1"]

RATIO = 6.0  # "six times faster"
TANH = "tanh[1,1]"
LAYERS = ("conv1", "conv2", "conv3", "fc10")
NO_DECAY = tuple((f"layer_params.{layer}.wc", 0) for layer in LAYERS)
ACTIVATED = ("pool1", "conv2", "conv3")  # whose `neuron` it is; that of layer 1 stands behind its pool
MOST_EPOCHS = {"relu": 20, "tanh": 60}

# read off the figure to about a point: error in percent by epoch
POINTS = {
    "relu": {1: 47, 2: 37.5, 3: 32, 4: 29, 5: 26, 6: 25},
    "tanh": {
        **{1: 55, 2: 49.5, 3: 46, 4: 43, 5: 42, 6: 41, 7: 40, 10: 36.7, 13: 35, 16: 32.7, 20: 32},
        **{23: 30, 26: 29, 30: 27.5, 32: 26, 35: 26, 36: 25},
    },
}


def judge(runs: Runs) -> Judgement:
    """The ratio of epochs, paired by seed, beside the paper's; every rate that was tried; the curves."""
    relu, tanh = (runs.seeded(runs.arm(name)) for name in POINTS)
    pairs = [(one, other) for one, other in zip(relu, tanh, strict=False) if one.over() and other.over()]
    down = [
        (one.crossing(), other.crossing()) for one, other in pairs if max(one.crossing(), other.crossing()) < math.inf
    ]
    findings = []
    if down:
        difference = Difference(tuple(math.log(slow / quick) for quick, slow in down), math.log(RATIO))
        low, high = difference.interval
        span = f" (95 %: {math.exp(low):.1f} to {math.exp(high):.1f})" if len(down) > 1 else ""
        missing = (
            f"; {len(pairs) - len(down)} of {len(pairs)} pairs never came to 25 %" if len(pairs) > len(down) else ""
        )
        epochs = " and ".join(f"{_mean([pair[place] for pair in down])}" for place in (0, 1))
        findings.append(
            Finding(
                "epochs of tanh over epochs of ReLU",
                "6 (6 and 36 epochs)",
                f"{math.exp(difference.mean):.2f}{span}; {epochs} epochs, {len(down)} seeds{missing}",
                difference.sentence,
            )
        )
    curves = {name: [each.errors() for each in runs.seeded(runs.arm(name)) if each.errors()] for name in POINTS}
    drawn = {"curves": figures.errors(curves, POINTS)} if any(curves.values()) else {}
    return Judgement(findings, [_rates(runs), _seeds([*relu, *tanh])], drawn)


def _mean(values: list[float]) -> str:
    mean, deviation = spread(values)
    return f"{mean:.1f}" + (f" +- {deviation:.1f}" if len(values) > 1 else "")


def _rates(runs: Runs) -> Table:
    """The whole search, and what became of each rate."""
    rows = []
    for arm in runs.experiment.arms:
        best, hopeful = runs.best(arm), [trial.name for trial in runs.hopeful(arm)]
        for trial in runs.sweep(arm):
            state = "not finished"
            if trial.diverged:
                state = "diverged"
            elif trial.over(LOOK) and trial.name not in hopeful:
                state = f"dropped after {LOOK} epochs"
            elif best is not None and trial.name == best.name:
                state = "best; at the edge of the rates tried" if runs.at_the_edge(arm) else "best"
            elif trial.over(runs.needed(arm)):
                state = "slower"
            rows.append([arm.name, f"{trial.rate:g}", *_cells(trial), state])
    return Table("Rates, with seed 0", ("activation", "rate", *HEAD, ""), rows)


HEAD = ("error in epoch 1", f"in epoch {LOOK}", "in the last", "epochs trained", "epochs to 25 %")


def _cells(trial: Trial) -> list[str]:
    errors, crossing = trial.errors(), trial.crossing()
    shown = [f"{errors[place]:.1f} %" if len(errors) > max(place, 0) else "" for place in (0, LOOK - 1, -1)]
    return [*shown, str(len(errors)), f"{crossing:.1f}" if crossing < math.inf else ""]


def _seeds(trials: list[Trial]) -> Table:
    rows = [[each.arm.name, f"{each.rate:g}", str(each.seed), *_cells(each)] for each in trials if each.errors()]
    return Table("Seeds at the best rate", ("activation", "rate", "seed", *HEAD), rows)


FIGURE1 = Experiment(
    name="figure1",
    claim="ReLUs reach 25 % training error in a sixth of the epochs of tanh",
    section="3.1, Figure 1",
    paper='"A four-layer convolutional neural network with ReLUs reaches a 25 % training error rate on CIFAR-10 six '
    'times faster than an equivalent network with tanh neurons": 6 epochs against 36.',
    data="cifar-10",
    pictures=50_000,
    until=25.0,
    arms=(
        Arm(
            "relu",
            "cifar10-19pct",
            (*NO_DECAY, ("epochs", MOST_EPOCHS["relu"])),
            rates=(0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008),
        ),
        Arm(
            "tanh",
            "cifar10-19pct",
            (*NO_DECAY, ("epochs", MOST_EPOCHS["tanh"]), *((f"layers.{layer}.neuron", TANH) for layer in ACTIVATED)),
            rates=(0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.012, 0.016, 0.032),
        ),
    ),
    judge=judge,
)
