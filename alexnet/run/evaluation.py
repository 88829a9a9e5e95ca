"""Loss and errors of a network on a split, as a run measures them after each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import numpy as np

import minigrad as mg
import minigrad.functional as F
from alexnet.data.sweep import Sweep
from alexnet.run.folder import DivergedError
from alexnet.run.guards import first_fault
from alexnet.scores import Errors, errors
from minigrad import nn
from minigrad.distributed import World

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
    processes: World | None = None,
) -> Evaluation | None:
    """Loss and errors on all pictures of a split, with dropout off.

    Args:
        model: a network.
        sweep: over the split, as `centre_sweep` makes one; where several processes share it out, over this one's part.
        device: where batches go.
        stop: asked before every batch; if it says so, in any process, the result is None.
        progress: told how many batches are done, 0 at the beginning.
        processes: that share it out; this one alone if not given.

    Raises:
        DivergedError: the loss of a batch is not finite; in all processes, of the first such batch.
        DataError: too many pictures cannot be read.
    """
    processes = processes or World()
    found = np.zeros((1 + sweep.number(sweep.part.stop - 1), 4))  # by batch: loss, top-1 and top-5 errors, pictures
    stopped, reason = False, ""
    progress(0)
    model.eval()
    try:
        with mg.no_grad(), closing(sweep.batches()) as batches:
            for done, (indices, images) in enumerate(batches, 1):
                stopped = bool(stop())
                if stopped:
                    break
                x, labels = mg.tensor(images, device), sweep.pictures.labels[indices]
                logits = model(x)
                value = F.cross_entropy(logits, mg.tensor(labels, device), reduction="sum").item()
                wrong, number = errors(logits.numpy(), labels), sweep.number(int(indices[0]))
                found[number] = value, wrong.top1, wrong.top5, wrong.count
                if not math.isfinite(value):
                    reason = f"the loss of validation batch {number + 1} became {value}: {first_fault(model, x)}"
                    break
                progress(done)
    finally:
        model.train()
    *parts, stops = processes.gather([*found.ravel(), stopped], "results of the validation").T
    found, stopped = np.sum(parts, axis=1).reshape(found.shape), bool(stops.any())
    diverged = np.flatnonzero(~np.isfinite(found[:, 0]))
    if len(diverged):
        reason = processes.broadcast(reason.encode(), "a reason", int(diverged[0]) % processes.size).decode()
        processes.end_with(0)
        raise DivergedError(reason)
    if stopped:
        return None
    top1, top5, count = (int(each) for each in found[:, 1:].sum(axis=0))
    total = Errors(top1, top5, count)
    return Evaluation(sum(found[:, 0].tolist()) / count, total.top1_percent, total.top5_percent)
