"""The networks of layer files: their sizes, and that they are the nets that the project has otherwise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checks import complains
from layer_files import DATA, cost, net_of, params_of, pixels, section, two_columns

import minigrad as mg
import minigrad.functional as F
from alexnet.cuda_convnet import LayerFileError, LayerNet, nets, parameter_rules, read_sections
from alexnet.model import AlexNet
from alexnet.model.__main__ import main
from alexnet.recipes import RECIPES
from minigrad import nn


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(
    ("layers", "parameters"),
    [
        (two_columns(), 60_965_224),
        (two_columns(columns=1, conv5=256, fc6=4096, fc7=4096), 59_798_312),
        (two_columns(norms=False), 60_965_224),
        (two_columns(overlapping=False, padding={"conv2": 1, "conv3": 1, "conv4": 1}), 60_965_224),
        (two_columns(crossing=(), conv2=160, fc6=4096), 60_714_408),
    ],
    ids=["both columns", "one column", "no norms", "pooling 2 / 2", "columns that never meet"],
)
def test_the_nets_of_2012_have_as_many_parameters(layers: str, parameters: int) -> None:
    assert count(net_of(layers, size=224, classes=1000)) == parameters


# the same nets from both sides: what the layer file says, and what the model is asked for
COLUMNS = {
    "recipe original": ({}, {}),
    "one column": ({"columns": 1, "conv5": 256, "fc6": 4096, "fc7": 4096}, {"columns": 1}),
    "without norms": ({"norms": False}, {"lrn": False, "within_map_norm": False}),
    "pooling 2 / 2": ({"overlapping": False}, {"overlapping_pooling": False, "image_size": 103}),
    "conv3 of its own column": ({"crossing": ("fc6", "fc7")}, {"cross_columns": False}),
}


@pytest.mark.parametrize(("said", "options"), COLUMNS.values(), ids=COLUMNS)
def test_a_layer_file_is_the_model_of_the_paper(said: dict[str, Any], options: dict[str, Any]) -> None:
    """The logits, and the gradient of every weight and bias, in float64 to 1e-12 of the largest."""
    original = RECIPES["original"].network_options
    arguments = {**original, "columns": 2, "width": 1 / 16, "image_size": 99, **options}
    model = AlexNet(7, devices=["cpu"], **arguments).to(np.float64).eval()
    layers = two_columns(7, width=1 / 16, **said)
    net = net_of(layers, params_of(layers), size=model.image_size, classes=7).to(np.float64).eval()
    net.load_state_dict(as_layer_file(model, dict(model.named_parameters())))

    x, targets = pixels(net, 4), mg.tensor(np.array([0, 6, 3, 3]))
    logits = []
    for each in (model, net):
        y = each(x)
        F.cross_entropy(y, targets).backward()
        logits.append(y.numpy())
    assert close(logits[1], logits[0]) < 1e-12
    gradients = as_layer_file(model, {name: p.grad for name, p in model.named_parameters()})
    for name, parameter in net.named_parameters():
        assert np.abs(gradients[name]).max() > 0, name
        assert close(parameter.grad.numpy(), gradients[name]) < 1e-12, name


def close(value: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(value - expected).max() / np.abs(expected).max())


def as_layer_file(model: AlexNet, tensors: dict[str, mg.Tensor]) -> dict[str, np.ndarray]:
    """The weights or gradients of AlexNet by the paths of the layer file: a weight for each input."""
    result, crossing = {}, ("conv3", "fc6", "fc7", "fc8")[not model.cross_columns :]
    for path, tensor in tensors.items():
        *column, layer, kind = path.split(".")
        letter = "ab"[int(column[0][-1])] if column else ""
        parts = [tensor.numpy()]
        if kind == "weight" and layer in crossing and len(model._columns) == 2:
            parts = np.split(parts[0], 2, axis=1)
            parts = parts[::-1] if layer + letter == "fc7b" else parts  # which reads its own column first
        for number, part in enumerate(parts):
            result[f"{layer}{letter}.{kind}{number or ''}"] = part
    return result


def test_layers_are_where_gpu_says() -> None:
    layers = two_columns(5, width=1 / 16)
    net = net_of(layers, params_of(layers), size=67, classes=5, devices=["cpu:0", "cpu:1"]).eval()
    where = {path: str(parameter.device) for path, parameter in net.named_parameters()}
    assert where["conv1a.weight"] == where["conv4a.bias"] == where["fc8.weight"] == "cpu:0"
    assert where["conv3b.weight1"] == where["conv4b.weight"] == where["fc7b.bias"] == "cpu:1"
    one = net_of(layers, params_of(layers), size=67, classes=5).eval()
    one.load_state_dict({name: each.numpy() for name, each in net.state_dict().items()})
    x = pixels(net, dtype=np.float32)
    y = net(x)
    assert str(y.device) == "cpu:0" and np.array_equal(y.numpy(), one(x).numpy())


# dialects

EIGHTEEN = {
    "conv1": {"type": "conv", "inputs": "data", "channels": 3, "filters": 8, "filterSize": 5, "padding": 2},
    "pool1": {"type": "pool", "pool": "max", "inputs": "conv1", "channels": 8, "sizeX": 3, "stride": 2},
    "rnorm1": {"type": "rnorm", "inputs": "pool1", "channels": 8},
    "conv2": {"type": "conv", "inputs": "rnorm1", "channels": 8, "filters": 8, "filterSize": 5, "padding": 2},
    "pool2": {"type": "pool", "pool": "avg", "inputs": "conv2", "channels": 8, "sizeX": 3, "stride": 2},
    "rnorm2": {"type": "rnorm", "inputs": "pool2", "channels": 8},
    "fc10": {"type": "fc", "inputs": "rnorm2", "outputs": 10, "initW": 0.01},
}
NORM = {"scale": 0.5, "pow": 0.75}


def eighteen(changes: dict[str, dict[str, object]]) -> str:
    return (
        DATA + "".join(section(name, **own, **changes.get(name, {})) for name, own in EIGHTEEN.items()) + cost("fc10")
    )


def test_dialects_are_one_net() -> None:
    """Of 2011, norms with sizeX, scale and pow in the layer file and relu on conv1; and the two of 2012, on pool1."""
    relu, oldest = {"neuron": "relu"}, {"sizeX": 3, **NORM}
    filters = {"initW": 0.01, "stride": 1, "partialSum": 4, "sharedBiases": 1}
    second, sizes = {"conv2": {**filters, **relu}}, {name: {"size": 3} for name in NORMS}
    files = (
        (eighteen({"conv1": {**filters, **relu}, **second, "rnorm1": oldest, "rnorm2": oldest}), {}),
        (
            eighteen({"conv1": filters, "pool1": {**relu, "start": 0}, **second, **sizes}),
            dict.fromkeys(NORMS, NORM),
        ),
        (
            eighteen(
                {
                    "conv1": {**filters, "gpu": 0},
                    "pool1": {**relu, "outputsX": 0},
                    "conv2": {**relu, "sumWidth": 4, "initW": 0.01, "gpu": "0,1"},
                    **sizes,
                }
            ),
            dict.fromkeys(NORMS, NORM),
        ),
    )
    nets = [net_of(layers, params_of(layers, **changes)).to(np.float64) for layers, changes in files]
    random = np.random.default_rng(0)
    state = {path: random.standard_normal(p.shape) * 0.1 for path, p in nets[0].named_parameters()}
    x, results = pixels(nets[0]), []
    for net in nets:
        net.load_state_dict(state)
        y = net(x)
        y.sum().backward()
        results.append([y.numpy(), *(p.grad.numpy() for p in net.parameters())])
    for found in results[1:]:
        for each, expected in zip(found, results[0], strict=True):
            np.testing.assert_allclose(each, expected, rtol=1e-10, atol=1e-12)
    assert all(np.abs(each).max() > 0 for each in results[0])


NORMS = ("rnorm1", "rnorm2")


def test_consumers_see_what_a_neuron_made() -> None:
    """All of them, and a neuron that is a layer of its own is the same."""
    filters = {"type": "conv", "inputs": "data", "channels": 3, "filters": 4, "filterSize": 3, "initW": 0.1, "gpu": 0}
    ends = section("fc10", type="fc", inputs="sum,b", outputs=10, initW="0.1,0.1") + cost("fc10")
    total = section("sum", type="eltsum", inputs="b,b", coeffs="1,2")
    nets = [
        net_of(DATA + section("b", **filters, neuron="relu") + total + ends),
        net_of(DATA + section("c", **filters) + section("b", type="neuron", inputs="c", neuron="relu") + total + ends),
    ]
    state = {name: each.numpy() for name, each in nets[0].state_dict().items()}
    nets[1].load_state_dict(
        {name.replace("b.", "c.") if name[0] == "b" else name: each for name, each in state.items()}
    )
    x = pixels(nets[0], dtype=np.float32)
    weights = [state["fc10.weight"], state["fc10.weight1"]]
    b = np.maximum(F.conv2d(x, mg.tensor(state["b.weight"]), mg.tensor(state["b.bias"])).numpy(), 0).reshape(3, -1)
    np.testing.assert_allclose(nets[0](x).numpy(), 3 * b @ weights[0].T + b @ weights[1].T, rtol=1e-4, atol=1e-3)
    assert np.array_equal(nets[0](x).numpy(), nets[1](x).numpy())


# weights

SPARSE = (
    DATA
    + section("conv1", type="conv", inputs="data", channels=3, filters=8, filterSize=3, initW=0.1, gpu=0)
    + section(
        *("conv2",),
        **{"type": "conv", "inputs": "conv1", "channels": 8, "filters": 2, "groups": 4, "filterSize": 3, "initW": 0.1},
        **{"randSparse": "true", "filterChannels": 4},
    )
    + section("fc10", type="fc", inputs="conv2", outputs=10, initW=0.1)
    + cost("fc10")
)


def test_lists_of_channels_are_of_the_state() -> None:
    nets = []
    for seed in (1, 2):
        mg.manual_seed(seed)
        nets.append(net_of(SPARSE))
    first, second = nets
    state = {name: each.numpy() for name, each in first.state_dict().items()}
    lists = state["conv2.channels"]
    assert sorted(lists[:8]) == sorted(lists[8:]) == list(range(8)) and lists.dtype == np.int64
    x = pixels(first, dtype=np.float32)
    y = first(x).numpy()
    assert not np.array_equal(second.state_dict()["conv2.channels"].numpy(), lists)
    second.load_state_dict(state)
    assert np.array_equal(second(x).numpy(), y) and "conv2.channels" not in dict(first.named_parameters())
    kept = {name: each.numpy() for name, each in second.state_dict().items()}
    for wrong in (lists[:4], lists + 1, lists.astype(np.float32)):
        with complains("conv2.channels", error=ValueError):
            second.load_state_dict({**{name: each * 0 for name, each in state.items()}, "conv2.channels": wrong})
    del state["conv2.channels"]
    with complains("conv2.channels", error=KeyError):
        second.load_state_dict(state)
    assert all(np.array_equal(kept[name], each.numpy()) for name, each in second.state_dict().items())
    mg.manual_seed(1)
    assert np.array_equal(net_of(SPARSE)(x).numpy(), y)


def test_weights_may_be_shared() -> None:
    """Those of a layer above, or of an earlier input of the same layer; gradients of all users are summed."""
    layers = (
        DATA
        + section("a", type="fc", inputs="data", outputs=6, initW=0.1, gpu=0)
        + section("b", type="fc", inputs="a,a", outputs=6, initW="0.1,0.1", weightSource=",b")
        + section("c", type="fc", inputs="b,a", outputs=6, initW="0.1,0.1", weightSource="b[1], ")
        + section("d", type="fc", inputs="c", outputs=10, initW=0.1)
        + cost("d")
    )
    net = net_of(layers)
    weights = [path for path, _ in net.named_parameters() if "weight" in path]
    assert weights == ["a.weight", "b.weight", "c.weight1", "d.weight"]
    assert net.layers["c"].weight is net.layers["b"].weight1 is net.layers["b"].weight
    rules = parameter_rules(read_sections(layers, "layers"), read_sections(params_of(layers), "params"))
    assert rules.keys() == dict(net.named_parameters()).keys()
    net(pixels(net, dtype=np.float32)).sum().backward()
    assert net.layers["b"].weight.grad is not None


@pytest.mark.parametrize("source", ["x", "a", "b", "a[", "c[0]", "data", "a[1]"])
def test_weights_of_others_are_refused(source: str) -> None:
    layers = DATA + section("a", type="fc", inputs="data", outputs=6, initW=0.1, gpu=0)
    layers += section("b", type="fc", inputs="a", outputs=6, initW=0.1, weightSource=source)
    with complains("layer b", error=LayerFileError):
        net_of(layers + section("c", type="fc", inputs="b", outputs=10) + cost("c"))


@pytest.mark.parametrize("name", ["conv32-2", "forward", "training", "a.b", "weight", "_modules", "5", "two words"])
def test_layers_may_have_any_name(name: str) -> None:
    layers = DATA + section(name, type="fc", inputs="data", outputs=10, initW=0.1, gpu=0) + cost(name)
    net = net_of(layers)
    assert [path for path, _ in net.named_parameters()] == [f"{name}.weight", f"{name}.bias"]
    assert net(pixels(net, dtype=np.float32)).shape == (3, 10) and net.eval().layers[name].training is False
    net.load_state_dict({path: each.numpy() for path, each in net.state_dict().items()})


# fewer filters

WIDE = (
    DATA
    + section("conv", type="conv", inputs="data", channels=3, filters=32, filterSize=3, initW=0.1, gpu=0)
    + section("pool", type="pool", pool="max", inputs="conv", channels=32, sizeX=2, stride=2)
    + section("fc", type="fc", inputs="pool", outputs=64, initW=0.1)
    + section("join", type="concat", inputs="pool,conv")
    + section(
        *("both",),
        **{"type": "conv", "inputs": "pool,pool", "channels": "32,32", "filters": "64,16", "groups": "1,4"},
        **{"filterSize": "3,3", "randSparse": "0,1", "filterChannels": "32,16", "initW": "0.1,0.1"},
    )
    + section("a", type="fc", inputs="fc,both", outputs=4, initW="0.1,0.1")
    + section("b", type="fc", inputs="join", outputs=6, initW=0.1)
    + section("all", type="concat", inputs="a,b")
    + cost("all")
)


def test_nets_with_fewer_filters() -> None:
    """Groups stay legal, channels follow, and what leads to the softmax keeps its outputs."""
    whole, small = net_of(WIDE), net_of(WIDE, filter_scale=8)
    shapes = {path: p.shape for path, p in small.named_parameters()}
    assert shapes["conv.weight"] == (4, 3, 3, 3) and shapes["fc.weight"] == (8, 4 * 15 * 15)
    assert shapes["both.weight"] == (8, 4, 3, 3) and shapes["both.weight1"] == (8, 2, 3, 3)
    assert shapes["a.weight"] == (4, 8) and shapes["b.bias"] == (6,)
    assert shapes.keys() == {path for path, _ in whole.named_parameters()}
    assert count(small) < count(whole) / 8
    odd = {path: p.shape for path, p in net_of(WIDE, filter_scale=6).named_parameters()}
    assert odd["conv.weight"][0] == 4 and odd["both.weight1"] == (12, 2, 3, 3) and odd["fc.bias"] == (11,)
    y = small(pixels(small, dtype=np.float32))
    y.sum().backward()
    assert y.shape == (3, 10) and all(p.grad is not None for p in small.parameters())


# what is refused

FC = {"type": "fc", "outputs": 10, "initW": 0.1, "gpu": 0}
ONE = section("fc10", inputs="data", **FC)
REFUSED = {
    "no cost": (DATA + ONE, "cost"),
    "two costs": (
        DATA + ONE + cost("fc10") + section("more", type="cost.logreg", inputs="labels,probs"),
        "logprob and",
    ),
    "an unused layer": (DATA + ONE + section("fc11", inputs="data", **FC) + cost("fc10"), "layer fc11: no other"),
    "a layer below": (DATA + section("a", inputs="b", **FC) + ONE + cost("fc10"), "layer a: its input 'b'"),
    "no type": (DATA + section("a", inputs="data"), "layer a: it has no type"),
    "an unknown type": (DATA + section("a", type="lstm", inputs="data"), "layer a: there is no type='lstm'"),
    "a tree": (
        DATA + section("a", type="treefc", inputs="data"),
        "layer a: type=treefc cannot be done: it needs the tree",
    ),
    "many labels": (
        DATA + ONE + section("c", type="cost.crossent2", inputs="labels,fc10"),
        "layer c: type=cost.crossent2 cannot be done: it needs labels that name several",
    ),
    "labels as numbers": (DATA + section("a", type="eltsum", inputs="data,labels"), "layer a: it computes with labels"),
    "no softmax": (
        DATA + ONE + section("logprob", type="cost.logreg", inputs="labels,fc10"),
        "layer logprob: its second input is a softmax",
    ),
    "a softmax and more": (DATA + ONE + cost("fc10", neuron="relu"), "a softmax alone, and probs has a neuron too"),
    "no labels": (
        DATA.partition("[labels]")[0] + ONE + cost("fc10"),
        "layer logprob: its first input is a layer of labels (type=data, dataIdx=1), and labels is none",
    ),
    "one input of the cost": (
        DATA
        + ONE
        + section("p", type="softmax", inputs="fc10")
        + section("c", type="cost.logreg", inputs="labels,p,p"),
        "its inputs are labels and a softmax",
    ),
    "a comma too many": (DATA + section("a", inputs="data,", **FC), "layer a: inputs has a comma"),
    "indented lines": (
        section("a", type="fc", inputs="data").replace("\n", "\n  "),
        "a line that begins with a space goes on with the value before it",
    ),
    "other labels": (
        DATA + ONE + section("p", type="softmax", inputs="fc10") + section("c", type="cost.logreg", inputs="data,p"),
        "layer labels: no other layer",
    ),
    "classes": (
        DATA + section("fc5", inputs="data", **{**FC, "outputs": 5}) + cost("fc5"),
        "layer fc5: 5 outputs do not fit 10 classes; outputs=10 in the file, or --set layers.fc5.outputs=10 in",
    ),
    "classes of several": (
        DATA
        + section("a", inputs="data", **{**FC, "outputs": 5})
        + section("b", inputs="data", **{**FC, "outputs": 7})
        + section("c", type="concat", inputs="a,b")
        + cost("c"),
        "layers a and b: 12 outputs do not fit 10 classes; they make them together",
    ),
    "classes of a convolution": (
        DATA
        + section("a", type="conv", inputs="data", channels=3, filters=2, filterSize=32, initW=0.1, gpu=0)
        + cost("a"),
        "layer a: 2 outputs do not fit 10 classes; other filters",
    ),
    "a wrong device": (
        DATA + section("a", inputs="data", **{**FC, "gpu": "x"}) + cost("a"),
        "layer a: gpu is a whole number",
    ),
    "maps that do not add up": (
        DATA
        + section("a", type="conv", inputs="data,data", channels="3,3", filters="4,4", filterSize="3,5", gpu=0)
        + cost("a"),
        "layer a: its inputs give 4 maps of 30 x 30 and 4 maps of 28 x 28",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_refused(name: str) -> None:
    layers, words = REFUSED[name]
    with complains(words, error=LayerFileError):
        net_of(layers)


def test_other_pictures_are_refused() -> None:
    net = net_of(DATA + ONE + cost("fc10"))
    with complains("(N, 3, 32, 32)", "(1, 3, 24, 24)"):
        net(mg.zeros(1, 3, 24, 24))
    with complains("LayerNet takes a tensor"):
        net(np.zeros((1, 3, 32, 32)))
    with complains("channels=3", "has 1; channels=1 in the file, or --set layers.conv1.channels=1 in training, would"):
        LayerNet(read_sections(SPARSE, "layers"), {}, 32, 1, 10)


def test_a_softmax_that_only_a_cost_reads_is_not_computed() -> None:
    net = net_of(DATA + ONE + cost("fc10"))
    assert list(net.layers) == ["data", "fc10"] and [name for name, _ in net.named_children()] == ["fc10"]


# the table


def test_the_table_of_a_layer_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "layers.cfg"
    file.write_text(two_columns())
    arguments = ["--layers", str(file), "--image-size", "224", "--classes", "1000"]
    assert main([*arguments, "--devices", "cpu:0,cpu:1"]) == 0
    lines = [re.split(" {2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == ["total", "60,965,224", "724,406,816"]  # as many as Figure 2 has
    rows = {line[0]: line[1:] for line in lines}
    crossing = "192 of 3 x 3 x 128 and 3 x 3 x 128, relu"
    assert rows["conv3b"] == ["192 x 13 x 13", crossing, "442,560", "74,760,192", "cpu:1"]
    assert rows["conv1a"] == ["48 x 55 x 55", "48 of 11 x 11 x 3 / 4", "17,472", "52,707,600", "cpu:0"]
    assert rows["cnorm2a"] == ["128 x 27 x 27", "over 5 x 5 of a map", "cpu:0"]
    assert rows["pool1a"] == ["48 x 27 x 27", "max 3 x 3 / 2, relu", "cpu:0"]
    assert rows["hs7a"] == ["2048", "keep 0.5", "cpu:0"]
    file.write_text(DATA + section("fc", inputs="data", **FC) + cost("fc"))
    assert main(["--layers", str(file), "--image-size", "4", "--classes", "10"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["total", "490", "480"]


@pytest.mark.parametrize("name", ["11pct", "13pct", "18pct", "19pct"])
def test_the_tables_of_cifar_10_nets_fit_a_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(nets.__file__).parent / f"layers-{name}.cfg"
    assert main(["--layers", str(file), "--image-size", "24", "--classes", "10"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) < 80 and "max 3 x 3 / 2" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--layers", "x"], "--layers FILE needs --image-size and --classes"),
        (["--layers", "x", "--classes", "10"], "--layers FILE needs --image-size"),
        (["--image-size", "32"], "--image-size goes with --layers FILE"),
        (["--devices", "cpu:0"], "--devices goes with --layers FILE"),
        (["--layers", "x", "--classes", "10", "--image-size", "32", "--columns", "1"], "--columns is of AlexNet alone"),
        (["--layers", "nowhere.cfg", "--classes", "10", "--image-size", "32"], "nowhere.cfg cannot be read"),
    ],
)
def test_sizes_go_with_a_layer_file(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as end:
        status = end.code
    output = capsys.readouterr()
    assert status == 2 and words in output.err and not output.out and len(output.err.splitlines()) == 1
