"""Modules: registration, state, modes, hooks, paths in errors, and how they look."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

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


def test_state_dict_holds_tensors_of_that_time() -> None:
    layer = nn.Linear(2, 3)
    state = layer.state_dict()
    assert [(name, value.size(), value.requires_grad) for name, value in state.items()] == [
        *(("weight", (3, 2), False), ("bias", (3,), False))
    ]
    before = layer.weight.numpy()
    with mg.no_grad():
        layer.weight += 1
    np.testing.assert_array_equal(state["weight"].numpy(), before)
    with mg.no_grad():
        state["weight"] *= 0
    np.testing.assert_array_equal(layer.weight.numpy(), before + 1)


def test_parameters_and_modules_in_several_places_are_given_once() -> None:
    net = nn.Module()
    net.a = net.b = nn.Linear(2, 2)
    assert [path for path, _ in net.named_modules()] == ["", "a"] and len(list(net.children())) == 1
    assert [path for path, _ in net.named_modules(remove_duplicate=False)] == ["", "a", "b"]
    assert [path for path, _ in net.named_parameters()] == ["a.weight", "a.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4


def test_parameters_of_one_module_alone() -> None:
    net = TwoColumns()
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == ["net.gain"]
    assert [id(p) for p in net.parameters(recurse=False)] == [id(net.gain)]
    assert [path for path, _ in net.head.named_modules(prefix="head")] == ["head", "head.0", "head.1", "head.2"]


@pytest.mark.parametrize("deep", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("state", ["new", "read", "initialised", "with gradients", "moved"])
def test_modules_are_copied_and_pickled_in_every_state(deep: Callable[[Any], Any], state: str) -> None:
    mg.manual_seed(3)
    net = TwoColumns()
    if state == "read":
        net.eval()(images())
    elif state == "initialised":
        net.apply(lambda module: isinstance(module, nn.Linear) and nn.init.xavier_uniform_(module.weight))
    elif state == "with gradients":
        net(images()).sum().backward()
    elif state == "moved":
        net.to("cpu:1").to(np.float64).eval()
    twin = deep(net)
    assert twin.training == net.training and [name for name, _ in twin.named_parameters()] == NAMES
    for mine, other in zip(net.parameters(), twin.parameters(), strict=True):
        assert type(other) is nn.Parameter and other is not mine and other.requires_grad
        assert other.device == mine.device and other.dtype == mine.dtype
        np.testing.assert_array_equal(mine.numpy(), other.numpy())
        assert (mine.grad is None) == (other.grad is None)
        if mine.grad is not None:
            np.testing.assert_array_equal(mine.grad.numpy(), other.grad.numpy())
    with mg.no_grad():
        twin.gain += 1
    assert net.gain.item() == 1 and twin.gain is dict(twin.named_parameters())["gain"]


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
