"""Training pictures that are alike to a network (Figure 4, right): an index of its last hidden activations.

Section 6.1: "If two images produce feature activation vectors with a small Euclidean separation, we can say that the
higher levels of the neural network consider them to be similar."
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from alexnet.data import DataError, DataSet, RescaledSplit
from alexnet.data.sweep import Sweep
from alexnet.files import ClaimError, claimed, free_space, whole
from alexnet.inference.predictor import Predictor
from alexnet.terminal import amount, say
from minigrad import checkpoint

__all__ = ["Index", "Neighbour", "open_index"]

SEARCHED_AT_ONCE = 4096  # pictures


@dataclass(frozen=True)
class Neighbour:
    """A training picture.

    Attributes:
        image: uint8 (H, W, C).
        name: its file.
        words: its class.
        distance: Euclidean, between activations.
    """

    image: np.ndarray
    name: str
    words: str
    distance: float


class Index:
    """The activations of all training pictures.

    Args:
        features: float32 (n, units), may be on disk.
        data: the data set whose training part it describes.
    """

    def __init__(self, features: np.ndarray, data: DataSet) -> None:
        self.features, self.data = features, data

    def nearest(self, queries: np.ndarray, count: int) -> list[list[Neighbour]]:
        """For each query, float32 (units,), the `count` nearest pictures, the nearest first, in one pass."""
        found = [(np.zeros(0), np.zeros(0, np.int64)) for _ in queries]
        for start in range(0, len(self.features), SEARCHED_AT_ONCE):
            chunk = np.asarray(self.features[start : start + SEARCHED_AT_ONCE])
            for row, query in enumerate(queries):
                distances = np.concatenate([found[row][0], np.linalg.norm(chunk - query, axis=1)])
                numbers = np.concatenate([found[row][1], np.arange(start, start + len(chunk))])
                best = np.argsort(distances, kind="stable")[:count]
                found[row] = distances[best], numbers[best]
        return [
            [self._neighbour(number, distance) for distance, number in zip(*map(np.ndarray.tolist, pair), strict=True)]
            for pair in found
        ]

    def _neighbour(self, number: int, distance: float) -> Neighbour:
        train = self.data.train
        return Neighbour(train.image(number), train.name(number), self.data.classes[train.labels[number]], distance)


def open_index(predictor: Predictor, store: Path, data: DataSet) -> Index:
    """The index beside a store, made first if it is not there.

    Args:
        predictor: whose activations.
        store: the folder of the store.
        data: the store, opened.

    Raises:
        DataError: the index is damaged, or the pictures do not suit the network.
        ClaimError: another process makes the index, it cannot be written, or the disk has no room for it.
    """
    if predictor.channels != data.channels:
        raise DataError(f"the network takes pictures of {predictor.channels} channels, {store} has {data.channels}")
    key = hashlib.sha256(f"{predictor.fingerprint()} {data.train.fingerprint}".encode()).hexdigest()
    path = store.with_name(f"{store.name}.nearest-{key[:16]}.npy")
    if not path.exists():
        size = 4 * predictor.units * len(data.train)  # float32
        free = free_space(path)
        if free < size:
            raise ClaimError(
                f"{path} would take {amount(size)}, and the disk has {amount(free)} free; make room, or move the store "
                "to another disk"
            )
        say(f"into {path}, once, which will take {amount(size)}", sys.stderr)
        with claimed(path):
            _make(path, predictor, predictor.pictures(data.train))
    try:
        features = checkpoint.map_array(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); remove it, and it is made again") from error
    if features.ndim != 2 or len(features) != len(data.train) or features.dtype != np.float32:
        raise DataError(f"{path} is not the index of {store}; remove it, and it is made again")
    return Index(features, data)


def _make(path: Path, predictor: Predictor, pictures: RescaledSplit) -> None:
    """Compute the activations of all pictures of a store, a row each, in a file beside that is then renamed.

    Of a store every picture can be read, so row i is that of picture i.
    """
    with (
        whole(path) as beside,
        beside.open("wb") as file,
        closing(Sweep(pictures).batches()) as batches,
        tqdm(total=len(pictures), desc="index", unit=" images", leave=False, disable=None) as bar,
    ):
        for indices, images in batches:
            hidden = predictor.hidden(images)
            if indices[0] == 0:
                header = {"descr": hidden.dtype.str, "fortran_order": False, "shape": (len(pictures), hidden.shape[1])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(hidden).data)
            bar.update(len(images))
