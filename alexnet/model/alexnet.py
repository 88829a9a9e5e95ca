"""AlexNet, layer by layer (Figure 2), each of its columns on a device of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

import minigrad as mg
from minigrad import nn

__all__ = ["LAYERS", "REMOVABLE", "WEIGHT_STD", "AlexNet", "Column", "initial_std"]

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
FULLY_CONNECTED = ("fc6", "fc7")
CROSSING = "conv3"  # of the convolutions, the one that reads both columns' maps; so do all fully-connected layers
REMOVABLE = CONVOLUTIONS[1:] + FULLY_CONNECTED
LAYERS = (*CONVOLUTIONS, *FULLY_CONNECTED, "fc8")

# Kernels of a column's convolutions and units of its fully-connected layers (Figure 2). With one column, half of
# conv1-4, but conv5 and the fully-connected layers whole, so that the parameters stay about as many (section 3.2).
UNITS = {
    1: {"conv1": 48, "conv2": 128, "conv3": 192, "conv4": 192, "conv5": 256, "fc6": 4096, "fc7": 4096},
    2: {"conv1": 48, "conv2": 128, "conv3": 192, "conv4": 192, "conv5": 128, "fc6": 2048, "fc7": 2048},
}
WEIGHT_STD = 0.01  # of the initial weights (section 5)
BIASES_OF_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")  # ReLUs that start on the positive side (section 5)
PARTS = ("", "_act", "_norm", "_map_norm", "_pool", "_last_act", "_drop")  # of a layer, in order; few have all
WeightStd = float | Mapping[str, float | None] | None
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh}


class Column(nn.Module):
    """What the paper put on one GPU: layers 1 to 7 of one column, without the fully-connected layers' other inputs.

    The layers are attributes of their names in Figure 2 (conv1 ... fc7); those that a net does without are missing.
    """

    @property
    def device(self) -> mg.Device:
        """Where its parameters are, and so where its arrays will be."""
        return next(self.parameters()).device

    def layer(self, name: str, x: mg.Tensor) -> mg.Tensor:
        """Layer `name` with all that follows it in the figure: activation, normalisation, pooling, dropout."""
        for part in PARTS:
            if name + part in self._modules:
                x = self._modules[name + part](x)
        return x


class AlexNet(nn.Module):
    """The network of Figure 2: five convolutions, three fully-connected layers, in one or two columns.

    The two columns read each other's maps in conv3 and in the fully-connected layers only. There, and nowhere else,
    arrays are copied between devices. The batch may be on any device; the logits are on the first.

    Args:
        num_classes: length of the output.
        columns: 2, or 1 for the paper's one-GPU net with half the kernels (section 3.2).
        devices: one for each column, or one for all of them.
        activation: "relu" or "tanh" (section 3.1).
        activation_last: names of convolutions whose activation comes after their normalisation and pooling, not before.
        lrn: whether to normalise after conv1 and conv2, each column over its own maps (section 3.3).
        lrn_alpha: its alpha, which is divided by n = 5 here: 5e-4 is the 1e-4 of section 3.3, where nothing is divided.
        within_map_norm: whether layer 2 also normalises within each map, after that: windows of 5 x 5, alpha = 0.001
            over 25, beta = 0.75, k = 1. The paper does not mention it; its authors' program did it.
        overlapping_pooling: windows of 3 at stride 2, else of 2 (section 3.4).
        dropout: the probability of zero after fc6 and fc7 (section 4.2).
        without: names of layers, from conv2 to fc7, to leave out with their activation and dropout (section 7).
        cross_columns: whether conv3 reads both columns.
        width: factor on the number of kernels and units of every layer.
        image_size: side of the square input; whatever it is, the last window of conv1 overhangs it where need be.
        in_channels: colours of the input.
        weight_std: standard deviation of the initial weights: a number (0.01 in section 5), or None for
            sqrt(2 / fan_in), which lets nets of any size start to learn (He et al., 2015); or either by layer name.
        initial_bias: of conv2, conv4, conv5, fc6 and fc7; 1 in section 5. The other biases start at 0.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        columns: int = 2,
        devices: Sequence[str | mg.Device] = ("cpu:0", "cpu:1"),
        *,
        activation: str = "relu",
        activation_last: Sequence[str] = (),
        lrn: bool = True,
        lrn_alpha: float = 5e-4,
        within_map_norm: bool = False,
        overlapping_pooling: bool = True,
        dropout: float = 0.5,
        without: Sequence[str] = (),
        cross_columns: bool = True,
        width: float = 1.0,
        image_size: int = 224,
        in_channels: int = 3,
        weight_std: WeightStd = WEIGHT_STD,
        initial_bias: float = 1.0,
    ) -> None:
        _check_numbers(num_classes, columns, width, image_size, in_channels, lrn_alpha, dropout, initial_bias)
        _check_names(activation, activation_last, without, weight_std)
        self.image_size, self.in_channels, self.cross_columns = image_size, in_channels, cross_columns and columns > 1
        places = _places(devices, columns)
        units = {name: max(1, round(count * width)) for name, count in UNITS[columns].items()}
        self._columns = tuple(Column() for _ in places)
        for number, column in enumerate(self._columns):
            setattr(self, f"column{number}", column)

        # for each column: what it hands on, as (channels, side); the fully-connected layers read all columns
        channels, side = in_channels, image_size
        for name in CONVOLUTIONS:
            if name not in without:
                inputs = channels * columns if name == CROSSING and self.cross_columns else channels
                first = "" if name in activation_last else activation
                side = self._add_convolution(name, inputs, units[name], side, first, places)
                channels = units[name]
            if name in ("conv1", "conv2") and lrn:  # n = 5, beta = 0.75, k = 2 of section 3.3
                self._add(f"{name}_norm", nn.LocalResponseNorm, 5, lrn_alpha, 0.75, 2.0)
            if name == "conv2" and within_map_norm:
                self._add(f"{name}_map_norm", nn.WithinMapResponseNorm, 5, 0.001, 0.75, 1.0)
            if name in ("conv1", "conv2", "conv5"):
                side = self._add_pooling(name, side, overlapping_pooling)
            if name in activation_last and name not in without:
                self._add(f"{name}_last_act", ACTIVATIONS[activation])
        features = channels * side * side
        for name in FULLY_CONNECTED:
            if name not in without:
                for column, place in zip(self._columns, places, strict=True):
                    setattr(column, name, nn.Linear(features * columns, units[name], device=place))
                self._add(f"{name}_act", ACTIVATIONS[activation])
                self._add(f"{name}_drop", nn.Dropout, dropout, scale_at="test")
                features = units[name]
        self.fc8 = nn.Linear(features * columns, num_classes, device=places[0])
        self._initialise(weight_std, initial_bias)

    def _add(self, name: str, kind: Callable[..., nn.Module], *arguments: object, **options: object) -> None:
        """Give every column a layer without parameters."""
        for column in self._columns:
            setattr(column, name, kind(*arguments, **options))

    def _add_convolution(
        self, name: str, inputs: int, kernels: int, side: int, activation: str, places: Sequence[mg.Device]
    ) -> int:
        """Give every column a convolution, and an activation unless that is ""; returns the side of its maps."""
        kernel_size, stride, padding = {"conv1": (11, 4, 0), "conv2": (5, 1, 2)}.get(name, (3, 1, 1))
        # counted with ceil: 224 gives 55 x 55, with a last window that overhangs the image by 3 and reads zeros there
        result = -(-(side + 2 * padding - kernel_size) // stride) + 1
        overhang = (result - 1) * stride + kernel_size - (side + 2 * padding)
        sides = (padding, padding + overhang, padding, padding + overhang)
        if side + 2 * padding < kernel_size:
            raise ValueError(f"AlexNet: images of {self.image_size} x {self.image_size} are too small for {name}")
        relu = activation == "relu"
        for column, place in zip(self._columns, places, strict=True):
            setattr(column, name, nn.Conv2d(inputs, kernels, kernel_size, stride, sides, device=place, relu=relu))
        if activation and not relu:
            self._add(f"{name}_act", ACTIVATIONS[activation])
        return result

    def _add_pooling(self, name: str, side: int, overlapping: bool) -> int:
        """Give every column a pooling layer; returns the side of its maps."""
        kernel_size = 3 if overlapping else 2
        if side < kernel_size:
            raise ValueError(
                f"AlexNet: images of {self.image_size} x {self.image_size} are too small: "
                f"{side} x {side} is left for the pooling after {name}"
            )
        self._add(f"{name}_pool", nn.MaxPool2d, kernel_size, 2)
        return (side - kernel_size) // 2 + 1

    def _initialise(self, weight_std: WeightStd, initial_bias: float) -> None:
        """Normal weights; biases of `initial_bias` where section 5 has 1, of 0 elsewhere."""
        for path, module in self.named_modules():
            name = path.rpartition(".")[2]
            if not isinstance(module, (nn.Conv2d, nn.Linear)):
                continue
            std = initial_std(weight_std, name)
            if std is None:
                nn.init.kaiming_normal_(module.weight)
            else:
                nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.constant_(module.bias, initial_bias if name in BIASES_OF_ONE else 0.0)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """Images (N, in_channels, image_size, image_size) on any device to logits (N, num_classes) on the first."""
        if not isinstance(x, mg.Tensor):
            raise TypeError(f"AlexNet takes a tensor, got {type(x).__name__}; make one with mg.tensor")
        if x.ndim != 4 or x.shape[1:] != (self.in_channels, self.image_size, self.image_size):
            raise ValueError(
                f"AlexNet takes a batch of shape (N, {self.in_channels}, {self.image_size}, {self.image_size}), "
                f"got {x.shape}"
            )
        columns = self._columns
        devices = [column.device for column in columns]
        maps = [x.to(device) for device in devices]
        for name in CONVOLUTIONS:
            if name == CROSSING and self.cross_columns and name in columns[0]._modules:
                maps = _gather(maps, devices)
            maps = [column.layer(name, own) for column, own in zip(columns, maps, strict=True)]
        features = [own.flatten(1) for own in maps]
        for name in FULLY_CONNECTED:
            if name in columns[0]._modules:
                inputs = _gather(features, devices)
                features = [column.layer(name, own) for column, own in zip(columns, inputs, strict=True)]
        return self.fc8(*_gather(features, devices[:1]))


def initial_std(weight_std: WeightStd, layer: str) -> float | None:
    """The standard deviation of a layer's initial weights by the argument of AlexNet; None for sqrt(2 / fan_in)."""
    return weight_std.get(layer, WEIGHT_STD) if isinstance(weight_std, Mapping) else weight_std


def _gather(parts: Sequence[mg.Tensor], devices: Sequence[mg.Device]) -> list[mg.Tensor]:
    """For each device the maps (or units) of all columns, the first column's first; the same where devices are."""
    if len(parts) == 1:
        return list(parts)
    gathered = {device: mg.cat([part.to(device) for part in parts], dim=1) for device in dict.fromkeys(devices)}
    return [gathered[device] for device in devices]


def _check_numbers(
    num_classes: int,
    columns: int,
    width: float,
    image_size: int,
    in_channels: int,
    lrn_alpha: float,
    dropout: float,
    initial_bias: float,
) -> None:
    for name, value, least in (
        ("num_classes", num_classes, 2),
        ("image_size", image_size, 1),
        ("in_channels", in_channels, 1),
    ):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"AlexNet: {name} is a whole number, {least} or more; got {value!r}")
    if columns not in UNITS:
        raise ValueError(f"AlexNet has 1 or 2 columns, got {columns!r}")
    if not isinstance(width, (int, float)) or not 0 < width < 1000:
        raise ValueError(f"AlexNet: width is above 0 and below 1000, got {width!r}")
    if not isinstance(lrn_alpha, (int, float)) or not 0 <= lrn_alpha < inf:
        raise ValueError(f"AlexNet: lrn_alpha is 0 or more, got {lrn_alpha!r}")
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ValueError(f"AlexNet: dropout is from 0 to below 1, got {dropout!r}")
    if not isinstance(initial_bias, (int, float)) or not -inf < initial_bias < inf:
        raise ValueError(f"AlexNet: initial_bias is a number, got {initial_bias!r}")


def _check_names(
    activation: str,
    activation_last: Sequence[str],
    without: Sequence[str],
    weight_std: WeightStd,
) -> None:
    if activation not in ACTIVATIONS:
        raise ValueError(f"AlexNet: activation is one of {', '.join(ACTIVATIONS)}; got {activation!r}")
    for option, value, known in (
        ("activation_last", activation_last, CONVOLUTIONS),
        ("without", without, REMOVABLE),
    ):
        if not isinstance(value, Sequence) or isinstance(value, str) or any(name not in known for name in value):
            raise ValueError(f"AlexNet: {option} takes a list of layers from {', '.join(known)}; got {value!r}")
    names = weight_std if isinstance(weight_std, Mapping) else {}
    unknown = [name for name in names if name not in LAYERS]
    if unknown:
        raise ValueError(f"AlexNet: weight_std names {unknown[0]!r}, which is none of its layers")
    for std in weight_std.values() if isinstance(weight_std, Mapping) else [weight_std]:
        if std is not None and not 0 <= std < inf:
            raise ValueError(f"AlexNet: weight_std is 0 or more, or None; got {std!r}")


def _places(devices: Sequence[str | mg.Device], columns: int) -> list[mg.Device]:
    names = [devices] if isinstance(devices, (str, mg.Device)) else list(devices)
    if columns == 1 and names:
        names = names[:1]
    if len(names) not in (1, columns):
        raise ValueError(f"AlexNet: {columns} columns go on 1 or {columns} devices, got {len(names)}")
    return [mg.device(name) for name in names * (columns // len(names))]
