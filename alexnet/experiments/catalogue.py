"""The experiments by name, and the tables and claims that only ImageNet answers, with the commands that would."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.experiments.averaging import AVERAGING
from alexnet.experiments.biases import BIASES
from alexnet.experiments.colour import COLOUR
from alexnet.experiments.crops import CROPS
from alexnet.experiments.decay import DECAY
from alexnet.experiments.dropout import DROPOUT
from alexnet.experiments.experiment import Table
from alexnet.experiments.figure1 import FIGURE1, FIGURE1_VARIANTS
from alexnet.experiments.figure3 import FIGURE3
from alexnet.experiments.jarrett import JARRETT
from alexnet.experiments.mnist import MNIST
from alexnet.experiments.nearest import NEAREST
from alexnet.experiments.normalisation import NORMALISATION
from alexnet.experiments.parameters import PARAMETERS
from alexnet.experiments.parts import COLUMNS, MIDDLE, POOLING
from alexnet.experiments.specialise import SPECIALISE
from alexnet.experiments.views import VIEWS

__all__ = ["EXPERIMENTS", "IMAGENET", "NOT_RUN", "TABLES", "Elsewhere"]

_FIGURES = FIGURE1, *FIGURE1_VARIANTS, FIGURE3
_CLAIMS = VIEWS, CROPS, DROPOUT, AVERAGING, NEAREST, BIASES, PARAMETERS, NORMALISATION, DECAY, MIDDLE, JARRETT, MNIST
_SIGNS = COLUMNS, POOLING, COLOUR, SPECIALISE
EXPERIMENTS = {each.name: each for each in (*_FIGURES, *_CLAIMS, *_SIGNS)}


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


NOT_RUN = "not run here"
OTHERS = "another method"
WIDER = f"{NOT_RUN}: a sixth convolution and ImageNet of Fall 2011"
TABLES = (
    Table(
        "Table 1: test errors on ILSVRC-2010",
        ("model", "top-1 in the paper", "top-5", "here"),
        (
            ("sparse coding", "47.1 %", "28.2 %", OTHERS),
            ("SIFT and Fisher vectors", "45.7 %", "25.7 %", OTHERS),
            ("convolutional net", "37.5 %", "17.0 %", NOT_RUN),
        ),
    ),
    Table(
        "Table 2: errors on ILSVRC-2012; nets with a star had learned all of ImageNet before",
        ("model", "top-1, validation, in the paper", "top-5, validation", "top-5, test", "here"),
        (
            ("SIFT and Fisher vectors", "", "", "26.2 %", OTHERS),
            ("1 net", "40.7 %", "18.2 %", "", NOT_RUN),
            ("5 nets", "38.1 %", "16.4 %", "16.4 %", f"{NOT_RUN}; on CIFAR-10: {AVERAGING.name}"),
            ("1 net*", "39.0 %", "16.6 %", "", WIDER),
            ("7 nets*", "36.7 %", "15.4 %", "15.3 %", WIDER),
        ),
    ),
)
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
