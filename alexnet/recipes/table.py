"""The recipes in a line each, and a recipe as a table: layers, initial weights, pictures, and every rate by epoch."""

from __future__ import annotations

import json
import math
import shutil
import textwrap

from alexnet.cuda_convnet import LayerNet, Schedule, picture_channels
from alexnet.model import NETWORKS
from alexnet.recipes.catalogue import RECIPES
from alexnet.recipes.recipe import Recipe, build_network
from alexnet.terminal import folded, table
from minigrad import nn
from minigrad.random import default_generator

__all__ = ["catalogue", "how_pictures_come", "recipe_table", "summaries"]

DATA_BATCHES = 5  # of CIFAR-10: how far a run is at an epoch depends on them where one is held out for a time


def catalogue(width: float) -> str:
    """The recipes, a line each or a few, in lines of at most so many characters."""
    return table([(name, recipe.summary) for name, recipe in RECIPES.items()], width)


def summaries() -> str:
    """The same, as help texts end."""
    return "recipes:\n" + textwrap.indent(catalogue(shutil.get_terminal_size().columns - 4), "  ")


def recipe_table(recipe: Recipe, width: float = math.inf) -> str:
    """The whole recipe as text, in lines of at most so many characters."""
    facts = [
        ("network", _network(recipe)),
        ("options", _options(recipe)),
        ("pictures", _pictures(recipe)),
        ("colour noise", _noise(recipe)),
        ("distortion", _distortion(recipe)),
        ("training", _training(recipe)),
        ("schedules", _schedules(recipe)),
    ]
    head = ("layer", "what it does", "initial weights", "and biases", "weight decay")
    parts = [
        folded(f"{recipe.name}: {recipe.summary}", width),
        table((fact for fact in facts if fact[1]), width),
        table([head, *_layers(recipe)], width),
        "learning rates of weights and biases\n" + table(_schedule(recipe), width),
    ]
    return "\n\n".join(parts)


def how_pictures_come(recipe: Recipe) -> str:
    """How a recipe takes pictures, for how long and in which order, in a line."""
    noise = ", with colour noise" if recipe.augmentation.noise(1) else ""
    noise += ", distorted" if recipe.augmentation.distorts else ""
    return f"pictures {_pictures(recipe)}{noise}; {_length(recipe)}{_order(recipe)}"


def _network(recipe: Recipe) -> str:
    if recipe.layers:
        return f"that of a layer file of {len(recipe.layers)} sections"
    if recipe.network_options.get("columns", NETWORKS[recipe.network].columns) == 1:
        return f"{recipe.network}, one column"
    return f"{recipe.network}, two columns; fc8 on the first one's device"


def _options(recipe: Recipe) -> str:
    """Those of the network, as `--set` takes them; initial weights are in the table of layers."""
    given = {name: value for name, value in recipe.network_options.items() if name != "weight_std"}
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in given.items())


def _pictures(recipe: Recipe) -> str:
    augmentation = recipe.augmentation
    words = f"{recipe.rescale} x {recipe.rescale}, "
    if recipe.digit_width:
        words += f"what is drawn on black brought to a width of {recipe.digit_width}, "
    words += f"minus the mean; crops of {augmentation.crop} x {augmentation.crop} "
    words += "at random places" if augmentation.random_crop else "from the centre"
    if augmentation.mirror:
        words += ", half of them mirrored"
    if augmentation.crop_group > 1 and (augmentation.random_crop or augmentation.mirror):
        words += f", alike for {augmentation.crop_group} pictures of a batch in a row"
    return words


def _noise(recipe: Recipe) -> str:
    augmentation = recipe.augmentation
    if not augmentation.noise(1):
        return "none"
    words = f"N(0, {augmentation.colour_noise:g}) times the standard deviation along each component of RGB"
    if augmentation.noise_divides:
        words += f"; then the picture is divided by {1 + augmentation.colour_noise:g}"
    if augmentation.noise_off_epoch:
        words += f"; off from epoch {augmentation.noise_off_epoch} on"
    return words


def _distortion(recipe: Recipe) -> str:
    """Of training pictures, "" where there is none."""
    augmentation = recipe.augmentation
    kinds = {
        f"turned by up to {augmentation.rotation:g} degrees": augmentation.rotation,
        f"scaled by up to {100 * augmentation.scaling:g} %": augmentation.scaling,
        f"moved by up to {augmentation.translation:g} pixels": augmentation.translation,
        f"elastic, {augmentation.elastic_alpha:g} times noise smoothed over {augmentation.elastic_sigma:g} pixels": (
            augmentation.elastic_alpha
        ),
    }
    return "; ".join(words for words, strength in kinds.items() if strength)


def _training(recipe: Recipe) -> str:
    momenta = {rule.momentum for rule in recipe.rules.values()} or {recipe.momentum}
    momentum = " or ".join(f"{each:g}" for each in sorted(momenta))
    words = f"{_length(recipe)}, momentum {momentum}{_order(recipe)}"
    if recipe.patience:
        falling = "rates" if recipe.bias_lr_falls else "the rates of weights"
        words += f"; {falling} / {recipe.drop_factor:g} after {recipe.patience} epochs without a lower validation "
        words += f"error, at most {recipe.most_drops} times"
    return words


def _length(recipe: Recipe) -> str:
    shards = f" in {recipe.shards} shards" if recipe.shards > 1 else ""
    return f"{recipe.epochs} epochs, batches of {recipe.batch_size}{shards}"


def _order(recipe: Recipe) -> str:
    words = ""
    if recipe.order == "file":
        words += "; pictures in the order of the files, never shuffled"
    if recipe.validation_batch:
        words += f"; data batch {recipe.validation_batch} for validation"
    if recipe.all_batches_from:
        words += f", from epoch {recipe.all_batches_from} on trained on too"
    return words


def _schedules(recipe: Recipe) -> str:
    """How the rates of a layer file fall with the progress of a run, beside the epochs of the table of rates."""
    alike: dict[Schedule, list[str]] = {}
    for path, rule in recipe.rules.items():
        if rule.schedule.kind:
            alike.setdefault(rule.schedule, []).append(path)
    return "; ".join(f"{', '.join(paths)}: {_schedule_in_words(schedule)}" for schedule, paths in alike.items())


def _schedule_in_words(schedule: Schedule) -> str:
    levels = f" in {schedule.steps} levels" if schedule.steps > 1 else ""
    noise = f", with noise of {schedule.noise:g}" if schedule.noise else ""
    return f"{schedule.kind} to 1 / {schedule.factor:g}{levels}{noise}"


def _layers(recipe: Recipe) -> list[tuple[str, ...]]:
    """A line for each layer of the network: name, parts in order, initial weights and biases, decay.

    The state of the random generator is left alone.
    """
    state = default_generator.state()
    channels = picture_channels(recipe.layers) if recipe.layers else 3
    classes = 0 if recipe.layers else 2  # a layer file says it
    network = build_network(recipe, classes, channels, ["cpu"])  # its weights are drawn when they are looked at
    default_generator.set_state(state)
    if isinstance(network, LayerNet):
        return _layers_of_file(recipe, network)
    rows: dict[str, tuple[list[str], nn.Conv2d | nn.Linear]] = {}
    parts: list[str] = []
    for path, module in network.named_modules():
        name = path.rpartition(".")[2]
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            parts = []  # of the second column, whose layers are those of the first, they are forgotten
            rows.setdefault(name, (parts, module))
        if not module._modules:
            parts += _parts(module)
    decay = recipe.layer_weight_decay
    return [
        (
            name,
            ", ".join(parts),
            _initial_weights(recipe, name),
            "" if layer.bias is None else f"{layer.bias.numpy()[0]:g}",
            f"{decay.get(name, recipe.weight_decay):g}" + ("" if recipe.decay_biases else ", biases 0"),
        )
        for name, (parts, layer) in rows.items()
    ]


def _layers_of_file(recipe: Recipe, network: LayerNet) -> list[tuple[str, ...]]:
    """The same of a layer file. What has no weights is told of where the layer with weights stands that it reads."""
    owners = {path.rpartition(".")[0]: path.rpartition(".")[0] for path in recipe.rules}
    parts: dict[str, list[str]] = {name: [] for name in owners}
    for name, layer in network.layers.items():
        if name not in owners:
            owners[name] = next((owners[source] for source in network.inputs[name]), "")
        if owners[name]:
            words = f"{recipe.layers[name]['type']} {layer.filters}".strip()
            parts[owners[name]] += [words, *([layer.neuron] if layer.neuron else [])]
    rows: list[tuple[str, ...]] = []
    for name in parts:
        decays = [rule.weight_decay for path, rule in recipe.rules.items() if path.startswith(f"{name}.weight")]
        decay = " and ".join(f"{each:g}" for each in dict.fromkeys(decays))
        bias = recipe.layers[name].get("initb", "0")
        rows.append((name, ", ".join(parts[name]), _initial_weights(recipe, name), bias, f"{decay}, biases 0"))
    return rows


def _parts(module: nn.Module) -> list[str]:
    """What a module does, in words; a convolution may apply the ReLU too."""
    if isinstance(module, nn.Conv2d):
        stride = f" / {module.stride}" if module.stride != 1 else ""
        height, width = module.weight.shape[2:]
        return [f"conv {height} x {width}{stride}", *(["ReLU"] if module.relu else [])]
    if isinstance(module, nn.Linear):
        return ["fc"]
    if isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        kind = "max" if isinstance(module, nn.MaxPool2d) else "mean"
        return [f"{kind} pool {module.kernel_size} / {module.stride}"]
    if isinstance(module, nn.LocalResponseNorm):
        return [f"LRN (alpha {module.alpha:g} / {module.size})"]
    if isinstance(module, nn.WithinMapResponseNorm):
        return [f"norm within maps (alpha {module.alpha:g} / {module.size**2})"]
    if isinstance(module, nn.Dropout):
        return [f"dropout {module.p:g}"]
    return [] if isinstance(module, nn.Flatten) else [type(module).__name__]


def _initial_weights(recipe: Recipe, layer: str) -> str:
    std = NETWORKS[recipe.network].initial_std(recipe.options, layer)
    return "N(0, sqrt(2 / fan-in))" if std is None else f"N(0, {std:g})"


def _schedule(recipe: Recipe) -> list[tuple[str, ...]]:
    """A line for each time in which no rate changes but by a layer's schedule; layers that learn alike share a column.

    Of a rate with a schedule, the line says where it starts.
    """
    changes = {1, *recipe.drop_epochs, *recipe.frozen_from.values()}
    changes |= {epoch for epochs in recipe.layer_drop_epochs.values() for epoch in epochs}
    starts = sorted(epoch for epoch in changes if 1 <= epoch <= recipe.epochs)
    spans = [
        f"{first}-{last}" if first < last else f"{first}"
        for first, last in zip(starts, [*(epoch - 1 for epoch in starts[1:]), recipe.epochs], strict=True)
    ]
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, *_ in _layers(recipe):
        column = _schedule_of(recipe, name), *(_rates(recipe, epoch, name) for epoch in starts)
        alike.setdefault(column, []).append(name)
    heads = ["all layers" if len(alike) == 1 else ", ".join(names) for names in alike.values()]
    heads = [f"{head} ({schedule})" if schedule else head for head, (schedule, *_) in zip(heads, alike, strict=True)]
    return [("epochs", *heads), *zip(spans, *(rates for _, *rates in alike), strict=True)]


def _schedule_of(recipe: Recipe, layer: str) -> str:
    """The schedules of a layer's weights and biases in words; "" where their rates fall by epochs alone."""
    parts: dict[str, list[str]] = {"weights": [], "biases": []}
    for path, rule in recipe.rules.items():
        if path.rpartition(".")[0] == layer and rule.schedule.kind:
            parts["biases" if path.endswith(".bias") else "weights"].append(_schedule_in_words(rule.schedule))
    return "; ".join(f"{name} {' and '.join(dict.fromkeys(words))}" for name, words in parts.items() if words)


def _rates(recipe: Recipe, epoch: int, layer: str) -> str:
    paths = [path for path in recipe.rules if path.startswith(f"{layer}.weight")] or [f"{layer}.weight"]
    weights = list(dict.fromkeys(_rate(recipe, epoch, layer, path) for path in paths))
    bias = _rate(recipe, epoch, layer, f"{layer}.bias")
    return "frozen" if {*weights, bias} == {"0"} else f"{' and '.join(weights)}, {bias}"


def _rate(recipe: Recipe, epoch: int, layer: str, path: str) -> str:
    """The rate of a weight or bias at the start of an epoch, and whether a schedule changes it from there on."""
    kind = path.removeprefix(f"{layer}.")
    bias, number = kind == "bias", 0 if kind == "bias" else int(kind.removeprefix("weight") or 0)
    done = recipe.sampler((1,) * max(DATA_BATCHES, recipe.validation_batch)).progress(epoch, 1, recipe.epochs)
    rate = recipe.rate(epoch, 0, layer, bias, done, number)
    timed = path in recipe.rules and recipe.rules[path].schedule.kind
    return f"from {rate:.3g}" if timed and rate else f"{rate:g}"
