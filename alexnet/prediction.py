"""A trained network with all that it needs to look at a picture, and the errors of one or several on a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

import minigrad as mg
import minigrad.functional as F
from alexnet.data import DataError, RescaledSplit, Split, Statistics, made_ahead, views
from alexnet.journal import REJECTED_SHARE
from alexnet.recipe import Recipe, build_network
from alexnet.runs import RunError, RunFolder
from minigrad import nn

__all__ = ["Errors", "Predictor", "errors", "load_predictor", "probabilities_of"]

BATCH = 128  # pictures
SORTED_AT_ONCE = 4096  # pictures whose scores are sorted
WORKERS = 2


class Predictor:
    """A network in its run's surroundings.

    Args:
        model: in evaluation; its last layer is linear.
        device: where batches go.
        rescale: side of the square that pictures are brought to.
        crop: side of what the network sees.
        statistics: of its training set.
        ids: identifiers of the classes.
        classes: their words.
    """

    def __init__(
        self,
        model: nn.Module,
        device: mg.Device,
        rescale: int,
        crop: int,
        statistics: Statistics,
        ids: Sequence[str],
        classes: Sequence[str],
    ) -> None:
        self.model, self.device, self.rescale, self.crop = model.eval(), device, rescale, crop
        self.statistics, self.ids, self.classes = statistics, tuple(ids), tuple(classes)

    @property
    def channels(self) -> int:
        """Of the pictures."""
        return len(self.statistics.mean)

    @property
    def most_views(self) -> int:
        """10 where the network sees a part of the picture (section 4.1), 1 where it sees all of it."""
        return 10 if self.crop < self.rescale else 1

    def probabilities(self, images: np.ndarray, count: int) -> np.ndarray:
        """The softmax outputs, averaged over the views (section 4.1).

        Args:
            images: uint8 (b, C, rescale, rescale).
            count: of views, 1 or 10.

        Returns:
            float64 (b, classes).
        """
        total = np.zeros((len(images), len(self.classes)))
        with mg.no_grad():
            for view in views(images, self.crop, self.statistics, count):
                total += F.softmax(self.model(mg.tensor(view, self.device)), dim=1).numpy()
        return total / count

    def hidden(self, images: np.ndarray) -> np.ndarray:
        """The activations of the last hidden layer on the centre view: what the last linear layer reads.

        Args:
            images: uint8 (b, C, rescale, rescale).

        Returns:
            float32 (b, units).
        """
        seen: list[mg.Tensor] = []
        last = [module for module in self.model.modules() if isinstance(module, nn.Linear)][-1]
        handle = last.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
        try:
            with mg.no_grad():
                (view,) = views(images, self.crop, self.statistics, 1)
                self.model(mg.tensor(view, self.device))
        finally:
            handle.remove()
        return seen[0].numpy()

    def fingerprint(self) -> str:
        """SHA-256 of all that its answers depend on."""
        result = hashlib.sha256(f"{self.rescale} {self.crop}".encode())
        for name, value in sorted({**self.model.state_dict(), "mean": self.statistics.mean}.items()):
            result.update(f"{name} {value.shape} {value.dtype}".encode())
            result.update(np.ascontiguousarray(value).data)
        return result.hexdigest()


def load_predictor(folder: Path, best: bool, devices: Sequence[str]) -> Predictor:
    """The network of a run.

    Args:
        folder: of the run.
        best: take best.npz, not the latest checkpoint.
        devices: one, or one for each column.

    Raises:
        RunError: there is no such run, or it is damaged.
    """
    run = RunFolder(folder)
    settings = run.read_settings()
    state = run.load(best)
    try:
        recipe = Recipe.from_json(settings["recipe"])
        classes, channels = settings["classes"], settings["channels"]
        model = build_network(recipe, len(classes), channels, devices)
        model.load_state_dict(_part(state, "model/"))
        shape = channels, recipe.rescale, recipe.rescale
        statistics = Statistics.from_arrays(_part(state, "statistics/"), shape)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"the run in {folder} cannot be used ({error.args[0]})") from error
    crop = recipe.augmentation.crop
    return Predictor(model, mg.device(devices[0]), recipe.rescale, crop, statistics, settings["ids"], classes)


def _part(state: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


@dataclass(frozen=True)
class Errors:
    """How often the right label is not the first, and not among the first five.

    Attributes:
        top1, top5: how many pictures.
        count: of how many.
    """

    top1: int = 0
    top5: int = 0
    count: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(self.top1 + other.top1, self.top5 + other.top5, self.count + other.count)

    @property
    def top1_percent(self) -> float:
        """The top-1 error in percent."""
        return 100 * self.top1 / self.count

    @property
    def top5_percent(self) -> float:
        """The top-5 error in percent."""
        return 100 * self.top5 / self.count


def errors(scores: np.ndarray, labels: np.ndarray) -> Errors:
    """Count the errors of scores (n, classes) for labels (n,). Among equal scores the lower label comes first."""
    found = Errors()
    for start in range(0, len(labels), SORTED_AT_ONCE):
        rows = slice(start, start + SORTED_AT_ONCE)
        best = np.argsort(-scores[rows], axis=1, kind="stable")[:, :5] == labels[rows, np.newaxis]
        found += Errors(int(np.sum(~best[:, 0])), int(np.sum(~best.any(axis=1))), len(best))
    return found


def probabilities_of(predictor: Predictor, split: Split, count: int) -> tuple[np.ndarray, dict[int, str]]:
    """The averaged softmax outputs for all pictures of a split, with a bar.

    Args:
        predictor: what looks at them.
        split: the pictures.
        count: of views, 1 or 10.

    Returns:
        float32 (n, classes), and by index the reason why a picture cannot be read; its row is 0.

    Raises:
        RunError: more than REJECTED_SHARE of the pictures cannot be read.
    """
    pictures = RescaledSplit(split, predictor.rescale, keep=False)
    batches = made_ahead(lambda start: _read(pictures, start), range(0, len(pictures), BATCH), WORKERS)
    found = np.zeros((len(pictures), len(predictor.classes)), np.float32)
    unreadable: dict[int, str] = {}
    with tqdm(total=len(pictures), desc=f"{count} views", unit=" images", leave=False, disable=None) as bar:
        for indices, images, reasons in batches:
            unreadable |= reasons
            if len(unreadable) > REJECTED_SHARE * len(pictures):
                raise RunError(
                    f"{len(unreadable)} of {len(pictures):,} pictures could not be read, more than "
                    f"{100 * REJECTED_SHARE:g} %; the last: {list(unreadable.values())[-1]}"
                )
            if len(images):
                found[indices] = predictor.probabilities(images, count)
            bar.update(len(images) + len(reasons))
    return found, unreadable


def _read(pictures: RescaledSplit, start: int) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Of the batch that begins at a picture: which can be read, uint8 (b, C, H, W), and why the others cannot."""
    indices = np.arange(start, min(start + BATCH, len(pictures)))
    with suppress(DataError):
        return indices, pictures.batch(indices), {}
    images, reasons = [], {}
    for index in indices.tolist():
        try:
            images.append(pictures.batch(np.array([index])))
        except DataError as error:
            reasons[index] = str(error)
    return np.setdiff1d(indices, list(reasons)), np.concatenate(images) if images else np.empty(0), reasons
