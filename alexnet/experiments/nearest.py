"""Pictures near in the last hidden layer (section 6.1, Figure 4) are of one class more often than by pixels."""

from __future__ import annotations

from contextlib import closing

import numpy as np

from alexnet.data import Split
from alexnet.data.sweep import Sweep
from alexnet.experiments.comparisons import difference_in_points, trained
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table
from alexnet.inference.nearest import Index
from alexnet.inference.predictor import Predictor
from alexnet.run.trained import load_predictor

__all__ = ["NEAREST"]

QUERIES = 200  # test pictures, evenly spread
NEIGHBOURS = 6  # of each, as in Figure 4


def judge(runs: Runs) -> Judgement:
    """How many of the nearest training pictures are of the class of the test picture, by activations and by pixels."""
    trials = trained(runs, runs.experiment.arms[0])
    data = runs.data()
    asked = np.linspace(0, len(data.val) - 1, min(QUERIES, len(data.val))).astype(int)
    labels = data.val.labels[asked]
    rows, gained = [], []
    for trial in trials:
        predictor = load_predictor(trial.folder.path, False, runs.devices)
        train, test = _pixels(data.train, predictor), _pixels(data.val, predictor)[asked]
        shares = [
            _agreement(Index(_hidden(train, predictor), data), _hidden(test, predictor), labels),
            _agreement(
                Index(train.reshape(len(train), -1), data), test.reshape(len(test), -1).astype(np.float32), labels
            ),
        ]
        gained.append(shares[0] - shares[1])
        rows.append([str(trial.seed), *(f"{share:.1f} %" for share in shares)])
    findings = difference_in_points(
        f"agreement of the {NEIGHBOURS} nearest in the last hidden layer less that in pixels",
        "nearest in fc7 are alike in meaning, and not close in pixels: more",
        None,
        gained,
    )
    head = ("seed", "last hidden layer", "pixels")
    title = f"Share of the {NEIGHBOURS} nearest training pictures that are of the same class"
    return Judgement(findings, [Table(title, head, rows)])


def _pixels(split: Split, predictor: Predictor) -> np.ndarray:
    """Pictures as the net is given them, black where they cannot be read: uint8 (n, C, side, side)."""
    found = np.zeros((len(split), predictor.channels, predictor.rescale, predictor.rescale), np.uint8)
    with closing(Sweep(predictor.pictures(split)).batches()) as batches:
        for indices, images in batches:
            found[indices] = images
    return found


def _hidden(images: np.ndarray, predictor: Predictor) -> np.ndarray:
    """Their activations: float32 (n, units)."""
    return np.concatenate([predictor.hidden(images[start : start + 128]) for start in range(0, len(images), 128)])


def _agreement(index: Index, queries: np.ndarray, labels: np.ndarray) -> float:
    """In percent, the share of neighbours that are of the class of the query."""
    found, classes = index.nearest(queries, NEIGHBOURS), index.data.classes
    right = [each.words == classes[label] for label, near in zip(labels, found, strict=True) for each in near]
    return float(100 * np.mean(right))


NEAREST = Experiment(
    name="nearest",
    claim="pictures near in the last hidden layer are alike in meaning",
    section="6.1, Figure 4",
    paper='The training pictures with the smallest Euclidean distance in the last hidden layer are "generally not '
    'close in L2" at the level of pixels, and show the same things.',
    data="cifar-10",
    pictures=50_000,
    arms=(Arm("80sec", "cifar10-80sec"),),
    judge=judge,
)
