"""The layers: what they compute, their first weights, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checks import complains
from strategies import moderate

import minigrad as mg
import minigrad.functional as F
from minigrad import nn


def test_layers_do_what_their_functions_do(device: str) -> None:
    x = mg.tensor(moderate((2, 4, 7, 7), 0).astype(np.float32), device=device)
    conv = nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(1, 0), groups=2).to(device)
    local = nn.LocallyConnected2d(4, 6, (3, 2), 7, (1, 2), (1, 0), groups=2).to(device)
    pairs = [
        (local(x), F.locally_connected2d(x, local.weight, local.bias, (1, 2), (1, 0), 2)),
        (conv(x), F.conv2d(x, conv.weight, conv.bias, (1, 2), (1, 0), groups=2)),
        (nn.MaxPool2d(3, 2)(x), F.max_pool2d(x, 3, 2)),
        (nn.MaxPool2d(3)(x), F.max_pool2d(x, 3)),
        (nn.MaxPool2d(3, 2, (2, 0, 2, 0))(x), F.max_pool2d(x, 3, 2, (2, 0, 2, 0))),
        (nn.AvgPool2d(3, 2, (2, 0, 2, 0))(x), F.avg_pool2d(x, 3, 2, (2, 0, 2, 0))),
        (nn.MaxPool2d(3, 2, 1, ceil_mode=True)(x), F.max_pool2d(x, 3, 2, 1, ceil_mode=True)),
        (nn.AvgPool2d(3, 2, 1)(x), F.avg_pool2d(x, 3, 2, 1)),
        (
            nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)(x),
            F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        ),
        (nn.LocalResponseNorm(5, 1.0, 0.5, 2.0)(x), F.local_response_norm(x, 5, 1.0, 0.5, 2.0)),
        (nn.LocalResponseNorm(3)(x), F.local_response_norm(x, 3)),
        (nn.WithinMapResponseNorm(4, 9.0, 0.5, 2.0)(x), F.within_map_response_norm(x, 4, 9.0, 0.5, 2.0)),
        (nn.WithinMapResponseNorm(3)(x), F.within_map_response_norm(x, 3)),
        (nn.ReLU()(x), F.relu(x)),
        (nn.Tanh()(x), F.tanh(x)),
        (nn.Flatten()(x), x.flatten(1)),
    ]
    for layer, function in pairs:
        np.testing.assert_array_equal(layer.numpy(), function.numpy())
    linear = nn.Linear(4 * 49, 3).to(device)
    np.testing.assert_array_equal(
        linear(x.flatten(1)).numpy(), F.linear(x.flatten(1), linear.weight, linear.bias).numpy()
    )
    targets = mg.tensor(np.array([0, 2]), device=device)
    logits = linear(x.flatten(1))
    assert nn.CrossEntropyLoss()(logits, targets).item() == F.cross_entropy(logits, targets).item()
    summed = nn.CrossEntropyLoss(reduction="sum")(logits, targets).item()
    assert summed == F.cross_entropy(logits, targets, reduction="sum").item()


def test_layers_have_the_shapes_and_dtype_of_the_field() -> None:
    conv, linear = nn.Conv2d(6, 4, (5, 3), groups=2), nn.Linear(7, 3)
    assert conv.weight.shape == (4, 3, 5, 3) and conv.bias.shape == (4,)
    local = nn.LocallyConnected2d(6, 4, (5, 3), (7, 8), (2, 1), (1, 0, 0, 2), groups=2)
    assert local.weight.shape == (2, 8, 3, 5, 3, 4) and local.bias.shape == (4, 2, 8)
    assert local(mg.ones(3, 6, 7, 8)).shape == (3, 4, 2, 8)
    assert nn.LocallyConnected2d(6, 4, 3, 6, bias=False).bias is None
    assert linear.weight.shape == (3, 7) and linear.bias.shape == (3,)
    assert all(p.dtype == np.float32 for layer in (conv, local, linear) for p in layer.parameters())
    assert nn.Conv2d(6, 4, 3, bias=False).bias is None and nn.Linear(7, 3, bias=False).bias is None
    assert [name for name, _ in nn.Linear(7, 3, bias=False).named_parameters()] == ["weight"]


def test_first_weights_are_seeded_and_bounded() -> None:
    """PyTorch's default: uniform between plus and minus 1 / sqrt(fan-in), biases as well."""
    mg.manual_seed(4)
    first = nn.Conv2d(4, 64, 5)
    mg.manual_seed(4)
    second = nn.Conv2d(4, 64, 5)
    np.testing.assert_array_equal(first.weight.numpy(), second.weight.numpy())
    weight, bound = first.weight.numpy(), 1 / np.sqrt(4 * 25)
    assert 0.9 * bound < np.abs(weight).max() <= bound and abs(weight.mean()) < 0.05 * bound


def test_first_weights_of_each_place_are_bounded_as_those_of_filters() -> None:
    mg.manual_seed(4)
    local = nn.LocallyConnected2d(8, 32, 5, 6, padding=2, groups=2)
    for array in (local.weight.numpy(), local.bias.numpy()):
        bound = 1 / np.sqrt(4 * 25)
        assert 0.9 * bound < np.abs(array).max() <= bound and abs(array.mean()) < 0.05 * bound


def test_a_local_layer_says_what_it_is() -> None:
    layer = nn.LocallyConnected2d(4, 6, 3, 5, padding=1, groups=2, relu=True)
    assert repr(layer) == (
        "LocallyConnected2d(4, 6, kernel_size=(3, 3), image_size=(5, 5), stride=1, padding=1, groups=2, bias=True, "
        "relu=True)"
    )
    assert (layer(mg.randn(2, 4, 5, 5)).numpy() >= 0).all()


def test_dropout_layer_follows_the_mode(device: str) -> None:
    x = mg.ones(50, 50, device=device)
    inverted, paper = nn.Dropout(0.25), nn.Dropout(0.25, scale_at="test")
    np.testing.assert_allclose(np.unique(inverted(x).numpy()), [0, 1 / 0.75], rtol=1e-6)
    np.testing.assert_array_equal(np.unique(paper(x).numpy()), [0, 1])
    np.testing.assert_array_equal(inverted.eval()(x).numpy(), np.ones((50, 50)))
    np.testing.assert_array_equal(paper.eval()(x).numpy(), np.full((50, 50), 0.75))


def test_layers_refuse_what_cannot_be() -> None:
    """When they are made or, at the latest, when they are used."""
    with complains("groups"):
        nn.Conv2d(5, 4, 3, groups=2)
    with complains("groups"):
        nn.Conv2d(4, 4, 3, groups=0)
    with complains("kernel_size"):
        nn.Conv2d(4, 4, 0)
    with complains("1.5"):
        nn.Dropout(1.5)(mg.ones(2))
    with complains("kernel_size"):
        nn.MaxPool2d(0)(mg.ones(1, 1, 4, 4))
    with complains("average"):
        nn.CrossEntropyLoss(reduction="average")


def test_layers_without_arguments_take_none() -> None:
    for make in (lambda: nn.Tanh(5), lambda: nn.Sigmoid(inplace=True)):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            make()


def test_flatten_takes_the_axes_of_pytorch() -> None:
    x = mg.ones(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(2)(x).shape == (2, 3, 20)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: nn.Linear(-3, 2), "in_features"),
        (lambda: nn.Linear(3, 2.5), "out_features"),
        (lambda: nn.Conv2d(2, 2, 3, groups="two"), "groups"),
        (lambda: nn.Conv2d(2, 2, 3, groups=1.0), "groups"),
        (lambda: nn.Conv2d(2, 2, 3, padding="same"), "padding=1"),
        (lambda: nn.Conv2d(2, 2, 3, padding=-1), "padding"),
        (lambda: nn.LocallyConnected2d(2, 2, 3, 0), "image_size"),
        (lambda: nn.LocallyConnected2d(2, 2, 7, 4, padding=1), "6 x 6"),
        (lambda: nn.LocallyConnected2d(2, 3, 3, 4, groups=2), "groups"),
        (lambda: nn.LocallyConnected2d(2, 2, 3, 4, stride=0), "stride"),
        (lambda: nn.LocallyConnected2d(2, 2, 3, 4, padding="same"), "padding=1"),
        (lambda: nn.LocalResponseNorm(5, alpha="small")(mg.ones(1, 2, 3, 3)), "alpha"),
        (lambda: nn.ReLU().register_forward_hook(3), "int"),
    ],
)
def test_wrong_arguments_are_named_at_once(make: Callable[[], object], word: str) -> None:
    with complains(word, error=(TypeError, ValueError)):
        make()


def test_new_layers_do_what_their_functions_do() -> None:
    x = mg.tensor(moderate((2, 3, 4, 4), 0))
    for layer, expected in (
        (nn.Sigmoid(), F.sigmoid(x)),
        (nn.Softmax(1), F.softmax(x, 1)),
        (nn.LogSoftmax(dim=-1), F.log_softmax(x, 3)),
        (nn.AdaptiveAvgPool2d((3, None)), F.adaptive_avg_pool2d(x, (3, 4))),
        (nn.Identity(54, unused=True), x),
    ):
        np.testing.assert_array_equal(layer(x).numpy(), expected.numpy())
        np.testing.assert_array_equal(layer(input=x).numpy(), expected.numpy())
    scores, classes = mg.tensor(moderate((2, 3), 0)), mg.tensor([0, 2])
    assert nn.NLLLoss(reduction="sum")(scores, classes).item() == F.nll_loss(scores, classes, reduction="sum").item()
    assert nn.MSELoss(reduction="sum")(x, x * 2).item() == F.mse_loss(x, x * 2, reduction="sum").item()


def test_softmax_without_an_axis_says_what_to_write() -> None:
    for layer in (nn.Softmax(), nn.LogSoftmax()):
        with complains("softmax", "dim=1", error=TypeError):
            layer(mg.ones(2, 3))


@pytest.mark.parametrize("layer", [nn.ReLU(inplace=True), nn.Dropout(1.0, True)])
def test_in_place_layers_change_their_input(layer: nn.Module, device: str) -> None:
    x = mg.tensor([[-1.0, 0.0]], device=device)
    y = layer(x)
    np.testing.assert_array_equal(x.numpy(), [[0, 0]])
    assert y is x


def test_gradients_pass_through_layers_in_place() -> None:
    results = []
    for inplace in (False, True):
        mg.manual_seed(5)
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace), nn.Dropout(0.5, inplace), nn.Linear(8, 1))
        net(mg.ones(3, 4)).sum().backward()
        results.append([p.grad.numpy() for p in net.parameters()])
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)


def test_layers_take_device_and_dtype() -> None:
    for layer in (
        nn.Linear(2, 2, device="cpu:1", dtype=np.float64),
        nn.Conv2d(1, 1, 2, device="cpu:1", dtype="float64"),
    ):
        assert all(str(p.device) == "cpu:1" and p.dtype == np.float64 for p in layer.parameters())
    with complains("int64", error=TypeError):
        nn.Linear(2, 2, dtype=np.int64)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: nn.Conv2d(4, 4, 3, 1, 2, 2), ("Conv2d", "dilation=2", "zeros")),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="reflect"), ("Conv2d", "padding_mode='reflect'", "mg.cat")),
        (lambda: nn.MaxPool2d(3, 2, 0, 2), ("MaxPool2d", "dilation=2")),
        (lambda: nn.MaxPool2d(3, 2, 0, True), ("MaxPool2d", "dilation=True")),
        (lambda: nn.MaxPool2d(2, return_indices=True), ("MaxPool2d", "return_indices=True")),
        (lambda: nn.AvgPool2d(2, divisor_override=3), ("AvgPool2d", "divisor_override=3")),
        (lambda: nn.CrossEntropyLoss(mg.ones(10)), ("CrossEntropyLoss", "weight=a Tensor", "reduction='none'")),
        (lambda: nn.CrossEntropyLoss("sum"), ("CrossEntropyLoss", "weight='sum'")),
        (lambda: nn.CrossEntropyLoss(None, True), ("CrossEntropyLoss", "size_average=True", "reduction='mean'")),
        (lambda: nn.CrossEntropyLoss(ignore_index=0), ("CrossEntropyLoss", "ignore_index=0")),
        (lambda: nn.CrossEntropyLoss(label_smoothing=0.1), ("CrossEntropyLoss", "label_smoothing=0.1")),
        (lambda: nn.MSELoss(False), ("MSELoss", "size_average=False")),
        (lambda: nn.MSELoss(reduce=True), ("MSELoss", "reduce=True")),
        (lambda: nn.MSELoss(reduction="average"), ("MSELoss", "average")),
        (lambda: nn.Dropout(0.5, "test"), ("Dropout", "inplace", "'test'")),
        (lambda: nn.ReLU(1), ("ReLU", "inplace", "got 1")),
        (lambda: F.conv2d(mg.ones(1, 2, 4, 4), mg.ones(2, 1, 3, 3), None, 1, 0, 2), ("conv2d", "dilation=2")),
        (lambda: F.max_pool2d(mg.ones(1, 2, 4, 4), 2, 1, 0, (1, 2)), ("max_pool2d", "dilation=(1, 2)")),
        (lambda: F.mse_loss(mg.ones(2), mg.ones(2), weight=mg.ones(2)), ("mse_loss", "weight=a Tensor")),
    ],
)
def test_what_pytorch_has_and_we_have_not_is_refused(make: Callable[[], object], words: tuple[str, ...]) -> None:
    with complains(*words, error=(ValueError, TypeError)):
        make()


def test_values_that_change_nothing_are_taken() -> None:
    x = mg.ones(1, 2, 4, 4)
    nn.Conv2d(2, 2, 3, 1, 0, (1, 1), 2, True, "zeros")(x)
    nn.MaxPool2d(2, None, 0, 1, False, True)(x)
    nn.AvgPool2d(2, 2, 0, False, True, None)(x)
    nn.CrossEntropyLoss(None, None, -100, None, "mean", 0.0)(mg.ones(2, 3), mg.tensor([0, 1]))
    nn.MSELoss(None, None, "mean")(x, x)
