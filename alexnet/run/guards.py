"""What watches over training: numbers that are no longer finite and where they began, and a net that does not start."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

import minigrad as mg
from alexnet.cuda_convnet import LayerNet
from alexnet.recipes import RECIPES
from alexnet.run.checkpoint import MODEL, VELOCITY
from alexnet.terminal import command_line
from minigrad import nn

__all__ = [
    "FlatStart",
    "chance_error",
    "cut_off",
    "dead_layers",
    "fading_start",
    "first_fault",
    "gradient_fault",
    "state_fault",
]

SMALL = RECIPES["small"]  # which is known to start
FLAT_STEPS = 500  # after so many steps, or two for each class, a net that learns has started
FLAT_WINDOW = 100  # of these last steps the losses are averaged
FLAT_SHARE = 0.01  # of the loss by chance: a net that has started is at least so far below
DEAD_STEPS = 10  # steps in which no gradient arrives, of the last DEAD_WINDOW: in nets that learn, there are none
DEAD_WINDOW = 20
FADED = 0.01  # of the signal: if less of it comes through the hidden layers, the loss hardly has a slope


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
        if path.endswith("bias") and parameter.grad is not None and not _finite(parameter.grad):
            return f"the gradient of {path} is not finite, the first on the way back"
    return ""


def state_fault(state: Mapping[str, npt.ArrayLike]) -> str:
    """The first weight or velocity that is not finite, by name; "" if all are."""
    arrays = ((name, value) for name, value in state.items() if name.startswith((MODEL, VELOCITY)))
    return next((name for name, value in arrays if not np.isfinite(np.asarray(value)).all()), "")


def fading_start(model: nn.Module) -> str:
    """A sentence where the initial weights let the signal fade on its way through the hidden layers, else "".

    A layer of n inputs with weights of standard deviation sigma makes the signal sigma sqrt(n / 2) times as large, for
    the ReLU before it lets half through. Taken together are the layers between the first, which reads pixels, and
    the last. Of layers in several columns, the first column's stands for all.

    Args:
        model: a network with initial weights.
    """
    weights: dict[str, mg.Tensor] = {}
    for path, parameter in model.named_parameters():
        if parameter.ndim > 1:
            weights.setdefault(_layer(path), parameter)
    hidden = list(weights)[1:-1]
    gain = math.prod(_gain(weights[name].numpy()) for name in hidden)
    if gain >= FADED:
        return ""
    weight_std = f"network_options.weight_std={json.dumps(SMALL.network_options['weight_std'])}"
    rates = {"lr": SMALL.lr, **{f"layer_lr.{layer}": rate for layer, rate in SMALL.layer_lr.items()}}
    # half the rates: this network may be wider, and a step moves the outputs of a layer the more, the more it reads
    halved = [word for key, rate in rates.items() for word in ("--set", f"{key}={rate / 2:g}")]
    cure = command_line("--set", weight_std, *halved)
    return (
        f"the initial weights of {hidden[0]} to {hidden[-1]} let {100 * gain:.2g} % of the signal through: the net may "
        "learn nothing, with 1,000 classes for some thousand steps, with few for good; to start from the weights of "
        f"the recipe small, at half its rates, add {cure}"
    )


def _layer(path: str) -> str:
    """The name of a parameter's layer, without its column's."""
    return path.rpartition(".")[0].rpartition(".")[2]


def _gain(weight: np.ndarray) -> float:
    """Of the signal, in a layer with this weight (units, ...)."""
    return float(np.linalg.norm(weight)) / math.sqrt(2 * len(weight))


def cut_off(model: nn.Module) -> bool:
    """After a backward pass: whether a gradient leaves the last layer and none, to the last bit, reaches the first.

    So it is when no unit of a layer in between is active for any picture of the batch. Looked at are the gradients of
    biases, and where a layer is in several columns, in all of them.
    """
    arrives: dict[str, bool] = {}
    for path, parameter in model.named_parameters():
        if parameter.ndim == 1 and parameter.grad is not None:
            arrives[_layer(path)] = arrives.get(_layer(path), False) or bool(parameter.grad.numpy().any())
    found = list(arrives.values())
    return bool(found) and found[-1] and not found[0]


def dead_layers(model: nn.Module, x: mg.Tensor) -> list[str]:
    """The names of the layers of which no unit, in any column, is active for any picture of a batch.

    The batch goes through once more, without dropout, so that no random number is drawn.

    Args:
        model: a network.
        x: images (N, C, H, W).
    """
    paths = {layer: path for path, layer in model.named_modules() if not layer._modules}
    current = ""
    active: dict[str, bool] = {}

    def look(layer: nn.Module, inputs: tuple[mg.Tensor, ...], output: mg.Tensor) -> None:
        nonlocal current
        # what follows until the next layer with parameters is part of this one; in a layer file each is by itself
        if layer._parameters or isinstance(model, LayerNet):
            current = paths[layer]
        active[current] = bool(output.numpy().any())

    handles = [layer.register_forward_hook(look) for layer in paths]
    model.eval()
    try:
        with mg.no_grad():
            model(x)
    finally:
        model.train()
        for handle in handles:
            handle.remove()
    alive = {path.rpartition(".")[2] for path, value in active.items() if value}
    return list(dict.fromkeys(name for path in active if (name := path.rpartition(".")[2]) not in alive))


def chance_error(labels: np.ndarray) -> float:
    """The top-1 error in percent of a net that looks at no picture, and always says the most frequent class.

    Args:
        labels: of a split, int64 (n,).
    """
    return 100 * (1 - float(np.bincount(labels).max()) / len(labels))


class FlatStart:
    """Notices a net that does not learn: no gradient reaches its first layer, or its loss is still that of chance.

    Chance is the entropy of the labels, log(classes) where all are as frequent: the loss of a net that has learned how
    often each class comes and looks at no picture.

    Args:
        labels: of the training set, int64 (n,).
        lower_rate: what sets a rate.

    Attributes:
        after: the steps after which it looks at the loss, once; in a resumed run not before it has made FLAT_WINDOW.
        chance: that loss, in nats.
        dead: whether it has told that no gradient reaches the first layer.
    """

    def __init__(self, labels: np.ndarray, lower_rate: str = "--set lr=...") -> None:
        self._lower_rate = lower_rate
        counts = np.bincount(labels)
        shares = counts[counts > 0] / len(labels)
        self.after = max(FLAT_STEPS, 2 * len(counts))
        self.chance = float(-(shares * np.log(shares)).sum())
        self.dead = False
        self._cut_off: deque[bool] = deque(maxlen=DEAD_WINDOW)
        self._losses: deque[float] = deque(maxlen=FLAT_WINDOW)
        self._looked = False

    def look_at_gradient(self, number: int, model: nn.Module, x: mg.Tensor) -> str:
        """Look at the gradients of a step; a sentence where they show that the net is dead, else "".

        Args:
            number: of the step, counted from 1 in all epochs.
            model: the network after its backward pass, before the update.
            x: its batch (N, C, H, W).
        """
        self._cut_off.append(cut_off(model))
        if self.dead or not self._cut_off[-1] or sum(self._cut_off) < DEAD_STEPS:
            return ""
        self.dead = True
        names = " and ".join(dead_layers(model, x)) or "some layer"
        return (
            f"the net is dead: no unit of {names} is active for any picture of step {number:,}, and in {DEAD_STEPS} of "
            f"the last {DEAD_WINDOW} steps no gradient has reached the first layer. Likely reason: first steps so "
            f"large that they put the units out of reach; start anew with a lower rate ({self._lower_rate}) or another "
            "--seed"
        )

    def look_at_loss(self, number: int, loss: float) -> str:
        """Take the loss of a step; a sentence at the one that decides, if the net has not started, else "".

        Args:
            number: of the step, counted from 1 in all epochs.
            loss: of its batch, the mean.
        """
        self._losses.append(loss)
        if self._looked or number < self.after or len(self._losses) < FLAT_WINDOW:
            return ""
        self._looked = True
        mean = math.fsum(self._losses) / len(self._losses)
        if self.dead or mean < (1 - FLAT_SHARE) * self.chance:
            return ""
        return (
            f"the loss is {mean:.4f} after {number:,} steps, no better than chance ({self.chance:.4f}): the net has "
            "not started to learn. Likely reasons: initial weights so small that every layer makes its signal "
            "smaller, as a standard deviation of 0.01 is for a narrow net; pictures that were normalised where 0-255 "
            "minus the mean is expected; a rate that is too low or too high. With 1,000 classes the start may take "
            "some thousand steps"
        )
