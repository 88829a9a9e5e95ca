"""What a recipe is: a network, what is done to its data, and how it is trained, epoch by epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import minigrad as mg
from alexnet.cuda_convnet import ParameterRule, loss_scale, parameter_rules, remarks
from alexnet.cuda_convnet.grammar import normalised, split_list
from alexnet.data import Augmentation, Sampler
from alexnet.model import NETWORKS
from alexnet.recipes.typed import no_such, read_dataclass, read_table
from alexnet.terminal import suggestion
from minigrad import nn

__all__ = ["KEYS", "Recipe", "build_network"]

ORDERS = ("shuffled", "file")
SECTIONS = ("layers", "layer_params")
DISTORTIONS = ("rotation", "scaling", "translation", "elastic_alpha", "elastic_sigma")
# what a recipe of a layer file leaves to its parameter file, with the keys that say it there
LEFT_TO_FILE = {
    "lr": "epsW and epsB",
    "momentum": "momW and momB",
    "weight_decay": "wc",
    "layer_lr": "epsW and epsB",
    "layer_weight_decay": "wc",
    "bias_lr_factor": "epsB",
    "decay_biases": "wc, which never acts on biases",
}


@dataclass(frozen=True)
class Recipe:
    """All that decides what a run learns, besides data, seed and devices.

    Layers are named as in Figure 2, conv1 to fc8, or as in the layer file; a rate is a learning rate. Epochs are
    counted from 1, and what happens at an epoch happens at its start.

    Attributes:
        name: what `--recipe` calls it.
        summary: a line for `--help`.
        network: "alexnet", "cifar10-80sec", or "layer-file" for that of `layers`.
        network_options: keyword arguments of `AlexNet`; its image_size is the crop's unless given. Of a layer file,
            filter_scale divides the numbers of filters and hidden units.
        data: what it trains on when `--data` is not given; "" if it must be.
        rescale: side of the square that each picture is rescaled and cut to (section 2).
        augmentation: crop, mirror and colour noise (section 4.1), and distortions.
        batch_size: examples per step.
        epochs: passes over the training set.
        shards: parts of a batch whose gradients are computed by themselves, in one process or in several, and then
            added up; 0 for as many as there are processes when a run starts.
        lr: the rate at the start.
        layer_lr: the same by layer, where it differs.
        momentum, weight_decay: of `optim.SGD` (section 5).
        layer_weight_decay: weight decay by layer, where it differs.
        bias_lr_factor: the rate of biases over that of weights, at the start.
        bias_lr_falls: whether the rate of biases is divided with that of weights.
        decay_biases: whether weight decay acts on biases.
        drop_factor: what the rate is divided by when it drops (section 5).
        drop_epochs: the rate drops at these epochs.
        layer_drop_epochs: the same by layer, where they differ.
        frozen_from: by layer, the epoch from which on its weights and biases stay as they are.
        patience: the rate drops also when the validation error has not improved for so many epochs; 0 for never.
        most_drops: how often it drops for that reason, at most.
        order: "shuffled", anew in each epoch, or "file": the data batches in order, and each from its first picture to
            its last, as in cuda-convnet; a minibatch ends with its data batch. See `Sampler`.
        validation_batch: the data batch of the training pictures, counted from 1, that is held out for validation; 0
            for the data's own validation pictures.
        all_batches_from: the epoch from which on the held-out data batch is trained on too; 0 for never. Its error then
            says nothing of other pictures, and the latest checkpoint counts as the best.
        digit_width: pixels to whose width what is drawn on black is brought, in all pictures, by `width_normalised`; 0
            for pictures as they are.
        layers: the sections of cuda-convnet's layer file, of the network "layer-file": keys and values by layer.
        layer_params: those of its parameter file. Rates, momenta and weight decay of every weight come from here, and
            lr, momentum, weight_decay and what else is about them stay at 0 or their defaults; drops divide the rates.
    """

    name: str
    summary: str
    network: str
    data: str
    rescale: int
    augmentation: Augmentation
    batch_size: int
    epochs: int
    lr: float
    momentum: float
    weight_decay: float
    network_options: Mapping[str, Any] = field(default_factory=dict)
    layer_lr: Mapping[str, float] = field(default_factory=dict)
    layer_weight_decay: Mapping[str, float] = field(default_factory=dict)
    bias_lr_factor: float = 1.0
    bias_lr_falls: bool = True
    decay_biases: bool = True
    drop_factor: float = 10.0
    drop_epochs: tuple[int, ...] = ()
    layer_drop_epochs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    frozen_from: Mapping[str, int] = field(default_factory=dict)
    patience: int = 0
    most_drops: int = 3
    order: str = "shuffled"
    validation_batch: int = 0
    all_batches_from: int = 0
    shards: int = 0
    digit_width: int = 0
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    layer_params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError for what no training can be made of."""
        if self.network not in NETWORKS:
            raise ValueError(f"a recipe's network is one of {', '.join(NETWORKS)}; got {self.network!r}")
        network = NETWORKS[self.network]
        read_table(self.network_options, network.options, "network_options.")
        for name in SECTIONS:
            object.__setattr__(self, name, normalised(getattr(self, name)))
        self._check_sections()
        for name in ("rescale", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"a recipe's {name} is 1 or more; got {getattr(self, name)}")
        for name in (
            "momentum",
            "weight_decay",
            "bias_lr_factor",
            "patience",
            "most_drops",
            "validation_batch",
            "shards",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"a recipe's {name} is 0 or more; got {getattr(self, name)}")
        if not self.lr > 0 and not self.layers:
            raise ValueError(f"a recipe's lr is above 0; got {self.lr}")
        if self.drop_factor < 1:
            raise ValueError(f"a recipe's drop_factor is 1 or more; got {self.drop_factor}")
        if self.momentum >= 1:
            raise ValueError(f"a recipe's momentum is below 1; got {self.momentum}")
        known = network.layers(self.options)
        for name in ("layer_lr", "layer_weight_decay", "layer_drop_epochs", "frozen_from"):
            for layer in getattr(self, name):
                if layer not in known:
                    raise no_such(f"{name}.{layer}", [f"{name}.{each}" for each in known])
        self._check_layers()
        self._check_pictures()
        self._check_order()

    def _check_sections(self) -> None:
        if (self.network == "layer-file") != bool(self.layers) or (self.layer_params and not self.layers):
            raise ValueError(
                "a recipe's layers and layer_params are of the network 'layer-file', which needs them; this recipe's "
                f"network is {self.network!r} with {len(self.layers)} and {len(self.layer_params)} sections"
            )
        if not self.layers:
            return
        defaults = {each.name: each.default for each in fields(Recipe) if each.default is not MISSING}
        for name, keys in LEFT_TO_FILE.items():
            if (getattr(self, name) or 0) != defaults.get(name, 0):
                raise ValueError(f"a recipe of a layer file takes no {name}; change layer_params.LAYER: {keys}")
        for path, rule in self.rules.items():
            if not rule.momentum < 1:
                raise ValueError(f"the momentum of {path} is below 1; got {rule.momentum:g}")
        if not any(rule.lr for rule in self.rules.values()):
            raise ValueError("no layer learns: every epsW and epsB of layer_params is 0")

    def _check_layers(self) -> None:
        for name, table in (("layer_lr", self.layer_lr), ("layer_weight_decay", self.layer_weight_decay)):
            for layer, value in table.items():
                if value < 0:
                    raise ValueError(f"a recipe's {name}.{layer} is 0 or more; got {value}")
        drops = {"drop_epochs": self.drop_epochs}
        drops |= {f"layer_drop_epochs.{layer}": epochs for layer, epochs in self.layer_drop_epochs.items()}
        for name, epochs in (drops | {f"frozen_from.{layer}": (at,) for layer, at in self.frozen_from.items()}).items():
            if min(epochs, default=1) < 1:
                raise ValueError(f"a recipe's {name} counts epochs from 1; got {min(epochs)}")
            if any(after <= before for before, after in pairwise(epochs)):
                raise ValueError(f"a recipe's {name} names each epoch once, in order; got {list(epochs)}")

    def _check_pictures(self) -> None:
        crop, size = self.augmentation.crop, self.image_size
        if not 1 <= crop <= self.rescale:
            raise ValueError(f"a recipe's augmentation.crop is from 1 to its rescale, {self.rescale}; got {crop}")
        if size != crop:
            raise ValueError(
                f"crops of {crop} x {crop} (augmentation.crop) do not fit a network for {size} x {size} "
                "(network_options.image_size); change both"
            )
        least = {"crop_group": 1, "colour_noise": 0, "noise_off_epoch": 0, **dict.fromkeys(DISTORTIONS, 0)}
        for name, value in least.items():
            if not getattr(self.augmentation, name) >= value:
                raise ValueError(
                    f"a recipe's augmentation.{name} is {value} or more; got {getattr(self.augmentation, name)}"
                )
        if not self.augmentation.scaling < 1:
            raise ValueError(f"a recipe's augmentation.scaling is below 1; got {self.augmentation.scaling}")
        if self.augmentation.elastic_alpha and not self.augmentation.elastic_sigma:
            raise ValueError("a recipe's augmentation.elastic_alpha needs an elastic_sigma, which is 0; set that too")
        if not 0 <= self.digit_width <= self.rescale:
            raise ValueError(f"a recipe's digit_width is from 0 to its rescale, {self.rescale}; got {self.digit_width}")

    def _check_order(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"a recipe's order is {' or '.join(map(repr, ORDERS))}; got {self.order!r}")
        if self.all_batches_from and not self.validation_batch:
            raise ValueError("a recipe's all_batches_from is about its validation_batch, which is 0; set that too")
        if self.all_batches_from < 0:
            raise ValueError(f"a recipe's all_batches_from counts epochs from 1; got {self.all_batches_from}")

    def too_late(self) -> dict[str, list[int]]:
        """By key, the epochs at which something was to happen after the last one: it never will."""
        stages: dict[str, Sequence[int]] = {
            "all_batches_from": (self.all_batches_from,),
            "drop_epochs": self.drop_epochs,
            **{f"layer_drop_epochs.{layer}": epochs for layer, epochs in self.layer_drop_epochs.items()},
            **{f"frozen_from.{layer}": (epoch,) for layer, epoch in self.frozen_from.items()},
            "augmentation.noise_off_epoch": (self.augmentation.noise_off_epoch,),
        }
        late = {key: [epoch for epoch in epochs if epoch > self.epochs] for key, epochs in stages.items()}
        return {key: epochs for key, epochs in late.items() if epochs}

    def sampler(self, data_batches: tuple[int, ...]) -> Sampler:
        """Which pictures come when, of a training set of so many in each of its data batches.

        Raises:
            ValueError: there is no such data batch to hold out.
        """
        return Sampler(data_batches, self.order == "file", self.validation_batch, self.all_batches_from)

    def trains_on_all(self, epoch: int) -> bool:
        """Whether an epoch trains on the pictures too that were held out for validation."""
        return 0 < self.all_batches_from <= epoch

    # a layer file

    @cached_property
    def rules(self) -> dict[str, ParameterRule]:
        """By the path of a parameter, what a layer file's parameter file says of it; empty for other networks.

        Raises:
            LayerFileError: it lacks something.
        """
        return parameter_rules(self.layers, self.layer_params)

    @property
    def rate_flag(self) -> str:
        """What sets a rate on a command line."""
        return "--set layer_params.LAYER.epsW=..." if self.layers else "--set lr=..."

    @property
    def weights_flag(self) -> str:
        """What sets the size of initial weights on a command line; "" if nothing does."""
        option = "--set network_options.weight_std=..." if self.network == "alexnet" else ""
        return "--set layers.LAYER.initW=..." if self.layers else option

    @cached_property
    def limited(self) -> dict[str, ParameterRule]:
        """Those of the rules that limit their weights."""
        return {path: rule for path, rule in self.rules.items() if rule.ball or rule.norm_max}

    @cached_property
    def noisy(self) -> bool:
        """Whether a schedule multiplies rates by noise, anew at every step."""
        return any(rule.schedule.noise for rule in self.rules.values())

    @cached_property
    def loss_scale(self) -> float:
        """What the gradient of the loss is multiplied by (`coeff`); it does not change the loss that is told."""
        return loss_scale(self.layers, self.layer_params)

    @property
    def options(self) -> dict[str, Any]:
        """All that the network is made from: network_options, and the sections of a layer file."""
        return {**self.network_options, **({name: getattr(self, name) for name in SECTIONS} if self.layers else {})}

    @property
    def image_size(self) -> int:
        """Side of what the network sees."""
        return int(self.network_options.get("image_size", self.augmentation.crop))

    # as text

    def to_json(self) -> dict[str, Any]:
        """As numbers, text, lists and dicts."""
        return dict(json.loads(json.dumps(asdict(self))))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_json` wrote; what an older one lacks gets its default.

        Raises:
            ValueError: keys are missing or unknown, or a value is of another type.
        """
        recipe = read_dataclass(values, cls)
        options = read_table(recipe.network_options, NETWORKS[recipe.network].options, "network_options.")
        return replace(recipe, network_options=options)

    def changed(self, changes: Sequence[tuple[str, Any]]) -> Recipe:
        """A recipe with other values.

        Args:
            changes: keys, with a dot for what is in a table ("augmentation.crop"), and values as in JSON.

        Raises:
            ValueError: there is no such key, or the value does not fit, or it is the name.
        """
        values = self.to_json()
        for key, value in changes:
            if key in ("name", "summary"):
                raise ValueError(f"a recipe keeps its {key}; --out DIR is the place for a run's own name")
            *path, last = _parts(key)
            if key.partition(".")[0] not in values:
                own = [f"network_options.{name}" for name in NETWORKS[self.network].options]
                raise no_such(key, [each for each in KEYS if each in own or not each.startswith("network_options.")])
            if path[:1] and path[0] in SECTIONS and len(path) > 1 and path[1] not in values["layers"]:
                near = suggestion(path[1:2], values["layers"]) or f"; there is {', '.join(values['layers']) or 'none'}"
                raise ValueError(f"a recipe has no {key}: its layer file has no layer {path[1]}{near}")
            table = values
            for name in path:
                table = table.setdefault(name, {})
                if not isinstance(table, dict):
                    raise ValueError(f"a recipe has no {key}: {name} is a single value")
            table[last] = value
        result = Recipe.from_json(values)
        told = set(remarks(self.layers, self.layer_params, *SECTIONS, copied=True))
        for remark in remarks(result.layers, result.layer_params, *SECTIONS, copied=True):
            if remark not in told:
                raise ValueError(f"a change would have no effect: {remark}")
        return result

    # the schedule

    def rate(
        self,
        epoch: int,
        drops: int = 0,
        layer: str = "",
        bias: bool = False,
        progress: float = 0.0,
        number: int = 0,
    ) -> float:
        """A learning rate.

        Args:
            epoch: counted from 1.
            drops: how often the rate was divided because the validation error stood still.
            layer: whose; "" for those without rates of their own. In a layer file each has its own, and "" stands for
                the highest.
            bias: that of the biases, not of the weights.
            progress: how much of the run is done, for a layer file's schedules; see `Sampler.progress`.
            number: of the layer's input whose weights are meant, in a layer file.

        Returns:
            the rate, 0 where the layer is frozen.
        """
        if self.layers and not layer:
            names = NETWORKS[self.network].layers(self.options)
            return max(self._highest(epoch, drops, name, bias, progress) for name in names)
        if epoch >= self.frozen_from.get(layer, math.inf):
            return 0.0
        start = self._start(layer, bias, progress, number)
        if bias and not self.bias_lr_falls:
            return start
        drops += sum(epoch >= each for each in self.layer_drop_epochs.get(layer, self.drop_epochs))
        return start * self.drop_factor**-drops

    def _start(self, layer: str, bias: bool, progress: float, number: int) -> float:
        """A rate before it is divided."""
        if not self.layers:
            return self.layer_lr.get(layer, self.lr) * (self.bias_lr_factor if bias else 1.0)
        path = f"{layer}.bias" if bias else f"{layer}.weight{number or ''}"
        return self.rules[path].rate(progress) if path in self.rules else 0.0

    def weight_rules(self, layer: str) -> list[ParameterRule]:
        """In a layer file, the rules of a layer's weights, of those inputs that have weights of their own."""
        return [rule for path, rule in self.rules.items() if path.startswith(f"{layer}.weight")]

    def _highest(self, epoch: int, drops: int, layer: str, bias: bool, progress: float) -> float:
        """The highest rate of a layer of a layer file over its inputs."""
        inputs = range(len(split_list(self.layers[layer]["inputs"])))
        return max(self.rate(epoch, drops, layer, bias, progress, number) for number in inputs)

    def rates(self, epoch: int, drops: int = 0, progress: float = 0.0) -> dict[str, float]:
        """The rates of weights by layer, for those with a schedule of their own; under "" that of all others.

        In a layer file the others are the layers that start with the highest rate, if they have no `schedW`; of a layer
        with several inputs the highest rate is taken.

        Args:
            epoch, drops, progress: as for `rate`.
        """
        own = {**self.layer_lr, **self.layer_drop_epochs, **self.frozen_from}
        if not self.layers:
            return {layer: self.rate(epoch, drops, layer) for layer in ("", *own)}
        names, highest = NETWORKS[self.network].layers(self.options), self.rate(1)
        now = {name: self._highest(epoch, drops, name, False, progress) for name in names}
        scheduled = [name for name in names if any(rule.schedule.kind for rule in self.weight_rules(name))]
        own |= dict.fromkeys(scheduled, 0)
        own |= {name: 0 for name in names if self._highest(1, 0, name, False, 0.0) != highest}
        others = [now[name] for name in names if name not in own]
        return {**({"": others[0]} if others else {}), **{name: now[name] for name in own}}

    @cached_property
    def gradual(self) -> frozenset[str]:
        """The layers of a layer file whose rates change all the time, not in steps."""
        names = NETWORKS[self.network].layers(self.options)
        return frozenset(name for name in names if any(rule.schedule.gradual for rule in self.weight_rules(name)))


TABLES = ("name", "summary", "augmentation", "network_options")
# What `Recipe.changed` changes, with the keys of its tables, but for those that are layers.
KEYS = (
    *(each.name for each in fields(Recipe) if each.name not in TABLES),
    *(f"augmentation.{each.name}" for each in fields(Augmentation)),
    *(f"network_options.{name}" for name in NETWORKS["alexnet"].options),
)


def build_network(recipe: Recipe, num_classes: int, in_channels: int, devices: Sequence[str | mg.Device]) -> nn.Module:
    """The recipe's network with fresh weights, drawn from the generator that `mg.manual_seed` seeds.

    Raises:
        ValueError: the options or devices do not fit the network.
    """
    network = NETWORKS[recipe.network]
    return network.build(num_classes, in_channels, recipe.image_size, devices, recipe.options)


def _parts(key: str) -> list[str]:
    """A key as the names of tables and, last, of what is in the innermost. Those of layer files have no capitals."""
    table, dot, rest = key.partition(".")
    section, _, name = rest.rpartition(".")
    return [table, section, name.lower()] if dot and section and table in SECTIONS else key.split(".")
