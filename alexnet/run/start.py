"""How a run starts, and how one goes on that was stopped: by the settings that are in its recipe.json."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from alexnet.data import WORDS, DataSet, open_dataset
from alexnet.recipes import Recipe, fingerprint
from alexnet.run.folder import RunError, RunFolder
from alexnet.run.trained import copy_weights
from alexnet.run.trainer import DATA_WORKERS, Trainer
from alexnet.terminal import counted, say
from minigrad.distributed import World

__all__ = ["begin", "go_on", "open_trainer", "place"]


def place(source: str) -> str:
    """A data set's word, or its path from anywhere."""
    return source if source in WORDS else str(Path(source).expanduser().resolve())


def open_trainer(
    folder: RunFolder,
    settings: dict[str, Any],
    workers: int = DATA_WORKERS,
    data: DataSet | None = None,
    processes: World | None = None,
) -> Trainer:
    """Open the data if that is not done yet, complete the settings by them, and build the network."""
    recipe = Recipe.from_json(settings["recipe"])
    data = data or open_dataset(settings["data"], settings["seed"])
    sampler = recipe.sampler(data.train.data_batches)
    held_out = len(sampler.held_out_pictures)
    of = f", data batch {recipe.validation_batch}, of" if held_out else " of"
    say(
        f"{data.name}: {sampler.count(1):,} training and {held_out or len(data.val):,} validation pictures{of} "
        f"{len(data.classes):,} classes"
    )
    ids = list(data.ids or data.classes)
    if settings.setdefault("ids", ids) != ids:
        raise RunError(f"{data.name} has other classes than the run in {folder.path} was started with")
    pictures = {"train": len(data.train), "val": len(data.val)}
    settings |= {"classes": list(data.classes), "channels": data.channels, "pictures": pictures}
    settings["data_batches"] = list(data.train.data_batches)
    return Trainer(recipe, data, settings["devices"], settings["seed"], folder, workers, processes)


def begin(trainer: Trainer, settings: dict[str, Any]) -> None:
    """Bring a trainer to where a run starts."""
    if "weights_from" in settings:
        copy_weights(trainer.model, trainer.recipe.layers, Path(settings["weights_from"]))
    trainer.measure()


def _tell_edits(folder: RunFolder, settings: dict[str, Any]) -> None:
    """Tell of copies of layer files that somebody has edited, as it was done in 2012 to change a rate."""
    for copy, expected in zip(folder.copies, settings.get("layer_files", ()), strict=False):
        if copy.exists() and fingerprint(copy) != expected:
            say(
                f"warning: {copy} is not what the run was started with, and is not read: the run goes on as its "
                "recipe.json says; for other rates start another run, with --set layer_params.LAYER.epsW=...",
                sys.stderr,
            )


def go_on(trainer: Trainer, settings: dict[str, Any]) -> None:
    """Bring a trainer to where its run was stopped."""
    _tell_edits(trainer.folder, settings)
    for sentence in trainer.folder.restore(trainer.load_state):
        say(sentence, sys.stderr)
    if trainer.statistics is None:  # it was stopped before its first checkpoint
        begin(trainer, settings)
    before = settings["pictures"] | trainer.folder.read_settings().get("pictures", {})
    with trainer.folder.writing():
        trainer.folder.write_settings(settings)
    progress = trainer.progress
    if progress.epoch > trainer.recipe.epochs:
        say(f"{trainer.folder.path} has had its {counted(trainer.recipe.epochs, 'epoch')}; --epochs gives it more")
    else:
        trainer.journal.event("resumed")
        if before != settings["pictures"]:
            trainer.journal.other_data(before, settings["pictures"])
