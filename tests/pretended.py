"""Runs of experiments that nobody has made: logs with errors that are chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from alexnet.experiments.experiment import Trial


def pretend(trial: Trial, errors: Sequence[float], *events: dict[str, Any]) -> None:
    """The log of a run with these errors by epoch."""
    trial.folder.path.mkdir(parents=True, exist_ok=True)
    line = dict.fromkeys(("step", "lr", "train_loss", "val_loss", "val_top5", "images_per_second"), 1.0)
    lines = [{**line, "epoch": epoch, "train_top1": e, "val_top1": e} for epoch, e in enumerate(errors, 1)]
    trial.folder.log.write_text("".join(json.dumps(each) + "\n" for each in [*lines, *events]))


def never() -> bool:
    return False
