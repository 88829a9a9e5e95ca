"""Pictures near in the last hidden layer (section 6.1, Figure 4) are of one class more often than by pixels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np
from matplotlib.figure import Figure

from alexnet import figures
from alexnet.data import DataSet, Split
from alexnet.data.sweep import Sweep
from alexnet.experiments.comparisons import difference_in_points, trained
from alexnet.experiments.experiment import Arm, Experiment, Judgement, Runs, Table
from alexnet.inference.nearest import Index, Neighbour
from alexnet.inference.predictor import Predictor
from alexnet.run.trained import load_predictor

__all__ = ["NEAREST"]

QUERIES = 200  # test pictures, evenly spread
NEIGHBOURS = 6  # of each, as in Figure 4
SHOWN, LABELS = 5, 5  # pictures of the figure, and labels of each


def judge(runs: Runs) -> Judgement:
    """How many of the nearest training pictures are of the class of the test picture, by activations and by pixels."""
    rows, gained = [], []
    drawn: dict[str, Figure] = {}
    for trial in trained(runs, runs.experiment.arms[0]):
        data, predictor = runs.data(trial.seed), load_predictor(trial.folder.path, False, runs.devices)
        asked = np.linspace(0, len(data.val) - 1, min(QUERIES, len(data.val))).astype(int)
        train, test = _pixels(data.train, predictor), _pixels(data.val, predictor)[asked]
        near = {
            "activations": Index(_hidden(train, predictor), data).nearest(_hidden(test, predictor), NEIGHBOURS),
            "pixels": Index(_flat(train), data).nearest(_flat(test).astype(np.float32), NEIGHBOURS),
        }
        shares = [
            _agreement(found, [data.classes[label] for label in data.val.labels[asked]]) for found in near.values()
        ]
        gained.append(shares[0] - shares[1])
        rows.append([str(trial.seed), *(f"{share:.1f} %" for share in shares)])
        if not drawn:
            shown = np.linspace(0, len(asked) - 1, min(SHOWN, len(asked))).astype(int)
            drawn = {
                f"nearest-by-{name}": _figure(
                    [asked[row] for row in shown], test[shown], [found[row] for row in shown], data, predictor
                )
                for name, found in near.items()
            }
    findings = difference_in_points(
        f"agreement of the {NEIGHBOURS} nearest in the last hidden layer less that in pixels",
        "nearest in fc7 are alike in meaning, and not close in pixels: more",
        None,
        gained,
    )
    head = ("seed", "last hidden layer", "pixels")
    title = f"Share of the {NEIGHBOURS} nearest training pictures that are of the same class"
    return Judgement(findings, [Table(title, head, rows)], drawn)


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


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def _agreement(found: Sequence[Sequence[Neighbour]], classes: Sequence[str]) -> float:
    """In percent, the share of neighbours that are of the class of the query."""
    return float(
        100 * np.mean([each.words == words for words, near in zip(classes, found, strict=True) for each in near])
    )


def _figure(
    numbers: Sequence[int], images: np.ndarray, near: Sequence[Sequence[Neighbour]], data: DataSet, predictor: Predictor
) -> Figure:
    """Figure 4 of some test pictures.

    Args:
        numbers: of the pictures.
        images: as the net is given them.
        near: their neighbours.
        data: where they are from.
        predictor: says its best labels.
    """
    rows = []
    probabilities = predictor.probabilities(images, 1)
    for number, image, said, neighbours in zip(numbers, images, probabilities, near, strict=True):
        best = np.argsort(-said, kind="stable")[:LABELS]
        rows.append(
            figures.Seen(
                data.classes[data.val.labels[number]],
                image.transpose(1, 2, 0),
                [(data.classes[label], float(said[label])) for label in best],
                [(each.image, each.words) for each in neighbours],
            )
        )
    return figures.seen(rows)


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
