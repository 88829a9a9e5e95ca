"""Loss and errors of a network on a split, as a run measures them after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import minigrad as mg
import minigrad.functional as F
from alexnet.data.sweep import Sweep
from alexnet.run.folder import DivergedError
from alexnet.run.guards import first_fault
from alexnet.scores import Errors, errors
from minigrad import nn

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """How a network does on a split: mean loss in nats, top-1 and top-5 error in percent."""

    loss: float
    top1: float
    top5: float


def evaluate(
    model: nn.Module,
    sweep: Sweep,
    device: mg.Device,
    stop: Callable[[], object] = lambda: False,
    progress: Callable[[int], object] = lambda done: None,
) -> Evaluation | None:
    """Loss and errors on all pictures of a split, with dropout off.

    Args:
        model: a network.
        sweep: over the split, as `centre_sweep` makes one.
        device: where batches go.
        stop: asked before every batch; if it says so, the result is None.
        progress: told how many batches are done, 0 at the beginning.

    Raises:
        DivergedError: the loss of a batch is not finite.
        DataError: too many pictures cannot be read.
    """
    loss, found = 0.0, Errors()
    progress(0)
    model.eval()
    try:
        with mg.no_grad(), closing(sweep.batches()) as batches:
            for done, (indices, images) in enumerate(batches, 1):
                if stop():
                    return None
                x, labels = mg.tensor(images, device), sweep.pictures.labels[indices]
                logits = model(x)
                value = F.cross_entropy(logits, mg.tensor(labels, device), reduction="sum").item()
                if not math.isfinite(value):
                    raise DivergedError(f"the loss of validation batch {done} became {value}: {first_fault(model, x)}")
                loss += value
                found += errors(logits.numpy(), labels)
                progress(done)
    finally:
        model.train()
    return Evaluation(loss / found.count, found.top1_percent, found.top5_percent)
