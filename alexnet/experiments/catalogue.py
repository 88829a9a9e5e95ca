"""The experiments by name, and the claims that only ImageNet answers, with the commands that would."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.experiments.averaging import AVERAGING
from alexnet.experiments.crops import CROPS
from alexnet.experiments.decay import DECAY
from alexnet.experiments.dropout import DROPOUT
from alexnet.experiments.figure1 import FIGURE1, FIGURE1_VARIANTS
from alexnet.experiments.figure3 import FIGURE3
from alexnet.experiments.jarrett import JARRETT
from alexnet.experiments.mnist import MNIST
from alexnet.experiments.nearest import NEAREST
from alexnet.experiments.normalisation import NORMALISATION
from alexnet.experiments.parameters import PARAMETERS
from alexnet.experiments.views import VIEWS

__all__ = ["EXPERIMENTS", "IMAGENET", "Elsewhere"]

_FIGURES = FIGURE1, *FIGURE1_VARIANTS, FIGURE3
_CLAIMS = VIEWS, CROPS, DROPOUT, AVERAGING, NEAREST, PARAMETERS, NORMALISATION, DECAY, JARRETT, MNIST
EXPERIMENTS = {each.name: each for each in (*_FIGURES, *_CLAIMS)}


@dataclass(frozen=True)
class Elsewhere:
    """A claim that is not put to the test here.

    Attributes:
        claim, section, paper: as of an experiment.
        commands: what would do it, a line each; STORE is a prepared store of the data that `paper` names.
    """

    claim: str
    section: str
    paper: str
    commands: tuple[str, ...]


def _trained(out: str, *changes: str) -> str:
    flags = "".join(f" --set {change}" for change in changes)
    return f"python -m alexnet.train --recipe paper --data STORE --devices cuda:0,cuda:1{flags} --out runs/{out}"


MEASURED = "python -m alexnet.evaluate {} --views 10"
WHOLE = (_trained("paper"), MEASURED.format("runs/paper"))


IMAGENET = (
    Elsewhere(
        "Table 1: ILSVRC-2010",
        "6",
        "37.5 % top-1 and 17.0 % top-5 test error",
        (WHOLE[0], MEASURED.format("runs/paper") + " --split test"),
    ),
    Elsewhere("Table 2: ILSVRC-2012, one net", "6", "40.7 % and 18.2 % validation error", WHOLE),
    Elsewhere(
        "Table 2: five nets averaged",
        "6",
        "38.1 % and 16.4 % validation error",
        (
            *(f"{_trained(f'paper-{seed}')} --seed {seed}" for seed in range(5)),
            MEASURED.format(" ".join(f"runs/paper-{seed}" for seed in range(5))),
        ),
    ),
    Elsewhere(
        "two GPUs against a net of half the kernels on one",
        "3.2",
        "1.7 and 1.2 points lower",
        (
            *WHOLE,
            _trained("half", "network_options.columns=1").replace("cuda:0,cuda:1", "cuda:0"),
            MEASURED.format("runs/half"),
        ),
    ),
    Elsewhere(
        "normalisation across maps",
        "3.3",
        "1.4 and 1.2 points lower",
        (*WHOLE, _trained("no-lrn", "network_options.lrn=false"), MEASURED.format("runs/no-lrn")),
    ),
    Elsewhere(
        "overlapping pooling",
        "3.4",
        "0.4 and 0.3 points lower",
        (*WHOLE, _trained("apart", "network_options.overlapping_pooling=false"), MEASURED.format("runs/apart")),
    ),
    Elsewhere(
        "colour noise",
        "4.1",
        "more than 1 point of top-1 error lower",
        (*WHOLE, _trained("no-noise", "augmentation.colour_noise=0"), MEASURED.format("runs/no-noise")),
    ),
    Elsewhere(
        "each middle convolution matters",
        "1 and 7",
        "about 2 points of top-1 error for each",
        (*WHOLE, _trained("no-conv4", "'network_options.without=[\"conv4\"]'"), MEASURED.format("runs/no-conv4")),
    ),
)
