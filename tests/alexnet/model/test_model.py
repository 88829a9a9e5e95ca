from __future__ import annotations

import numpy as np
import pytest
from checks import complains

import minigrad as mg
import minigrad.functional as F
from alexnet.model import AlexNet, Column, format_table, layer_table
from alexnet.model.__main__ import main
from alexnet.model.alexnet import LAYERS, PARTS, REMOVABLE
from alexnet.recipes import RECIPES
from minigrad import nn
from minigrad.random import default_generator

SMALL = {"width": 1 / 16, "image_size": 67}


def batch(net: AlexNet, count: int = 2) -> mg.Tensor:
    shape = (count, net.in_channels, net.image_size, net.image_size)
    return mg.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32) * 60)


def weights(net: AlexNet, name: str) -> tuple[int, ...]:
    return next(p.shape for path, p in net.named_parameters() if path == name)


@pytest.fixture(scope="module")
def whole() -> AlexNet:
    return AlexNet()


def test_the_whole_net_is_that_of_figure_2(whole: AlexNet) -> None:
    rows = {row.name: row for row in layer_table(whole)}
    assert sum(row.parameters for row in rows.values()) == 60_965_224
    assert sum(p.numel() for p in whole.parameters()) == 60_965_224
    outputs = {name: (row.columns, *row.output) for name, row in rows.items()}
    assert outputs == {
        "conv1": (2, 48, 55, 55),
        "conv1 norm": (2, 48, 55, 55),
        "conv1 pool": (2, 48, 27, 27),
        "conv2": (2, 128, 27, 27),
        "conv2 norm": (2, 128, 27, 27),
        "conv2 pool": (2, 128, 13, 13),
        "conv3": (2, 192, 13, 13),
        "conv4": (2, 192, 13, 13),
        "conv5": (2, 128, 13, 13),
        "conv5 pool": (2, 128, 6, 6),
        "fc6": (2, 2048),
        "fc7": (2, 2048),
        "fc8": (1, 1000),
    }
    millions = {name: round(row.multiply_adds / 1e6, 1) for name, row in rows.items() if row.multiply_adds}
    convolutions = {"conv1": 105.4, "conv2": 223.9, "conv3": 149.5, "conv4": 112.1, "conv5": 74.8}
    assert {name: millions[name] for name in convolutions} == convolutions
    assert round(sum(millions.values())) == 724


def test_each_column_is_on_its_own_device(whole: AlexNet) -> None:
    for path, parameter in whole.named_parameters():
        assert str(parameter.device) == ("cpu:1" if path.startswith("column1") else "cpu:0"), path


def test_initial_weights_and_biases_are_those_of_section_5(whole: AlexNet) -> None:
    for path, parameter in whole.named_parameters():
        layer, kind = path.split(".")[-2:]
        values = parameter.numpy()
        if kind == "bias":
            assert np.all(values == (layer in ("conv2", "conv4", "conv5", "fc6", "fc7"))), path
        else:
            assert abs(values.std() / 0.01 - 1) < 0.03 and abs(values.mean()) < 3e-4, path


def test_initial_biases_may_be_others() -> None:
    biases = {
        path.split(".")[-2]: p.numpy()
        for path, p in AlexNet(5, initial_bias=0.25, **SMALL).named_parameters()
        if path.endswith("bias")
    }
    assert {layer for layer, values in biases.items() if np.all(values == 0.25)} == {
        *("conv2", "conv4", "conv5", "fc6", "fc7")
    }
    assert not any(np.any(biases[layer]) for layer in ("conv1", "conv3", "fc8"))


def test_parameters_of_one_column_are_about_as_many() -> None:
    net = AlexNet(columns=1)
    assert weights(net, "column0.conv5.weight") == (256, 192, 3, 3)
    assert weights(net, "column0.fc6.weight") == (4096, 9216)
    assert 0.95 < sum(p.numel() for p in net.parameters()) / 60_965_224 < 1


def grouped_forward(net: AlexNet, x: mg.Tensor, parameters: dict[str, mg.Tensor]) -> mg.Tensor:
    """The same network on one device: groups of 2 where columns keep to themselves, LRN over each half by itself."""

    def layer(name: str, y: mg.Tensor, groups: int) -> mg.Tensor:
        first = net.column0._modules[name]
        assert isinstance(first, nn.Conv2d)
        return F.relu(
            F.conv2d(
                y, parameters[f"{name}.weight"], parameters[f"{name}.bias"], first.stride, first.padding, groups=groups
            )
        )

    def norm(y: mg.Tensor) -> mg.Tensor:
        half = y.shape[1] // 2
        return mg.cat([F.local_response_norm(y[:, at : at + half], 5, 5e-4, 0.75, 2.0) for at in (0, half)], dim=1)

    y = F.max_pool2d(norm(layer("conv1", x, 1)), 3, 2)
    y = F.max_pool2d(norm(layer("conv2", y, 2)), 3, 2)
    y = layer("conv3", y, 1)
    y = layer("conv4", y, 2)
    y = F.max_pool2d(layer("conv5", y, 2), 3, 2).flatten(1)
    for name in ("fc6", "fc7"):
        y = F.dropout(
            F.relu(F.linear(y, parameters[f"{name}.weight"], parameters[f"{name}.bias"])), 0.5, False, scale_at="test"
        )
    return F.linear(y, parameters["fc8.weight"], parameters["fc8.bias"])


def joined(net: AlexNet, array: str = "value") -> dict[str, np.ndarray]:
    """Values or gradients of the columns' parameters, one column's kernels after the other's."""
    result: dict[str, list[np.ndarray]] = {}
    for path, parameter in net.named_parameters():
        name = path.split(".", 1)[1] if path.startswith("column") else path
        tensor = parameter if array == "value" else parameter.grad
        assert tensor is not None
        result.setdefault(name, []).append(tensor.numpy())
    return {name: np.concatenate(parts) for name, parts in result.items()}


def test_two_columns_on_two_devices_equal_one_net_with_two_groups() -> None:
    net = AlexNet(7, devices=("cpu:0", "cpu:1"), width=1 / 8, image_size=67, weight_std=None).to(np.float64).eval()
    x = np.random.default_rng(1).standard_normal((3, 3, 67, 67)) * 60
    labels = mg.tensor([0, 3, 6])
    logits = net(mg.tensor(x))
    F.cross_entropy(logits, labels).backward()
    parameters = {name: mg.tensor(value, requires_grad=True) for name, value in joined(net).items()}
    grouped = grouped_forward(net, mg.tensor(x), parameters)
    F.cross_entropy(grouped, labels).backward()
    assert str(logits.device) == "cpu:0"
    scale = np.abs(grouped.numpy()).max()
    assert np.abs(logits.numpy() - grouped.numpy()).max() <= 1e-12 * scale
    for name, gradient in joined(net, "grad").items():
        wanted = parameters[name].grad
        assert wanted is not None
        assert np.abs(gradient - wanted.numpy()).max() <= 1e-12 * np.abs(wanted.numpy()).max(), name


def original_forward(net: AlexNet, x: mg.Tensor) -> mg.Tensor:
    """The layers of the authors' program in its order, as its file layers-145.cfg has them."""

    def conv(own: Column, name: str, y: mg.Tensor) -> mg.Tensor:
        layer = own._modules[name]
        assert isinstance(layer, nn.Conv2d)
        return F.conv2d(y, layer.weight, layer.bias, layer.stride, layer.padding)

    def lrn(y: mg.Tensor) -> mg.Tensor:  # the program divides alpha = 1e-4 by 5
        return F.local_response_norm(y, 5, 1e-4, 0.75, 2.0)

    def within_map(y: mg.Tensor) -> mg.Tensor:  # and 0.001 by 25
        return y * (1.0 + 0.001 * F.avg_pool2d(y * y, 5, 1, 2)) ** -0.75

    columns = (net.column0, net.column1)
    maps = [F.relu(F.max_pool2d(lrn(conv(own, "conv1", x)), 3, 2)) for own in columns]
    maps = [
        F.max_pool2d(within_map(lrn(F.relu(conv(c, "conv2", y)))), 3, 2) for c, y in zip(columns, maps, strict=True)
    ]
    both = mg.cat(maps, dim=1)
    maps = [F.relu(conv(own, "conv3", both)) for own in columns]
    maps = [F.relu(conv(own, "conv4", y)) for own, y in zip(columns, maps, strict=True)]
    maps = [F.relu(F.max_pool2d(conv(own, "conv5", y), 3, 2)) for own, y in zip(columns, maps, strict=True)]
    y = mg.cat([own.flatten(1) for own in maps], dim=1)
    for name in ("fc6", "fc7"):
        layers = [own._modules[name] for own in columns]
        y = mg.cat([F.dropout(F.relu(layer(y)), 0.5, False, scale_at="test") for layer in layers], dim=1)
    return net.fc8(y)


def test_the_layers_of_the_original_are_in_its_order() -> None:
    options = {**RECIPES["original"].network_options, "weight_std": None}
    net = AlexNet(7, devices=("cpu",), width=1 / 8, image_size=67, **options).to(np.float64).eval()
    for _, parameter in net.named_parameters():  # activations of thousands, so that every normalisation shows
        parameter.array = (parameter.detach() * 2.0).array
    x = np.random.default_rng(1).standard_normal((3, 3, 67, 67)) * 60
    logits, wanted = net(mg.tensor(x)), original_forward(net, mg.tensor(x))
    assert np.abs(logits.numpy() - wanted.numpy()).max() <= 1e-12 * np.abs(wanted.numpy()).max()
    for option in ("activation_last", "lrn_alpha", "within_map_norm"):
        left = {name: value for name, value in options.items() if name != option}
        other = AlexNet(7, devices=("cpu",), width=1 / 8, image_size=67, **left).to(np.float64).eval()
        other.load_state_dict(net.state_dict())
        assert np.abs(other(mg.tensor(x)).numpy() - wanted.numpy()).max() > 1e-6 * np.abs(wanted.numpy()).max(), option


def test_what_runs_when_in_the_original() -> None:
    """Also what the values cannot show: ReLU and max pooling may change places."""
    net = AlexNet(5, **RECIPES["original"].network_options, **SMALL)
    ran: list[str] = []
    for name, module in net.column1.named_modules():
        if name:
            module.register_forward_hook(lambda layer, inputs, output, name=name: ran.append(name))
    net(batch(net))
    assert ran == [
        *("conv1", "conv1_norm", "conv1_pool", "conv1_last_act"),
        *("conv2", "conv2_norm", "conv2_map_norm", "conv2_pool"),
        *("conv3", "conv4", "conv5", "conv5_pool", "conv5_last_act"),
        *("fc6", "fc6_act", "fc6_drop", "fc7", "fc7_act", "fc7_drop"),
    ]
    assert [net.column1._modules[f"conv{n}"].relu for n in range(1, 6)] == [False, True, True, True, False]


def test_activations_that_come_last() -> None:
    for activation, kind in (("relu", nn.ReLU), ("tanh", nn.Tanh)):
        net = AlexNet(5, activation=activation, activation_last=("conv1", "conv4"), without=("conv5",), **SMALL)
        names = [name for name, module in net.column1.named_modules() if isinstance(module, kind)]
        fused = [name for name in ("conv1", "conv2", "conv3", "conv4") if net.column1._modules[name].relu]
        early = [] if activation == "relu" else ["conv2_act", "conv3_act"]
        assert sorted(names) == sorted(["conv1_last_act", "conv4_last_act", *early, "fc6_act", "fc7_act"])
        assert fused == (["conv2", "conv3"] if activation == "relu" else [])
    assert not any(
        "conv5" in name
        for name, _ in AlexNet(5, activation_last=("conv5",), without=("conv5",), **SMALL).named_modules()
        if not name.endswith("pool")
    )


def test_the_table_shows_normalisation_within_maps() -> None:
    rows = {row.name: row for row in layer_table(AlexNet(5, within_map_norm=True, **SMALL))}
    assert rows["conv2 map norm"].kernels == "over 5 x 5 of a map" and "conv1 map norm" not in rows


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_parts_of_a_layer_are_made_in_the_order_in_which_they_are_applied(activation: str) -> None:
    """The order in which tables show them."""
    net = AlexNet(5, activation=activation, activation_last=("conv1",), within_map_norm=True, **SMALL)
    made = list(net.column0._modules)
    applied = [name + part for name in LAYERS for part in PARTS if name + part in made]
    assert made == applied and {"conv1_last_act", "conv2_map_norm", "conv2_pool", "fc7_drop"} <= set(made)


@pytest.mark.parametrize("cross_columns", [True, False])
def test_what_moves_between_the_columns(cross_columns: bool) -> None:
    net = AlexNet(5, devices=("cpu:0", "cpu:1"), cross_columns=cross_columns, **SMALL)
    with mg.profile() as events:
        net(batch(net)).sum().backward()
    there, back = ("cpu:0", "cpu:1"), ("cpu:1", "cpu:0")
    conv3, fc6, fc7 = 8 * 3 * 3, 8 * 1 * 1, 128
    both = [(size, way) for size in ([conv3] if cross_columns else []) + [fc6, fc7] for way in (back, there)]
    forward = [(3 * 67 * 67, there), *both, (fc7, back)]
    moves = [event for event in events if event.source != event.device]
    found = [(move.nbytes // 8, (str(move.source), str(move.device))) for move in moves]
    assert found[: len(forward)] == forward
    assert found[len(forward) :] == [(size, way[::-1]) for size, way in forward[:0:-1]]


@pytest.mark.parametrize("place", ["cpu:0", "cpu:1"])
def test_the_batch_may_be_on_any_device(place: str) -> None:
    net = AlexNet(5, devices=("cpu:1", "cpu:0"), **SMALL).eval()
    logits = net(batch(net).to(place))
    assert logits.shape == (2, 5) and str(logits.device) == "cpu:1"


def test_one_device_for_both_columns_gives_the_same_bits() -> None:
    outputs = []
    for devices in (("cpu",), ("cpu", "cpu"), ("cpu:0", "cpu:1")):
        mg.manual_seed(3)
        net = AlexNet(5, devices=devices, **SMALL)
        outputs.append(net(batch(net)).numpy())
    assert all(np.array_equal(outputs[0], other) for other in outputs[1:])


@pytest.mark.parametrize("name", REMOVABLE)
@pytest.mark.parametrize("columns", [1, 2])
def test_a_layer_can_be_left_out(name: str, columns: int) -> None:
    net = AlexNet(5, columns=columns, without=(name,), **SMALL)
    names = [row.name for row in layer_table(net)]
    assert name not in names and {"conv1", "fc8", "conv5 pool", "conv2 norm"} <= set(names)
    assert not any(path.endswith((f"{name}_act", f"{name}_drop")) for path, _ in net.named_modules())
    net(batch(net)).sum().backward()


def test_everything_in_the_middle_can_be_left_out() -> None:
    net = AlexNet(5, without=REMOVABLE, **SMALL)
    assert net(batch(net)).shape == (2, 5)


def test_ablations_change_what_they_name() -> None:
    names = {path for path, _ in AlexNet(5, lrn=False, **SMALL).named_modules()}
    assert not any(name.endswith("norm") for name in names)
    assert isinstance(AlexNet(5, activation="tanh", **SMALL).column1.conv4_act, nn.Tanh)
    assert AlexNet(5, dropout=0.3, **SMALL).column0.fc7_drop.p == 0.3
    apart = AlexNet(5, cross_columns=False, **SMALL)
    assert (
        weights(apart, "column0.conv3.weight")[1] == 8 and weights(AlexNet(5, **SMALL), "column0.conv3.weight")[1] == 16
    )


def test_pooling_without_overlap_gives_the_same_sizes() -> None:
    rows = {row.name: row.output for row in layer_table(AlexNet(5, overlapping_pooling=False, width=1 / 16))}
    assert [rows[f"{name} pool"][1] for name in ("conv1", "conv2", "conv5")] == [27, 13, 6]


def test_grayscale_and_stereo_images() -> None:
    for channels in (1, 6):
        net = AlexNet(5, in_channels=channels, **SMALL)
        assert net(batch(net)).shape == (2, 5)


def test_dropout_is_scaled_at_test_time() -> None:
    net = AlexNet(5, **SMALL)
    assert net.column0.fc6_drop.scale_at == "test" and net.column0.fc6_drop.p == 0.5


def test_the_last_window_of_conv1_reads_zeros_outside_the_image() -> None:
    net = AlexNet(5, **{**SMALL, "image_size": 64}, devices=("cpu",))
    conv1 = net.column0.conv1
    x = batch(net)
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (0, 3), (0, 3)))
    wanted = F.conv2d(mg.tensor(padded), conv1.weight, conv1.bias, stride=4, relu=True)
    np.testing.assert_array_equal(conv1(x).numpy(), wanted.numpy())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": 3}, ("columns", "3")),
        ({"devices": ("cpu", "cpu", "cpu")}, ("devices", "3")),
        ({"devices": ("gpu",)}, ("gpu",)),
        ({"activation": "gelu"}, ("activation", "gelu")),
        ({"without": ("conv1",)}, ("without", "conv1")),
        ({"without": "conv2"}, ("without", "conv2")),
        ({"activation_last": ("fc6",)}, ("activation_last", "fc6")),
        ({"width": 0}, ("width", "above 0")),
        ({"width": 1000}, ("width", "below 1000")),
        ({"dropout": 1.5}, ("dropout", "1.5")),
        ({"dropout": 1}, ("dropout", "below 1")),
        ({"lrn_alpha": -1e-4}, ("lrn_alpha", "0 or more")),
        ({"initial_bias": float("nan")}, ("initial_bias", "nan")),
        ({"weight_std": -1.0}, ("weight_std", "0 or more", "-1")),
        ({"weight_std": {"fc6": float("nan")}}, ("weight_std", "nan")),
        ({"num_classes": 1}, ("num_classes",)),
        ({"image_size": 30}, ("30", "small")),
        ({"image_size": 5}, ("5", "small", "conv1")),
    ],
)
def test_what_cannot_be_built_complains(options: dict[str, object], words: tuple[str, ...]) -> None:
    with complains(*words, error=ValueError):
        AlexNet(**{"num_classes": 5, "width": 1 / 16, **options})  # type: ignore[arg-type]


def test_a_batch_of_another_size_complains() -> None:
    net = AlexNet(5, **SMALL)
    with complains("67", "(2, 3, 64, 64)", error=ValueError):
        net(mg.zeros(2, 3, 64, 64))


def test_an_error_in_a_layer_names_its_path() -> None:
    net = AlexNet(5, **SMALL)
    net.column1.conv2.bias = nn.Parameter(mg.zeros(3, device="cpu:1"))
    with complains("column1.conv2: conv2d", "bias", error=ValueError):
        net(batch(net))


def test_the_table_has_totals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = format_table(layer_table(AlexNet(5, **SMALL)))
    assert text.splitlines()[-1].startswith("total") and "cpu:0, cpu:1" in text
    monkeypatch.setattr("sys.argv", ["model"])
    main()
    assert "60,965,224" in capsys.readouterr().out


def test_a_net_can_be_moved() -> None:
    net = AlexNet(5, **SMALL).eval()
    x = batch(net)
    before = net(x).numpy()
    net.to("cpu:1")
    assert str(net(x).device) == "cpu:1"
    np.testing.assert_array_equal(net(x).numpy(), before)


def test_the_table_leaves_mode_and_random_numbers_alone() -> None:
    net = AlexNet(5, **SMALL)
    before = default_generator.state()
    layer_table(net)
    assert net.training and net.column0.fc6_drop.training and default_generator.state() == before
