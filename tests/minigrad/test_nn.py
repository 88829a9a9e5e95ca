"""Modules: registration, state, modes, hooks, paths in errors, initial values and the layers."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from checks import complains
from strategies import moderate

import minigrad as mg
import minigrad.functional as F
from minigrad import nn


class Column(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 2, 3)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.conv2(F.relu(self.conv1(x)))


class TwoColumns(nn.Module):
    """Columns whose outputs are joined, a parameter of its own, and things that are no part of the state."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(mg.ones(1))
        self.column0 = Column()
        self.column1 = Column()
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 4 * 4, 5))
        self.name = "two columns"
        self.constant = mg.ones(3)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.head(mg.cat([self.column0(x), self.column1(x)], dim=1) * self.gain)


NAMES = [
    "gain",
    "column0.conv1.weight",
    "column0.conv1.bias",
    "column0.conv2.weight",
    "column0.conv2.bias",
    "column1.conv1.weight",
    "column1.conv1.bias",
    "column1.conv2.weight",
    "column1.conv2.bias",
    "head.2.weight",
    "head.2.bias",
]


def images(n: int = 2) -> mg.Tensor:
    return mg.tensor(moderate((n, 3, 6, 6), 0).astype(np.float32))


def test_parameters_are_named_in_the_order_of_assignment() -> None:
    net = TwoColumns()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in net.parameters())
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]


def test_parameters_require_grad_and_are_tensors() -> None:
    p = nn.Parameter(mg.zeros(2, 3))
    assert isinstance(p, mg.Tensor) and p.requires_grad and p.shape == (2, 3)


def test_shared_parameter_is_counted_once() -> None:
    net = nn.Module()
    net.a = nn.Linear(2, 2)
    net.b = net.a
    assert len(list(net.parameters())) == 2
    net.c = nn.Linear(2, 2)
    net.c.weight = net.a.weight
    assert len(list(net.parameters())) == 3


def test_modules_walks_the_tree_from_the_root() -> None:
    net = TwoColumns()
    kinds = [type(module).__name__ for module in net.modules()]
    assert kinds == [
        *("TwoColumns", "Column", "Conv2d", "Conv2d", "Column", "Conv2d", "Conv2d"),
        *("Sequential", "Flatten", "Dropout", "Linear"),
    ]


def test_replaced_layer_replaces_its_parameters() -> None:
    net = TwoColumns()
    net.column1 = nn.Linear(2, 2)
    names = [name for name, _ in net.named_parameters()]
    assert "column1.weight" in names and "column1.conv1.weight" not in names


def test_deleted_layer_is_gone() -> None:
    net = TwoColumns()
    del net.column1
    assert not any(name.startswith("column1") for name, _ in net.named_parameters())
    with pytest.raises(AttributeError, match="column1"):
        _ = net.column1


def test_attribute_that_is_not_there_names_it() -> None:
    with pytest.raises(AttributeError, match="colum0"):
        _ = TwoColumns().colum0


def test_assignment_before_super_init_complains() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(2, 2)
            super().__init__()

    try:
        early = Early()
    except (RuntimeError, AttributeError, TypeError):
        return
    assert len(list(early.parameters())) == 2, "the layer was lost without a word"


def test_module_without_forward_complains() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises((NotImplementedError, TypeError, RuntimeError), match="Empty"):
        Empty()(images())


def test_state_dict_has_every_parameter_as_an_array() -> None:
    net = TwoColumns()
    state = net.state_dict()
    assert list(state) == NAMES
    for name, parameter in net.named_parameters():
        np.testing.assert_array_equal(np.asarray(state[name]), parameter.numpy())


def test_state_goes_over_to_another_net() -> None:
    mg.manual_seed(1)
    source, target = TwoColumns().eval(), TwoColumns().eval()
    assert not np.array_equal(source(images()).numpy(), target(images()).numpy())
    target.load_state_dict(source.state_dict())
    np.testing.assert_array_equal(source(images()).numpy(), target(images()).numpy())


def test_state_dict_is_a_snapshot_or_loading_copies() -> None:
    """Training one net further must not move the other."""
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    target.load_state_dict(source.state_dict())
    before = target.weight.numpy()
    source(mg.ones(1, 2)).sum().backward()
    mg.optim.SGD(source.parameters(), lr=1.0).step()
    np.testing.assert_array_equal(target.weight.numpy(), before)
    assert not np.array_equal(source.weight.numpy(), before)


def test_loading_keeps_the_parameters_themselves() -> None:
    """Optimisers hold the tensors: loading must fill them, not replace them."""
    layer = nn.Linear(2, 2)
    weight = layer.weight
    layer.load_state_dict({"weight": np.full((2, 2), 3, np.float32), "bias": np.zeros(2, np.float32)})
    assert layer.weight is weight and weight.requires_grad
    np.testing.assert_array_equal(weight.numpy(), np.full((2, 2), 3))


def test_strict_loading_names_what_is_missing_and_what_is_too_much() -> None:
    net = TwoColumns()
    state = dict(net.state_dict())
    state["column2.weight"] = state.pop("column1.conv2.bias")
    with complains("column1.conv2.bias", "column2.weight", error=(KeyError, ValueError, RuntimeError)):
        net.load_state_dict(state)


def test_loading_that_fails_changes_nothing() -> None:
    net = TwoColumns()
    before = {name: p.numpy() for name, p in net.named_parameters()}
    state = {name: array + 1 for name, array in before.items()}
    state["head.2.weight"] = np.zeros((5, 7), np.float32)
    with complains("head.2.weight", "(5, 7)", "(5, 64)"):
        net.load_state_dict(state)
    for name, parameter in net.named_parameters():
        np.testing.assert_array_equal(parameter.numpy(), before[name])


def test_loading_that_is_not_strict_takes_what_fits() -> None:
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"bias": np.full(2, 7, np.float32), "other": np.zeros(1)}, strict=False)
    np.testing.assert_array_equal(layer.bias.numpy(), [7, 7])


def test_loading_keeps_the_device_and_dtype() -> None:
    layer = nn.Linear(2, 2).to("cpu:1")
    layer.load_state_dict({"weight": np.ones((2, 2)), "bias": np.ones(2)})
    assert str(layer.weight.device) == "cpu:1" and layer.weight.dtype == np.float32


def test_train_and_eval_reach_every_module() -> None:
    net = TwoColumns()
    assert all(module.training for module in net.modules())
    assert net.eval() is net and not any(module.training for module in net.modules())
    assert net.train() is net and all(module.training for module in net.modules())
    net.train(False)
    assert not any(module.training for module in net.modules())


def test_zero_grad() -> None:
    net = TwoColumns()
    net(images()).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None or not p.grad.numpy().any() for p in net.parameters())


def test_forward_hook_sees_module_inputs_and_output() -> None:
    net = TwoColumns()
    seen = []
    handle = net.column0.conv2.register_forward_hook(lambda *arguments: seen.append(arguments))
    y = net.column0(images())
    ((module, inputs, output),) = seen
    assert module is net.column0.conv2 and inputs[0].shape == (2, 4, 6, 6) and output is y
    handle.remove()
    net.column0(images())
    assert len(seen) == 1


def test_what_a_forward_hook_returns_replaces_the_output() -> None:
    layer = nn.ReLU()
    layer.register_forward_hook(lambda module, inputs, output: output * 2)
    assert layer(mg.ones(1)).item() == 2


@pytest.mark.parametrize("shape, words", [((2, 4, 6, 6), "4 channels"), ((2, 3, 6), "(2, 3, 6)")])
def test_error_begins_with_the_path_of_the_layer(shape: tuple[int, ...], words: str) -> None:
    with complains(words) as caught:
        TwoColumns()(mg.zeros(*shape))
    assert str(caught.value).startswith("column0.conv1: conv2d")


def test_path_is_said_once_and_the_kind_of_error_stays() -> None:
    net = TwoColumns()
    net.head = nn.Sequential(nn.Flatten(), nn.Linear(3, 5))
    with complains("head.1: linear", error=ValueError) as caught:
        net(images())
    assert str(caught.value).count("head") == 1


def test_device_mismatch_keeps_its_kind_and_gets_the_path() -> None:
    net = TwoColumns()
    net.column1.conv1.to("cpu:1")
    with complains("column1.conv1: conv2d", "cpu:0", "cpu:1", error=mg.DeviceMismatchError):
        net(images())


def test_errors_of_other_kinds_pass_unchanged() -> None:
    class Breaks(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        nn.Sequential(Breaks())(images())
    assert caught.value.args == ("mine",)


def test_index_errors_get_the_path_too() -> None:
    class Axis(nn.Module):
        def forward(self, x: mg.Tensor) -> mg.Tensor:
            return F.softmax(x, 7)

    with complains("0: ", "7", error=IndexError):
        nn.Sequential(Axis())(images())


def test_sequential_runs_indexes_and_counts() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    x = mg.tensor(moderate((5, 3), 0).astype(np.float32))
    by_hand = net[2](F.relu(net[0](x)))
    np.testing.assert_array_equal(net(x).numpy(), by_hand.numpy())
    assert len(net) == 3 and [type(layer) for layer in net] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert net[-1] is net[2]


def test_empty_sequential_is_the_identity() -> None:
    x = mg.ones(2)
    assert nn.Sequential()(x) is x


def test_sequential_of_something_else_complains() -> None:
    with complains(error=TypeError):
        nn.Sequential(nn.ReLU(), "relu")


def test_to_moves_parameters_in_place_and_returns_the_module() -> None:
    net = TwoColumns()
    parameters = list(net.parameters())
    assert net.to("cpu:1") is net
    assert all(str(p.device) == "cpu:1" for p in net.parameters())
    assert all(old is new for old, new in zip(parameters, net.parameters(), strict=True))
    net.to(np.float64)
    assert all(p.dtype == np.float64 and str(p.device) == "cpu:1" and p.requires_grad for p in net.parameters())


def test_module_that_is_dropped_is_freed() -> None:
    net = TwoColumns()
    net(images()).sum().backward()
    gone = weakref.ref(net.column0.conv1.weight)
    del net
    gc.collect()
    assert gone() is None


def test_layers_do_what_their_functions_do(device: str) -> None:
    x = mg.tensor(moderate((2, 4, 7, 7), 0).astype(np.float32), device=device)
    conv = nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(1, 0), groups=2).to(device)
    pairs = [
        (conv(x), F.conv2d(x, conv.weight, conv.bias, (1, 2), (1, 0), 2)),
        (nn.MaxPool2d(3, 2)(x), F.max_pool2d(x, 3, 2)),
        (nn.MaxPool2d(3)(x), F.max_pool2d(x, 3)),
        (nn.MaxPool2d(3, 2, 1, ceil_mode=True)(x), F.max_pool2d(x, 3, 2, 1, True)),
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
    assert summed == F.cross_entropy(logits, targets, "sum").item()


def test_layers_have_the_shapes_and_dtype_of_the_field() -> None:
    conv, linear = nn.Conv2d(6, 4, (5, 3), groups=2), nn.Linear(7, 3)
    assert conv.weight.shape == (4, 3, 5, 3) and conv.bias.shape == (4,)
    assert linear.weight.shape == (3, 7) and linear.bias.shape == (3,)
    assert all(p.dtype == np.float32 for layer in (conv, linear) for p in layer.parameters())
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


def test_dropout_layer_follows_the_mode(device: str) -> None:
    x = mg.ones(50, 50, device=device)
    inverted, paper = nn.Dropout(0.25), nn.Dropout(0.25, scale_at="test")
    np.testing.assert_allclose(np.unique(inverted(x).numpy()), [0, 1 / 0.75], rtol=1e-6)
    np.testing.assert_array_equal(np.unique(paper(x).numpy()), [0, 1])
    np.testing.assert_array_equal(inverted.eval()(x).numpy(), np.ones((50, 50)))
    np.testing.assert_array_equal(paper.eval()(x).numpy(), np.full((50, 50), 0.75))


def test_init_fills_in_place() -> None:
    layer = nn.Linear(300, 200)
    weight = layer.weight
    nn.init.normal_(weight, 0.5, 0.01)
    assert layer.weight is weight and weight.requires_grad
    assert abs(weight.numpy().mean() - 0.5) < 1e-3 and abs(weight.numpy().std() - 0.01) < 1e-3
    nn.init.constant_(layer.bias, 1)
    np.testing.assert_array_equal(layer.bias.numpy(), np.ones(200))


def test_init_is_seeded() -> None:
    first, second = mg.zeros(5), mg.zeros(5)
    mg.manual_seed(1)
    nn.init.normal_(first)
    mg.manual_seed(1)
    nn.init.normal_(second)
    np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_weights_are_drawn_when_looked_at_and_in_the_order_of_the_program() -> None:
    """So a network that fills its layers' weights anew never makes the first ones."""

    def weights() -> list[mg.Tensor]:
        mg.manual_seed(3)
        layers = [nn.Linear(300, 400), nn.Linear(300, 400)]
        nn.init.normal_(layers[1].weight)
        return [layer.weight for layer in layers]

    first, second = weights()
    assert first.array.pending is not None and second.array.pending is not None
    forth = first.numpy(), second.numpy()
    first, second = weights()
    back = second.numpy(), first.numpy()
    np.testing.assert_array_equal(forth, back[::-1])
    assert abs(forth[0]).max() <= 300**-0.5 < 3 < forth[1].max()
    # drawn in pieces, but as if in one
    mg.manual_seed(3)
    streams = [mg.random.default_generator.stream() for _ in range(5)]
    np.testing.assert_array_equal(forth[1], streams[-1].standard_normal((400, 300)).astype(np.float32))


def test_init_is_seen_by_the_next_forward_and_not_recorded() -> None:
    layer = nn.Linear(2, 1)
    nn.init.constant_(layer.weight, 2.0)
    nn.init.constant_(layer.bias, 0.5)
    assert layer(mg.ones(1, 2)).item() == 4.5
    layer(mg.ones(1, 2)).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[1, 1]])


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
        nn.CrossEntropyLoss("average")(mg.ones(1, 2), mg.tensor([1]))


def test_repr_shows_the_tree() -> None:
    text = repr(TwoColumns())
    assert "column0" in text and "conv2" in text and "Conv2d" in text and "Linear" in text and "64" in text


def test_html_is_a_table_of_the_layers() -> None:
    text = TwoColumns()._repr_html_()
    assert "<table" in text and text.count("<tr") >= 6
    for word in ("column0.conv1", "Conv2d", "head.2", "Linear"):
        assert word in text


def test_training_lowers_the_loss() -> None:
    """The whole of it: two columns, dropout, momentum; 30 steps on one batch."""
    mg.manual_seed(0)
    net, x, targets = TwoColumns(), images(17), mg.tensor(np.arange(17) % 5)
    optimizer = mg.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    losses = []
    for _ in range(30):
        loss = F.cross_entropy(net(x), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_layers_without_arguments_take_none() -> None:
    for make in (lambda: nn.ReLU(True), lambda: nn.Tanh(5), lambda: nn.ReLU(inplace=True)):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            make()


def test_flatten_takes_the_axes_of_pytorch() -> None:
    x = mg.ones(2, 3, 4, 5)
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(2)(x).shape == (2, 3, 20)
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)


def test_a_parameter_is_not_replaced_by_a_plain_tensor() -> None:
    layer = nn.Linear(2, 2)
    with complains("weight", "Parameter", error=TypeError):
        layer.weight = mg.ones(2, 2)  # type: ignore[assignment]
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_nothing_is_loaded_if_one_value_is_no_number() -> None:
    layer = nn.Linear(2, 2)
    before = layer.weight.numpy()
    with complains("bias", error=ValueError):
        layer.load_state_dict({"weight": np.zeros((2, 2)), "bias": np.array(["a", "b"])})
    np.testing.assert_array_equal(layer.weight.numpy(), before)


class Listed(nn.Module):
    """Keeps its modules in a list, where they are not registered."""

    def __init__(self) -> None:
        self.parts = [nn.Sequential(OrderedDict(inner=nn.Linear(3, 3)))]

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.parts[0](x)


def test_an_error_below_an_unregistered_module_keeps_the_path_it_has() -> None:
    net = nn.Sequential(OrderedDict(outer=Listed()))
    with complains("outer: inner: linear"):
        net(mg.ones(1, 2))


def test_errors_of_hooks_get_the_path() -> None:
    net = nn.Sequential(OrderedDict(first=nn.ReLU()))

    def hook(module: nn.Module, inputs: object, output: object) -> None:
        raise ValueError("the hook does not like this")

    net.first.register_forward_hook(hook)
    with complains("first: the hook"):
        net(mg.ones(1))


def test_parameters_are_not_made_integers() -> None:
    with complains("int64", error=TypeError):
        nn.Linear(2, 2).to(np.int64)


def test_slices_of_sequential_and_names_that_are_taken() -> None:
    net = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Flatten())
    assert isinstance(net[1:], nn.Sequential) and len(net[1:]) == 2
    with complains("training"):
        nn.Sequential(OrderedDict(training=nn.ReLU()))


def test_html_shows_parameters_of_a_module_with_children() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            self.scale = nn.Parameter(mg.ones(3))
            self.layer = nn.Linear(1, 1)

    assert ">3</td>" in Scaled()._repr_html_()


def test_html_escapes_what_it_shows() -> None:
    class Named(nn.Module):
        def extra_repr(self) -> str:
            return "<script>"

    text = nn.Sequential(Named())._repr_html_()
    assert "&lt;script&gt;" in text and "<script>" not in text


def test_a_parameter_is_not_lost_to_a_number() -> None:
    """It would go on in `forward`, but never learn."""
    layer = nn.Linear(2, 2)
    for value in (np.ones((2, 2)), 0.5):
        with complains("weight", "Parameter", error=TypeError):
            layer.weight = value  # type: ignore[assignment]
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: nn.Linear(-3, 2), "in_features"),
        (lambda: nn.Linear(3, 2.5), "out_features"),
        (lambda: nn.Conv2d(2, 2, 3, groups="two"), "groups"),
        (lambda: nn.Conv2d(2, 2, 3, groups=1.0), "groups"),
        (lambda: nn.Conv2d(2, 2, 3, padding="same"), "padding"),
        (lambda: nn.Conv2d(2, 2, 3, padding=-1), "padding"),
        (lambda: nn.LocalResponseNorm(5, alpha="small")(mg.ones(1, 2, 3, 3)), "alpha"),
        (lambda: nn.init.normal_(mg.ones(2, dtype=np.int64)), "int64"),
        (lambda: nn.init.normal_(np.ones(2)), "ndarray"),
        (lambda: nn.init.normal_(mg.ones(2), std="a"), "'a'"),
        (lambda: nn.init.normal_(mg.ones(2), std=-1), "std=-1"),
        (lambda: nn.init.normal_(mg.ones(2), std=float("nan")), "std=nan"),
        (lambda: nn.init.uniform_(mg.ones(2), 1, 0), "a=1 and b=0"),
        (lambda: nn.init.uniform_(mg.ones(2), 0, None), "None"),
        (lambda: nn.init.constant_(mg.ones(2), "a"), "'a'"),
        (lambda: nn.init.kaiming_normal_(mg.ones(2)), "(2,)"),
        (lambda: nn.ReLU().register_forward_hook(3), "int"),
    ],
)
def test_wrong_arguments_are_named_at_once(make: Callable[[], object], word: str) -> None:
    with complains(word, error=(TypeError, ValueError)):
        make()


def test_weights_of_no_inputs_can_be_filled() -> None:
    assert nn.init.kaiming_normal_(mg.zeros(3, 0)).numpy().shape == (3, 0)


def test_weights_drawn_in_two_threads_are_the_same(device: str) -> None:
    """Whichever thread looks first: the draws begin anew and do not share a stream."""
    mg.manual_seed(3)
    expected = nn.init.normal_(mg.zeros(300_000, device=device)).numpy()
    for _ in range(5):
        mg.manual_seed(3)
        weight = nn.init.normal_(mg.zeros(300_000, device=device))
        start = threading.Barrier(2)

        def look(weight: mg.Tensor = weight, start: threading.Barrier = start) -> np.ndarray:
            start.wait()
            return weight.numpy()

        with ThreadPoolExecutor(2) as pool:
            seen = [each.result() for each in [pool.submit(look), pool.submit(look)]]
        for each in seen:
            np.testing.assert_array_equal(each, expected)


def test_an_interrupted_draw_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mg.manual_seed(3)
    expected = nn.init.normal_(mg.zeros(10)).numpy()
    mg.manual_seed(3)
    weight = nn.init.normal_(mg.zeros(10))
    with monkeypatch.context() as patch:
        patch.setattr(nn.init, "CHUNK", _Interrupting(4))
        with pytest.raises(KeyboardInterrupt):
            weight.numpy()
    np.testing.assert_array_equal(weight.numpy(), expected)


class _Interrupting(int):
    """A length of pieces at which the second piece is interrupted."""

    def __radd__(self, at: int) -> int:
        if at:
            raise KeyboardInterrupt
        return at + int(self)
