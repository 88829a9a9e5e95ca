"""What watches over training: numbers that are no longer finite and where they began, and a net that does not start."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

import minigrad as mg
from minigrad import nn

__all__ = ["FlatStart", "first_fault", "gradient_fault", "state_fault"]

FLAT_STEPS = 1000  # after so many steps, or two for each class, a net that learns has started
FLAT_WINDOW = 100  # of these last steps the losses are averaged
FLAT_SHARE = 0.01  # of the loss by chance: a net that has started is at least so far below


def _finite(x: mg.Tensor) -> bool:
    return bool(np.isfinite(x.numpy()).all())


def first_fault(model: nn.Module, x: mg.Tensor) -> str:
    """Where the numbers first stop being finite when a batch goes through a network, as a clause.

    The batch goes through once more, with the output of every layer looked at. In training, the generator must be
    where it was, for dropout to drop the same units.

    Args:
        model: a network.
        x: images (N, C, H, W).
    """
    bad = ~np.isfinite(x.numpy()).all(axis=(1, 2, 3))
    if bad.any():
        return f"the batch itself has values that are not finite, the first in its picture {bad.argmax()}"
    paths = {layer: path for path, layer in model.named_modules() if not layer._modules}
    faults: list[str] = []

    def look(layer: nn.Module, inputs: tuple[mg.Tensor, ...], output: mg.Tensor) -> None:
        if faults:
            return
        path = paths[layer]
        faults.extend(f"{path}.{name} is not finite" for name, each in layer.named_parameters() if not _finite(each))
        if not faults and not _finite(output):
            faults.append(f"the first layer whose output is not finite is {path}, {layer!r}")

    handles = [layer.register_forward_hook(look) for layer in paths]
    try:
        with mg.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    return faults[0] if faults else "the outputs of all layers are finite, only the loss is not"


def gradient_fault(model: nn.Module) -> str:
    """Which gradient a backward pass got wrong first, as a clause; "" if all are finite.

    Looked at are the gradients of the biases: sums of what arrives at a layer's output, which are not finite where that
    is not. They are small and there already; those of the weights may be made only while the weights are updated.
    """
    for path, parameter in reversed(list(model.named_parameters())):
        if parameter.ndim == 1 and parameter.grad is not None and not _finite(parameter.grad):
            return f"the gradient of {path} is not finite, the first on the way back"
    return ""


def state_fault(state: Mapping[str, npt.ArrayLike]) -> str:
    """The first weight or velocity that is not finite, by name; "" if all are."""
    arrays = ((name, value) for name, value in state.items() if name.startswith(("model/", "velocity/")))
    return next((name for name, value in arrays if not np.isfinite(np.asarray(value)).all()), "")


class FlatStart:
    """Notices a net that does not start to learn: its loss is still that of chance, or above.

    Chance is the entropy of the labels, log(classes) where all are as frequent: the loss of a net that has learned how
    often each class comes and looks at no picture.

    Args:
        labels: of the training set, int64 (n,).

    Attributes:
        steps: after how many it looks, once.
        chance: that loss, in nats.
    """

    def __init__(self, labels: np.ndarray) -> None:
        counts = np.bincount(labels)
        shares = counts[counts > 0] / len(labels)
        self.steps = max(FLAT_STEPS, 2 * len(counts))
        self.chance = float(-(shares * np.log(shares)).sum())
        self._losses: deque[float] = deque(maxlen=FLAT_WINDOW)

    def step(self, number: int, loss: float) -> str:
        """Take the loss of a step; a sentence at the one that decides, if the net has not started, else "".

        Args:
            number: of the step, counted from 1 in all epochs.
            loss: of its batch, the mean.
        """
        self._losses.append(loss)
        mean = math.fsum(self._losses) / len(self._losses)
        if number != self.steps or mean < (1 - FLAT_SHARE) * self.chance:
            return ""
        return (
            f"the loss is {mean:.4f} after {number:,} steps, no better than chance ({self.chance:.4f}): the net has "
            "not started to learn. Likely reasons: initial weights so small that every layer makes its signal "
            "smaller, as a standard deviation of 0.01 is for a narrow net; pictures that were normalised where 0-255 "
            "minus the mean is expected; a rate that is too low or too high. With 1,000 classes the start may take "
            "some thousand steps"
        )
