"""What a run has trained, taken out of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import minigrad as mg
from alexnet.data import Statistics
from alexnet.inference.predictor import Predictor
from alexnet.recipes import Recipe, build_network
from alexnet.run.checkpoint import MODEL, STATISTICS, part
from alexnet.run.folder import RunError, RunFolder

__all__ = ["load_predictor"]


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
        model.load_state_dict(part(state, MODEL))
        shape = channels, recipe.rescale, recipe.rescale
        statistics = Statistics.from_arrays(part(state, STATISTICS), shape)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"the run in {folder} cannot be used ({error.args[0]})") from error
    crop = recipe.augmentation.crop
    return Predictor(model, mg.device(devices[0]), recipe.rescale, crop, statistics, settings["ids"], classes)
