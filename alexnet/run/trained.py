"""What a run has trained, taken out of its folder: whole, or the weights of some layers for another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from alexnet.cuda_convnet import copied_from
from alexnet.data import Statistics
from alexnet.inference.predictor import Predictor
from alexnet.recipes import Recipe, build_network
from alexnet.run.checkpoint import MODEL, STATISTICS, part
from alexnet.run.folder import RunError, RunFolder
from minigrad import nn

__all__ = ["copy_weights", "load_predictor"]

# by the beginning of a parameter's name, the key of a section that wants it from another run
KEYS = {"weight": "initwfunc", "bias": "initbfunc", "channels": "initcfunc"}


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
    device, width = mg.device(devices[0]), recipe.digit_width
    return Predictor(model, device, recipe.rescale, crop, statistics, settings["ids"], classes, width)


def copy_weights(model: nn.Module, layers: Mapping[str, Mapping[str, str]], folder: Path) -> None:
    """Give those layers of a layer file the weights of another run that ask for them, from its best checkpoint.

    The program of 2012 called a function of the user: `initWFunc=initw.makew(conv1a)` gave a layer the weights of layer
    conv1a of another net, `initBFunc=initw.makeb(conv1a)` its biases, and `initCFunc` its list of channels.

    Args:
        model: the network of the layer file.
        layers: the sections of the layer file.
        folder: of the other run.

    Raises:
        RunError: no layer asks for any, or the other run has no such layer, or one of another shape.
    """
    sources = copied_from(layers)
    if not sources:
        raise RunError("no layer of the layer file asks for weights of another (initWFunc); leave --weights-from out")
    run = RunFolder(folder)
    run.read_settings()  # so that a folder that holds no run is called that
    theirs = part(run.load(best=True), MODEL)
    state: dict[str, Any] = dict(model.state_dict())
    for path, value in state.items():
        layer, _, name = path.rpartition(".")
        source = sources.get(layer, {}).get(KEYS[name.rstrip("0123456789")])
        if source is None:
            continue
        found = theirs.get(f"{source}.{name}", np.empty(0))
        if found.shape != value.shape:
            there = f"has the shape {found.shape}" if found.size else "is not there"
            raise RunError(
                f"layer {layer} takes {name} of shape {value.shape} from layer {source} of {folder}, where it {there}"
            )
        state[path] = found
    model.load_state_dict(state)
