"""Loss and errors of a network on a split, as a run measures them after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import minigrad as mg
import minigrad.functional as F
from alexnet.data import Loader
from alexnet.run.folder import RunError
from alexnet.run.guards import first_fault
from alexnet.scores import Errors, errors
from minigrad import nn

__all__ = ["Score", "evaluate"]


@dataclass(frozen=True)
class Score:
    """How a network does on a split: mean loss in nats, top-1 and top-5 error in percent."""

    loss: float
    top1: float
    top5: float


def evaluate(
    model: nn.Module,
    loader: Loader,
    device: mg.Device,
    stop: Callable[[], object] = lambda: False,
    progress: Callable[[int], object] = lambda done: None,
) -> Score | None:
    """Loss and errors over all batches of a loader, with dropout off.

    Args:
        model: a network.
        loader: of the split.
        device: where batches go.
        stop: asked before every batch; if it says so, the result is None.
        progress: told how many batches are done, 0 at the beginning.

    Raises:
        RunError: the loss of a batch is not finite.
    """
    loss, found = 0.0, Errors()
    progress(0)
    model.eval()
    try:
        with mg.no_grad(), closing(loader.batches(0)) as batches:
            for done, (images, labels) in enumerate(batches, 1):
                if stop():
                    return None
                x = mg.tensor(images, device)
                logits = model(x)
                value = F.cross_entropy(logits, mg.tensor(labels, device), reduction="sum").item()
                if not math.isfinite(value):
                    raise RunError(f"the loss of validation batch {done} became {value}: {first_fault(model, x)}")
                loss += value
                found += errors(logits.numpy(), labels)
                progress(done)
    finally:
        model.train()
    return Score(loss / found.count, found.top1_percent, found.top5_percent)
