"""SGD by the paper's rule, the rate inside the momentum, and by PyTorch's; Adam."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from checks import check_adam, check_sgd, chwn, complains
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_shapes, moderate, seeds, shapes

import minigrad as mg
from minigrad import nn, optim

MAKERS = [
    lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    lambda p: optim.SGD(p, 0.1, momentum=0.9, rule="pytorch"),
    lambda p: optim.Adam(p, 0.1, weight_decay=0.01),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    shape=st.one_of(shapes(), batch_shapes()),
    seed=seeds,
    lr=st.sampled_from([0.1, 0.01]),
    momentum=st.sampled_from([0.0, 0.9]),
    weight_decay=st.sampled_from([0.0, 0.05]),
)
def test_steps_follow_the_rule(
    dtype: type, device: str, shape: tuple[int, ...], seed: int, lr: float, momentum: float, weight_decay: float
) -> None:
    check_sgd(shape, dtype, lr, momentum, weight_decay, seed, device)


# None of them all defaults: numbers that are not passed on would not show.
ADAM = [
    {"lr": 0.1},
    {"betas": (0.5, 0.9), "weight_decay": 0.05},
    {"lr": 0.01, "betas": (0.0, 0.99), "eps": 0.1},
    {"betas": [0.9, 0.0]},
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(shape=st.one_of(shapes(), batch_shapes()), seed=seeds, settings=st.sampled_from(ADAM), order=st.booleans())
def test_steps_of_adam_follow_the_rule(
    dtype: type, device: str, shape: tuple[int, ...], seed: int, settings: dict[str, Any], order: bool
) -> None:
    check_adam(shape, dtype, settings, seed, device, order)


def test_rate_inside_the_momentum_by_hand() -> None:
    """Two steps with gradient 1: v = -1, then the rate falls to a tenth and v = -0.9 - 0.1, w = 0 - 1 - 1."""
    w = mg.tensor(np.array([0.0]), requires_grad=True)
    optimizer = optim.SGD([w], lr=1.0, momentum=0.9)
    w.sum().backward()
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.1
    optimizer.step()
    np.testing.assert_allclose(w.numpy(), [-2.0], rtol=1e-12)


def test_groups_have_rates_of_their_own(device: str) -> None:
    weight, bias = (mg.tensor(np.ones(2), device=device, requires_grad=True) for _ in range(2))
    groups = [{"params": [weight], "weight_decay": 0.5}, {"params": [bias], "lr": 0.2}]
    optimizer = optim.SGD(groups, lr=0.1, momentum=0.9)
    (weight + bias).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(weight.numpy(), 1 - 0.1 * (1 + 0.5), rtol=1e-12)
    np.testing.assert_allclose(bias.numpy(), 1 - 0.2, rtol=1e-12)


def test_rate_of_nought_freezes(device: str) -> None:
    w = mg.tensor(np.ones(2), device=device, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.0, weight_decay=0.5)
    w.sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(w.numpy(), [1, 1])


def test_parameter_without_gradient_stays() -> None:
    """Also with weight decay: it took no part."""
    used, unused = (mg.tensor(np.ones(1), requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([used, unused], lr=0.1, momentum=0.9, weight_decay=0.5)
    used.sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(unused.numpy(), [1])
    assert used.item() < 1


def test_zero_grad_forgets() -> None:
    w = mg.tensor(np.ones(1), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    w.sum().backward()
    optimizer.zero_grad()
    assert w.grad is None or not w.grad.numpy().any()
    (w * 3).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [3])


def test_step_fills_the_same_tensor_and_records_nothing() -> None:
    layer = nn.Linear(3, 2)
    weight = layer.weight
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(mg.ones(1, 3)).sum().backward()
    before = weight.numpy()
    optimizer.step()
    assert layer.weight is weight and weight.requires_grad
    np.testing.assert_allclose(weight.numpy(), before - 0.1, rtol=1e-6)


def test_step_does_not_reach_a_copy_made_before(device: str) -> None:
    w = mg.tensor(np.ones(2), device=device, requires_grad=True)
    copy, held = w.numpy(), w * 1
    w.sum().backward()
    optim.SGD([w], lr=0.5).step()
    np.testing.assert_array_equal(copy, [1, 1])
    np.testing.assert_array_equal(held.numpy(), [1, 1])
    np.testing.assert_array_equal(w.numpy(), [0.5, 0.5])


def test_gradient_in_another_memory_order(device: str) -> None:
    array, g = moderate((17, 2, 3, 2), 0), moderate((17, 2, 3, 2), 1)
    results = []
    for order in (lambda t: t, chwn):
        w = mg.tensor(array, device=device, requires_grad=True)
        (order(w) * order(mg.tensor(g, device=device))).sum().backward()
        optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.1).step()
        results.append(w.numpy())
    np.testing.assert_array_equal(*results)


def test_parameters_on_several_devices() -> None:
    weights = [mg.tensor(np.ones(2), device=name, requires_grad=True) for name in ("cpu:0", "cpu:1")]
    optimizer = optim.SGD(weights, lr=0.5, momentum=0.9)
    for w in weights:
        w.sum().backward()
    optimizer.step()
    for w in weights:
        np.testing.assert_array_equal(w.numpy(), [0.5, 0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_weights_large_enough_to_be_shared_out(dtype: type, momentum: float, device: str) -> None:
    check_sgd((300, 101), dtype, 0.1, momentum, 0.05, 0, device)
    check_adam((300, 101), dtype, {"lr": 0.1, "weight_decay": 0.05}, 0, device)


def test_state_continues() -> None:
    """Stopped after two steps and continued by another optimiser: the same as four steps in a row."""

    def steps(w: mg.Tensor, optimizer: optim.SGD, count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

    def optimizer_of(w: mg.Tensor) -> optim.SGD:
        return optim.SGD([mg.ones(2, requires_grad=True), w], lr=0.1, momentum=0.9)

    whole = mg.tensor(moderate((2, 3), 0), requires_grad=True)
    steps(whole, optimizer_of(whole), 4)
    first = mg.tensor(moderate((2, 3), 0), requires_grad=True)
    stopped = optimizer_of(first)
    steps(first, stopped, 2)
    second = mg.tensor(first.numpy(), requires_grad=True)
    continued = optimizer_of(second)
    continued.load_state_dict(stopped.state_dict())
    steps(second, continued, 2)
    np.testing.assert_array_equal(second.numpy(), whole.numpy())


def test_velocities_that_do_not_fit_complain() -> None:
    optimizer = optim.SGD([mg.ones(2, requires_grad=True)], lr=0.1, momentum=0.9)
    for velocities in ({"1": np.ones(2)}, {"0": np.ones(3)}, {"x": np.ones(2)}, {"0": np.array(["a", "b"])}):
        with complains(next(iter(velocities)), error=ValueError):
            optimizer.load_velocities(velocities)


def of_one(**kept: object) -> dict[str, object]:
    """A state of an optimiser of one parameter."""
    return {"state": {0: kept} if kept else {}, "param_groups": [{"lr": 0.5, "params": [0]}]}


@pytest.mark.parametrize(
    "state, word",
    [
        ({"0": np.ones(2)}, "'param_groups'"),
        (nn.Linear(2, 2).state_dict(), "'state'"),
        (of_one(velocity=np.ones(3)), "(3,)"),
        (of_one(momentum_buffer=np.ones(2)), "momentum_buffer"),
        (of_one() | {"state": {1: {"velocity": np.ones(2)}}}, "parameter 1"),
        (of_one() | {"param_groups": [{"lr": 0.5, "params": [0, 1]}]}, "[2]"),
        (of_one() | {"param_groups": []}, "[]"),
        (of_one() | {"param_groups": [{"lr": -1, "params": [0]}]}, "-1"),
        (of_one() | {"param_groups": [{"lr": 0.5, "nesterov": True, "params": [0]}]}, "nesterov"),
    ],
)
def test_state_that_does_not_fit_changes_nothing(state: dict[str, object], word: str) -> None:
    optimizer = optim.SGD([mg.ones(2, requires_grad=True)], lr=0.1, momentum=0.9)
    optimizer.load_velocities({"0": np.full(2, 7.0)})
    with complains(word, error=ValueError):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.1
    np.testing.assert_array_equal(optimizer.velocities()["0"].numpy(), [7, 7])


@pytest.mark.parametrize("step", [-1, 1.5, np.nan, np.inf, "3", np.ones(1), None])
def test_a_state_of_adam_with_another_step_changes_nothing(step: Any) -> None:
    optimizer = optim.Adam([mg.ones(2, requires_grad=True)])
    state = of_one(step=step, exp_avg=np.ones(2), exp_avg_sq=np.ones(2))
    with complains("step", "parameter 0", error=ValueError):
        optimizer.load_state_dict(state)
    assert not optimizer.state_dict()["state"] and optimizer.param_groups[0]["lr"] == 1e-3
    with complains("exp_avg_sq", error=ValueError):
        optimizer.load_state_dict(of_one(step=1, exp_avg=np.ones(2)))


def test_a_weight_that_always_had_the_gradient_nought_stays(device: str) -> None:
    w = mg.tensor([1.0, 2.0], device=device, requires_grad=True)
    optimizer = optim.Adam([w], 0.1)
    (w * mg.tensor([0.0, 1.0], device=device)).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(w.numpy(), [1, 1.9], rtol=1e-6)


def test_state_is_a_copy_with_the_rates_of_that_time() -> None:
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.SGD([{"params": [w], "lr": 0.5}], momentum=0.5)
    w.sum().backward()
    optimizer.step()
    state = optimizer.state_dict()
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.0
    np.testing.assert_array_equal(state["state"][0]["velocity"].numpy(), [-0.5, -0.5])
    assert state["param_groups"] == [{"lr": 0.5, "momentum": 0.5, "weight_decay": 0.0, "params": [0]}]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] == 0.5 and optimizer.param_groups[0]["params"][0] is w
    np.testing.assert_array_equal(optimizer.velocities()["0"].numpy(), [-0.5, -0.5])


def test_a_generator_of_parameters_is_taken() -> None:
    layer = nn.Linear(3, 2)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    assert len(optimizer.param_groups) == 1 and len(optimizer.param_groups[0]["params"]) == 2


@pytest.mark.parametrize(
    "settings", [{"lr": -1.0}, {"lr": 0.1, "momentum": -0.5}, {"lr": 0.1, "weight_decay": -1e-4}, {"lr": float("nan")}]
)
def test_impossible_settings_complain(settings: dict[str, float]) -> None:
    with complains(list(settings)[-1], error=ValueError):
        optim.SGD([mg.tensor([1.0], requires_grad=True)], **settings)


def test_nothing_to_train_complains() -> None:
    with complains(error=(ValueError, TypeError)):
        optim.SGD([], lr=0.1)
    with complains(error=(ValueError, TypeError)):
        optim.SGD([1.0], lr=0.1)
    with complains(error=(ValueError, TypeError)):
        optim.SGD(mg.tensor([1.0], requires_grad=True), lr=0.1)


def test_unknown_entry_of_a_group_complains() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    with complains("learning_rate", error=(ValueError, TypeError)):
        optim.SGD([{"params": [w], "learning_rate": 0.1}], lr=0.1)
    with complains("params", error=(ValueError, TypeError)):
        optim.SGD([{"lr": 0.1}], lr=0.1)


def test_same_parameter_in_two_groups_complains() -> None:
    w = mg.tensor([1.0], requires_grad=True)
    with complains(error=ValueError):
        optim.SGD([{"params": [w]}, {"params": [w]}], lr=0.1)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_parameter_in_the_other_memory_order(momentum: float, device: str) -> None:
    check_sgd((4, 3, 2, 2), np.float64, 0.1, momentum, 0.01, 0, device, chwn=True)


def test_velocities_are_loaded_into_a_parameter_in_the_other_memory_order() -> None:
    results = []
    for order in (False, True):
        p = mg.ones(4, 3, requires_grad=True)
        p.array = p.device.backend.reorder(p.array, order)
        optimizer = optim.SGD([p], 0.1, momentum=0.9)
        optimizer.load_velocities({"0": np.arange(12.0).reshape(4, 3)})
        for _ in range(2):
            optimizer.zero_grad()
            (p * 2).sum().backward()
            optimizer.step()
        results.append(p.numpy())
    np.testing.assert_array_equal(*results)


def test_a_gradient_that_does_not_fit_is_refused() -> None:
    p = mg.ones(5, requires_grad=True)
    for gradient in (mg.ones(2), mg.ones(5, dtype=np.float64), mg.ones(5, device="cpu:1"), np.ones(5)):
        with complains("grad"):
            p.grad = gradient  # type: ignore[assignment]
    p.grad = mg.ones(5)
    optim.SGD([p], 1.0).step()
    assert not p.numpy().any()


def test_a_step_changes_no_array_that_somebody_holds() -> None:
    """A graph that was recorded before a step is differentiated at the values it was computed from."""
    w = mg.tensor([2.0], requires_grad=True)
    cube, snapshot, first = (w**3).sum(), w.detach(), w[:1]
    (w * w).sum().backward()
    optim.SGD([w], 0.25).step()
    assert w.item() == 1 and snapshot.item() == 2 and first.item() == 2
    w.grad = None
    cube.backward()
    assert w.grad is not None and w.grad.item() == 12


@pytest.mark.parametrize("deep", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))])
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("make", MAKERS)
def test_a_copy_of_model_and_optimiser_goes_on_alike(
    make: Callable[[Any], optim.Optimizer], before: int, deep: Callable[[Any], Any]
) -> None:
    """From before the weights are first looked at, too."""
    net = nn.Linear(2, 2)
    optimizer = make(net.parameters())

    def step(net: nn.Linear, optimizer: optim.Optimizer) -> np.ndarray:
        optimizer.zero_grad()
        (net(mg.ones(1, 2)) * 3).sum().backward()
        optimizer.step()
        return net.weight.numpy()

    for _ in range(before):
        step(net, optimizer)
    net2, optimizer2 = deep((net, optimizer))
    for _ in range(2):
        np.testing.assert_array_equal(step(net, optimizer), step(net2, optimizer2))


def test_frozen_parameters_keep_their_value() -> None:
    net = nn.Linear(2, 2)
    net.bias.requires_grad = False
    optimizer = optim.SGD(net.parameters(), 0.1, momentum=0.9)
    before = net.bias.numpy()
    net(mg.ones(1, 2)).sum().backward()
    optimizer.step()
    np.testing.assert_array_equal(net.bias.numpy(), before)


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_kept_follows_a_module_that_is_moved(make: Callable[[Any], optim.Optimizer]) -> None:
    results = []
    for place in ("cpu:0", "cpu:1"):
        mg.manual_seed(1)
        net = nn.Linear(2, 2)
        optimizer = make(net.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            net(mg.ones(1, 2, device=str(net.weight.device))).sum().backward()
            optimizer.step()
            net.to(place)
        results.append(net.weight.numpy())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("parameters", [nn.Parameter(mg.ones(2)), nn.Linear(2, 2), 3])
def test_what_is_no_list_of_parameters_complains(parameters: object) -> None:
    with complains(type(parameters).__name__, "model.parameters()", error=TypeError):
        optim.SGD(parameters, lr=0.1)  # type: ignore[arg-type]


def test_velocities_are_loaded_from_tensors(device: str) -> None:
    weight = mg.ones(2, device=device, requires_grad=True)
    optimizer = optim.SGD([weight], lr=0.1, momentum=0.9)
    (weight * 3).sum().backward()
    optimizer.step()
    other = optim.SGD([weight], lr=0.1, momentum=0.9)
    other.load_velocities(optimizer.velocities())
    np.testing.assert_array_equal(other.velocities()["0"].numpy(), optimizer.velocities()["0"].numpy())
    with complains("7", error=ValueError):
        other.load_velocities({7: np.ones(2)})  # type: ignore[dict-item]


# beside PyTorch


def beside_torch(make: Callable[[Any, list[Any]], Any], rates: Sequence[float], dtype: type = np.float64) -> None:
    """Steps with these rates, by ours and by PyTorch's optimiser, on the same parameters and gradients."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    values = [moderate((3, 4), 0).astype(dtype), moderate((5,), 1).astype(dtype)]
    ours = [mg.tensor(value, requires_grad=True) for value in values]
    theirs = [torch.tensor(value, requires_grad=True) for value in values]
    optimizers = make(optim, ours), make(torch.optim, theirs)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    for step, rate in enumerate(rates):
        for optimizer, parameters, lib in zip(optimizers, (ours, theirs), (mg, torch), strict=True):
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            for number, parameter in enumerate(parameters):
                if (number, step) != (1, 2):  # once one of them takes no part
                    g = moderate(tuple(parameter.shape), 10 * step + number).astype(dtype)
                    (parameter * lib.tensor(g)).sum().backward()
            optimizer.step()
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine.numpy(), other.detach().numpy(), rtol=tolerance)


RATES = [0.1, 0.1, 0.01, 0.0, 0.5, 0.5]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum, decay", [(0.9, 0.0), (0.9, 0.05), (0.0, 0.05)])
def test_the_other_rule_is_pytorchs_whatever_the_rates(momentum: float, decay: float, dtype: type) -> None:
    def make(library: Any, parameters: list[Any]) -> Any:
        rule = {"rule": "pytorch"} if library is optim else {}
        return library.SGD(params=parameters, lr=1.0, momentum=momentum, weight_decay=decay, **rule)

    beside_torch(make, RATES, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("settings", ADAM)
def test_adam_is_pytorchs_whatever_the_rates(settings: dict[str, Any], dtype: type) -> None:
    beside_torch(lambda library, parameters: library.Adam(parameters, **settings), RATES, dtype)


def test_groups_of_adam_are_pytorchs() -> None:
    def make(library: Any, parameters: list[Any]) -> Any:
        groups = [{"params": parameters[:1], "betas": (0.5, 0.6)}, {"params": parameters[1:], "eps": 0.1}]
        return library.Adam(groups, weight_decay=0.1)

    beside_torch(make, RATES)


def test_adam_goes_on_from_a_state_of_pytorch() -> None:
    """Both ways: a few steps there, the rest here, is as all of them here."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def steps(library: Any, value: np.ndarray, state: Any = None, make: Any = None) -> tuple[np.ndarray, Any]:
        w = library.tensor(value, requires_grad=True)
        optimizer = make([w], 0.5, betas=(0.8, 0.9))
        if state:
            optimizer.load_state_dict(state)
        for _ in range(3):
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()
        return w.detach().numpy(), optimizer.state_dict()

    value = moderate((2, 3), 0)
    there, state = steps(torch, value, make=torch.optim.Adam)
    state["param_groups"] = [
        {name: group[name] for name in ("lr", "betas", "eps", "weight_decay", "params")}
        for group in state["param_groups"]
    ]
    here, own = steps(mg, value, make=optim.Adam)
    assert set(own["state"][0]) == set(state["state"][0]) and own["param_groups"] == state["param_groups"]
    after = [steps(mg, there, state, optim.Adam)[0], steps(mg, here, own, optim.Adam)[0]]
    np.testing.assert_allclose(*after, rtol=1e-12)


def test_the_papers_rule_is_pytorchs_while_the_rate_stays() -> None:
    beside_torch(lambda library, parameters: library.SGD(parameters, 0.1, 0.9, 0, 0.05), [0.1] * 5)


def test_the_papers_rule_differs_where_the_rate_changes() -> None:
    with pytest.raises(AssertionError):
        beside_torch(lambda library, parameters: library.SGD(parameters, 0.1, 0.9), [0.1, 0.1, 0.01])


@pytest.mark.parametrize("make", MAKERS)
def test_a_state_continues_whatever_the_rule(make: Callable[[Any], optim.Optimizer]) -> None:
    def steps(w: mg.Tensor, optimizer: optim.Optimizer, rates: Sequence[float]) -> None:
        for rate in rates:
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

    results = []
    for parts in ([RATES], [RATES[:3], RATES[3:]]):
        value, state = moderate((2, 3), 0), None
        for rates in parts:
            w = mg.tensor(value, requires_grad=True)
            optimizer = make([w])
            if state:
                optimizer.load_state_dict(state)
            steps(w, optimizer, rates)
            value, state = w.numpy(), optimizer.state_dict()
        results.append(value)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda p: optim.SGD(p, 0.1, 0.9, 5e-4), ("SGD", "dampening=0.0005", "weight_decay=5e-4")),
        (lambda p: optim.SGD(p, 0.1, 0.9, 0, 5e-4, True), ("SGD", "nesterov=True")),
        (lambda p: optim.SGD(p, 0.1, maximize=True), ("SGD", "maximize=True", "(-loss)")),
        (lambda p: optim.SGD(p, 0.1, differentiable=True), ("SGD", "differentiable=True", "first derivatives")),
        (lambda p: optim.SGD(p, 0.1, rule="torch"), ("SGD", "'torch'", "'pytorch'")),
        (lambda p: optim.SGD(p, 0.1).step(lambda: 1), ("SGD.step", "closure")),
        (lambda p: optim.SGD([("w", p[0])], 0.1), ("SGD", "tuple")),
        (lambda p: optim.Adam(p, 0.1, (0.9, 0.999), 1e-8, 0, True), ("Adam", "amsgrad=True")),
        (lambda p: optim.Adam(p, maximize=True), ("Adam", "maximize=True", "(-loss)")),
        (lambda p: optim.Adam(p, differentiable=True), ("Adam", "differentiable=True", "first derivatives")),
        (lambda p: optim.Adam(p, capturable=True), ("Adam", "capturable=True")),
        (lambda p: optim.Adam(p, decoupled_weight_decay=True), ("Adam", "decoupled_weight_decay=True", "no_grad")),
        (lambda p: optim.Adam(p).step(lambda: 1), ("Adam.step", "closure")),
        (lambda p: optim.Adam(p, 0.1, 0.9), ("Adam", "betas", "0.9")),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), ("Adam", "betas", "1.0")),
        (lambda p: optim.Adam(p, betas=(-0.1, 0.9)), ("Adam", "betas", "-0.1")),
        (lambda p: optim.Adam(p, betas=(0.9, 0.99, 0.999)), ("Adam", "betas", "0.99,")),
        (lambda p: optim.Adam([{"params": p, "betas": 3}]), ("Adam", "betas", "3")),
        (lambda p: optim.Adam(p, eps=-1e-8), ("Adam", "eps", "-1e-08")),
        (lambda p: optim.Adam([{"params": p, "momentum": 0.9}]), ("momentum", "'betas'")),
    ],
)
def test_what_pytorch_has_and_we_have_not_is_refused(make: Callable[[Any], object], words: tuple[str, ...]) -> None:
    with complains(*words, error=(ValueError, TypeError)):
        make([mg.ones(2, requires_grad=True)])
