"""Figure 1: a net with ReLUs comes to 25 % training error on CIFAR-10 in a sixth of the epochs that tanh takes.

The paper says that rates were chosen for each activation to be as fast as possible, that nothing regularises, and that
the net has four layers. No file of it survives. If four counts the layer of classes, as "eight layers" does in the
paper, it is cuda-convnet's net of 19 %; if not, as in section 3.3, it is that of 13 %. Both are trained here without
weight decay on whole pictures less their mean. The error is that of the minibatches before their steps, averaged over
an epoch, as that program printed it.
"""

from __future__ import annotations

import math
from typing import Any

from alexnet import figures
from alexnet.experiments.experiment import LOOK, Arm, Experiment, Finding, Judgement, Runs, Table, Trial
from alexnet.experiments.statistics import Difference, spread
from alexnet.recipes import RECIPES
from alexnet.terminal import counted

__all__ = ["FIGURE1", "FIGURE1_VARIANTS"]

Changes = tuple[tuple[str, Any], ...]

RATIO = 6.0  # "six times faster"
PIXEL_STD = 62.0  # of CIFAR-10, about
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
    found = _ratio(runs, pairs)
    curves = {name: [each.errors() for each in runs.seeded(runs.arm(name)) if each.errors()] for name in POINTS}
    drawn = {"curves": figures.errors(curves, POINTS)} if any(curves.values()) else {}
    return Judgement([found] if found else [], [_rates(runs), _seeds([*relu, *tanh])], drawn)


def _ratio(runs: Runs, pairs: list[tuple[Trial, Trial]]) -> Finding | None:
    """The finding of pairs in which ReLU came down; where tanh did not, it took more than the epochs that it had."""
    down = [pair for pair in pairs if pair[0].crossing() < math.inf and not pair[1].diverged]
    if not down:
        return None
    quick = [one.crossing() for one, _ in down]
    slow = [min(other.crossing(), len(other.errors())) for _, other in down]
    longer = sum(other.crossing() == math.inf for _, other in down)
    logarithms = tuple(math.log(late / early) for early, late in zip(quick, slow, strict=True))
    difference = Difference(logarithms, math.log(RATIO), at_least=longer > 0)
    at_least, low = "at least " if longer else "", math.exp(difference.interval[0])
    span = f"{low:.1f} or more" if longer else f"{low:.1f} to {math.exp(difference.interval[1]):.1f}"
    parts = [
        f"{at_least}{math.exp(difference.mean):.2f}{f' (95 %: {span})' if len(down) > 1 else ''}",
        f"{_mean(quick)} and {at_least}{_mean(slow)} epochs, {counted(len(down), 'seed')}",
    ]
    if longer:
        parts.append(f"tanh did not come to 25 % with {longer} of them")
    if len(pairs) > len(down):
        parts.append(f"{len(pairs) - len(down)} of {len(pairs)} pairs cannot be compared")
    edges = [name for name in POINTS if runs.at_the_edge(runs.arm(name))]
    if edges:
        parts.append(f"the best rate of {' and '.join(edges)} is at the edge of those tried")
    return Finding("epochs of tanh over epochs of ReLU", "6 (6 and 36 epochs)", "; ".join(parts), difference.sentence)


def _mean(values: list[float]) -> str:
    mean, deviation = spread(values)
    return f"{mean:.1f}" + (f" +- {deviation:.1f}" if len(values) > 1 else "")


def _rates(runs: Runs) -> Table:
    """The whole search, and what became of each rate."""
    rows = []
    for arm in runs.experiment.arms:
        best, hopeful = runs.best(arm), [trial.name for trial in runs.hopeful(arm)]
        for trial in runs.sweep(arm):
            if trial.diverged:
                state = "diverged"
            elif best is not None and trial.name == best.name:
                state = "best; at the edge of the rates tried" if runs.at_the_edge(arm) else "best"
            elif trial.over(runs.needed(arm)):
                state = "slower" if best is not None else "at its end"
            elif trial.over(LOOK) and trial.name not in hopeful:
                state = f"dropped after {LOOK} epochs"
            else:
                state = "not finished"
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


WHOLE_PICTURES = (
    ("augmentation.crop", 32),
    ("augmentation.random_crop", False),
    ("augmentation.mirror", False),
    ("validation_batch", 0),
    ("all_batches_from", 0),
    ("drop_epochs", ()),
)


def _experiment(name: str, what: str, recipe: str, tanh: str = "tanh[1,1]", more: Changes = ()) -> Experiment:
    """One kind of net with both activations.

    Args:
        name: of the experiment.
        what: is special about it.
        recipe: of a layer file.
        tanh: as its layer file writes it.
        more: changes of the recipe.
    """
    net = RECIPES[recipe]
    decay = [(f"layer_params.{layer}.wc", 0) for layer, section in net.layer_params.items() if "wc" in section]
    # the ReLU of a first layer may stand behind its maximum, where it does the same; so does tanh, which rises too
    activated = [f"layers.{layer}.neuron" for layer, section in net.layers.items() if section.get("neuron") == "relu"]
    changes = (*WHOLE_PICTURES, *decay, *more)
    return Experiment(
        name=name,
        claim=f"ReLUs reach 25 % training error in a sixth of the epochs of tanh: {what}",
        section="3.1, Figure 1",
        paper='"A four-layer convolutional neural network with ReLUs reaches a 25 % training error rate on CIFAR-10 '
        'six times faster than an equivalent network with tanh neurons": 6 epochs against 36.',
        data="cifar-10",
        pictures=50_000,
        until=25.0,
        arms=(
            Arm(
                "relu",
                recipe,
                (*changes, ("epochs", MOST_EPOCHS["relu"])),
                rates=(0.0005, 0.001, 0.002, 0.004),
            ),
            Arm(
                "tanh",
                recipe,
                (*changes, ("epochs", MOST_EPOCHS["tanh"]), *((key, tanh) for key in activated)),
                rates=(0.002, 0.004, 0.008, 0.016),
            ),
        ),
        judge=judge,
    )


FIGURE1 = _experiment("figure1", "three convolutions", "cifar10-19pct")
# how much depends on the net, on tanh's form (LeCun's), and on the size of the pixels: dividing these by their
# deviation is the same as dividing the rate of layer 1, for like weights on them, by its square
FIGURE1_VARIANTS = (
    _experiment("figure1-local", "two convolutions and two local layers", "cifar10-13pct"),
    _experiment("figure1-scaled", "with 1.7159 tanh(2x / 3)", "cifar10-19pct", "tanh[1.7159,0.66666667]"),
    _experiment(
        "figure1-standardised",
        "on standardised pixels",
        "cifar10-19pct",
        more=(("layer_params.conv1.epsW", 0.001 / PIXEL_STD**2),),
    ),
)
