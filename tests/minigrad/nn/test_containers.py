"""Modules that hold others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
from checks import complains
from strategies import moderate

import minigrad as mg
import minigrad.functional as F
from minigrad import nn


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


def test_slices_of_sequential_and_names_that_are_taken() -> None:
    net = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Flatten())
    assert isinstance(net[1:], nn.Sequential) and len(net[1:]) == 2
    with complains("training"):
        nn.Sequential(OrderedDict(training=nn.ReLU()))


class Blocks(nn.Module):
    """Layers in a list and in a dict."""

    def __init__(self) -> None:
        self.layers = nn.ModuleList([nn.Linear(2, 3), nn.Linear(3, 2)])
        self.heads = nn.ModuleDict({"left": nn.Linear(2, 1), "right": nn.Linear(2, 1)})

    def forward(self, x: mg.Tensor, head: str) -> mg.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.heads[head](x)


def test_parameters_of_lists_and_dicts_are_found() -> None:
    net = Blocks()
    assert [name for name, _ in net.named_parameters()][::2] == [
        *("layers.0.weight", "layers.1.weight", "heads.left.weight", "heads.right.weight")
    ]
    net(mg.ones(1, 2), "right").sum().backward()
    assert net.heads["right"].weight.grad is not None and net.heads["left"].weight.grad is None
    assert len(list(net.to("cpu:1").parameters())) == 8 and str(net.layers[0].weight.device) == "cpu:1"


def test_a_list_of_modules_is_a_list() -> None:
    first, second, third = nn.ReLU(), nn.Tanh(), nn.Sigmoid()
    modules = nn.ModuleList([first])
    assert modules.append(second) is modules and modules.extend([third]) is modules
    assert list(modules) == [first, second, third] and len(modules) == 3
    assert modules[-1] is third and isinstance(modules[1:], nn.ModuleList) and list(modules[1:]) == [second, third]
    modules[0] = fourth = nn.Flatten()
    assert modules[0] is fourth and [name for name, _ in modules.named_children()] == ["0", "1", "2"]
    assert len(nn.ModuleList()) == 0
    with pytest.raises(IndexError):
        modules[3]


def test_a_dict_of_modules_is_a_dict() -> None:
    modules = nn.ModuleDict()
    modules["act"] = nn.ReLU()
    modules.update({"other": nn.Tanh(), "act": nn.Sigmoid()})
    assert list(modules) == list(modules.keys()) == ["act", "other"] and "act" in modules and "b" not in modules
    assert isinstance(modules["act"], nn.Sigmoid) and dict(modules.items())["other"] is list(modules.values())[1]
    with pytest.raises(KeyError):
        modules["third"]


@pytest.mark.parametrize(
    "make, word",
    [
        (lambda: nn.ModuleList([nn.ReLU(), "relu"]), "str"),
        (lambda: nn.ModuleList(nn.ReLU()), "ReLU"),
        (lambda: nn.ModuleDict([nn.ReLU()]), "list"),
        (lambda: nn.ModuleDict({"a.b": nn.ReLU()}), "'a.b'"),
        (lambda: nn.ModuleDict({"": nn.ReLU()}), "''"),
        (lambda: nn.ModuleDict({3: nn.ReLU()}), "3"),
        (lambda: nn.ModuleDict({"training": nn.ReLU()}), "training"),
        (lambda: nn.ModuleDict({"keys": nn.ReLU()}), "keys"),
    ],
)
def test_containers_of_something_else_complain(make: Callable[[], object], word: str) -> None:
    with complains(word, error=(TypeError, ValueError)):
        make()


def test_lists_and_dicts_are_not_called() -> None:
    with complains("ModuleList", "forward", error=TypeError):
        nn.ModuleList([nn.ReLU()])(mg.ones(1))


def test_apply_goes_from_the_leaves_to_the_root() -> None:
    net, seen = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh()), []
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["ReLU", "Sequential", "Tanh", "Sequential"]


def test_a_layer_that_is_replaced_keeps_its_place() -> None:
    net = nn.Sequential(OrderedDict(first=nn.Flatten(), second=nn.ReLU()))
    net.first = nn.Tanh()
    assert [type(layer).__name__ for layer in net] == ["Tanh", "ReLU"]


def test_modules_of_a_sequence_are_put_in_place_of_others_and_at_the_end() -> None:
    net = nn.Sequential(OrderedDict(first=nn.Linear(3, 4), last=nn.Linear(4, 5)))
    net[1] = nn.Linear(4, 2)
    assert net.append(nn.ReLU()) is net
    assert list(dict(net.named_children())) == ["first", "last", "2"] and net.last.out_features == 2
    assert net(mg.ones(1, 3)).shape == (1, 2) and len(list(net.parameters())) == 4
    with complains("Sequential takes modules", error=TypeError):
        net[0] = "layer"
    with pytest.raises(IndexError):
        net[3] = nn.ReLU()
