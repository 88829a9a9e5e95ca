"""What a run's folder tells of it while it trains or afterwards. Everything here reads; nothing is written."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from alexnet.recipes import Recipe
from alexnet.run.folder import RunError, RunFolder, best_epoch
from alexnet.run.progress import Progress
from alexnet.terminal import counted, duration, line_width, side_by_side

__all__ = ["describe"]

Line = Mapping[str, Any]


def describe(folder: RunFolder) -> str:
    """A run in a few lines: whether it trains, how far it is, its errors, its rate, and what happened to it.

    Raises:
        RunError: there is no run, or its files are damaged.
    """
    settings = folder.read_settings()
    recipe = Recipe.from_json(settings["recipe"])
    pictures = settings.get("pictures", {}).get("train", 0)
    data_batches = tuple(settings.get("data_batches", (pictures,)))
    head = f"{folder.path}: recipe {recipe.name}, data {settings['data']}, on {', '.join(settings['devices'])}"
    owner = folder.owner()
    try:
        lines = folder.lines()
        written = time.time() - max(file.stat().st_mtime for file in (folder.log, folder.settings))
    except OSError as error:
        raise RunError(
            f"{folder.log} cannot be read ({error.strerror}); is {folder.path} the folder of a run?"
        ) from error
    done = [line for line in lines if "event" not in line]
    report = [head, _state(folder, owner, lines, done, recipe.epochs), f"last written {duration(written)} ago"]
    if owner:
        report.append(_left(lines, done, recipe, data_batches, written))
    report += _errors(done, recipe) + _happened(lines)
    return "\n".join(line for line in report if line)


def _state(folder: RunFolder, owner: str, lines: Sequence[Line], done: Sequence[Line], epochs: int) -> str:
    """Whether it trains, and how far it is: while it does, as far as the log tells; else as it would go on."""
    if owner:
        epoch = min(done[-1]["epoch"] + 1 if done else 1, epochs)
        step = lines[-1].get("step", 0) if lines else 0
        return f"process {owner} is training it: epoch {epoch} of {epochs}, after step {step:,} or later"
    saved = folder.saved() or Progress()
    if saved.epoch > epochs:
        return f"finished: {counted(epochs, 'epoch')}, {counted(saved.step, 'step')}"
    failed = f" ({lines[-1]['reason']})" if lines and lines[-1].get("event") == "failed" else ""
    where = f"epoch {saved.epoch} of {epochs}, after step {saved.step:,}"
    return f"stopped{failed}: {where}; go on with: {folder.resume_command}"


def _left(
    lines: Sequence[Line], done: Sequence[Line], recipe: Recipe, data_batches: tuple[int, ...], written: float
) -> str:
    """The time that is left, by the speed that was logged last."""
    speed = next((line["images_per_second"] for line in reversed(lines) if line.get("images_per_second")), 0.0)
    if not speed or not sum(data_batches):
        return "time left: not known before the first epoch or checkpoint"
    epoch, step = (done[-1]["epoch"], done[-1]["step"]) if done else (0, 0)
    steps = recipe.sampler(data_batches).steps_of(epoch + 1, recipe.epochs, recipe.batch_size)
    left = (steps + step - lines[-1]["step"]) * recipe.batch_size / speed - written
    return f"about {duration(left)} left, at {speed:,.0f} images per second"


def _errors(done: Sequence[Line], recipe: Recipe) -> list[str]:
    """The last epoch and the best."""
    if not done:
        return ["no epoch is finished yet"]
    lines = []
    for name, line in (("last", done[-1]), ("best", best_epoch(done, recipe))):
        parts = [
            f"{name} epoch {line['epoch']:3d}: top-1 error {line['val_top1']:.2f} %",
            f"top-5 error {line['val_top5']:.2f} %",
            f"validation loss {line['val_loss']:.3f}",
            f"training loss {line['train_loss']:.3f}",
            f"rate {line['lr']:g}",
        ]
        lines.append(side_by_side(parts, line_width()))
    return lines


def _happened(lines: Sequence[Line]) -> list[str]:
    """Changes of the rate, pictures that could not be read, and other events worth a line."""
    found = []
    rejected: dict[str, int] = {}
    for line in lines:
        event = line.get("event")
        if event == "rate":
            whose = f"rate of {line['layer']}" if "layer" in line else "rate"
            found.append(
                f"{whose} {line.get('from', math.nan):g} to {line.get('to', math.nan):g} in epoch {line['epoch']}"
            )
        elif event == "resumed":
            found.append(f"resumed in epoch {line['epoch']}, after step {line['step']:,}")
        elif event in ("flat", "data", "all data"):
            found.append(f"epoch {line['epoch']}, step {line['step']:,}: {line['reason']}")
        elif event == "rejected":
            rejected[line["image"]] = rejected.get(line["image"], 0) + 1
    if rejected:
        names = ", ".join(list(rejected)[:3]) + (", ..." if len(rejected) > 3 else "")
        count, times = len(rejected), sum(rejected.values())
        text = f"{counted(count, 'picture')} could not be read"
        found.append(f"{text}{f', {times:,} times in all' if times > count else ''}: {names}")
    return found
