"""A trained network with all that it needs to look at a picture, and what it says of a whole split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import closing

import numpy as np
from tqdm.auto import tqdm

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import LayerNet
from alexnet.cuda_convnet.layers.weighted import FullyConnected
from alexnet.data import RescaledSplit, Split, Statistics, centre_view, views
from alexnet.data.sweep import BATCH, Sweep
from minigrad import nn

__all__ = ["Predictor", "probabilities_of"]


class Predictor:
    """A network in its run's surroundings.

    Args:
        model: in evaluation.
        device: where batches go.
        rescale: side of the square that pictures are brought to.
        crop: side of what the network sees.
        statistics: of its training set.
        ids: identifiers of the classes.
        classes: their words.
        digit_width: to which what is drawn on black is brought; 0 for pictures as they are.
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
        digit_width: int = 0,
    ) -> None:
        self.model, self.device, self.rescale, self.crop = model.eval(), device, rescale, crop
        self.statistics, self.ids, self.classes = statistics, tuple(ids), tuple(classes)
        self.digit_width = digit_width

    @property
    def channels(self) -> int:
        """Of the pictures."""
        return len(self.statistics.mean)

    @property
    def most_views(self) -> int:
        """10 where the network sees a part of the picture (section 4.1), 1 where it sees all of it."""
        return 10 if self.crop < self.rescale else 1

    @property
    def units(self) -> int:
        """Of the last hidden layer.

        Raises:
            ValueError: there is none.
        """
        last = self._last
        return (
            sum(weight.shape[1] for weight in last.weights())
            if isinstance(last, FullyConnected)
            else last.weight.shape[1]
        )

    @property
    def _last(self) -> nn.Linear | FullyConnected:
        """The layer that reads the last hidden layer, or those that are."""
        if not isinstance(self.model, LayerNet):
            return [module for module in self.model.modules() if isinstance(module, nn.Linear)][-1]
        if not isinstance(self.model.last, FullyConnected):
            raise ValueError(
                "the network's last layer is not fully-connected, so it has no last hidden layer in which pictures "
                "could be compared"
            )
        return self.model.last

    def pictures(self, split: Split) -> RescaledSplit:
        """A split as the network is given it, for one sweep."""
        return RescaledSplit(split, self.rescale, keep=False, digit_width=self.digit_width)

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
        handle = self._last.register_forward_hook(lambda layer, inputs, output: seen.extend(inputs))
        try:
            with mg.no_grad():
                self.model(mg.tensor(centre_view(images, self.crop, self.statistics), self.device))
        finally:
            handle.remove()
        return np.concatenate([each.flatten(1).numpy() for each in seen], axis=1)

    def fingerprint(self) -> str:
        """SHA-256 of all that its answers depend on."""
        digits = f" {self.digit_width}" if self.digit_width else ""
        result = hashlib.sha256(f"{self.rescale} {self.crop}{digits}".encode())
        values: dict[str, mg.Tensor | np.ndarray] = {**self.model.state_dict(), "mean": self.statistics.mean}
        for name, value in sorted(values.items()):
            result.update(f"{name} {value.shape} {value.dtype}".encode())
            result.update(np.ascontiguousarray(value).data)
        return result.hexdigest()


def probabilities_of(predictor: Predictor, split: Split, count: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The averaged softmax outputs for all pictures of a split, with a bar.

    Args:
        predictor: what looks at them.
        split: the pictures.
        count: of views, 1 or 10.

    Returns:
        float32 (n, classes); which pictures can be read, bool (n,), for the rows of the others are 0; and why those
        cannot.

    Raises:
        DataError: too many pictures cannot be read.
    """
    pictures = predictor.pictures(split)
    found = np.zeros((len(pictures), len(predictor.classes)), np.float32)
    read = np.zeros(len(pictures), bool)
    reasons: list[str] = []
    sweep = Sweep(pictures, BATCH, left_out=lambda rejected: reasons.append(rejected.reason))
    with (
        closing(sweep.batches()) as batches,
        tqdm(total=len(pictures), desc=f"{count} views", unit=" images", leave=False, disable=None) as bar,
    ):
        for indices, images in batches:
            found[indices], read[indices] = predictor.probabilities(images, count), True
            bar.update(len(images))
    return found, read, reasons
