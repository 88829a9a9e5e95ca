from __future__ import annotations

import itertools

import pytest

import minigrad as mg
import minigrad.functional as F
from minigrad import nn


def test_every_operation_and_its_gradient_is_noted_in_order(device: str) -> None:
    x, w = mg.ones(2, 3, device=device, requires_grad=True), mg.ones(4, 3, device=device, requires_grad=True)
    with mg.profile() as events:
        F.relu(F.linear(x, w)).sum().backward()
    assert [(event.name, event.backward) for event in events] == [
        ("linear", False), ("relu", False), ("sum", False), ("sum", True), ("relu", True), ("linear", True)
    ]  # fmt: skip
    assert [event.nbytes for event in events] == [32, 32, 4, 32, 32, 24 + 48]
    assert all(event.source == event.device == mg.device(device) for event in events)
    times = [time for event in events for time in (event.start, event.stop)]
    assert times == sorted(times)


def test_moves_say_from_where_to_where() -> None:
    x = mg.ones(5, dtype="float64", requires_grad=True)
    with mg.profile() as events:
        x.to("cpu:1").sum().backward()
    moves = [(event.backward, str(event.source), str(event.device), event.nbytes) for event in events]
    assert moves[0] == (False, "cpu:0", "cpu:1", 40) and moves[-1] == (True, "cpu:1", "cpu:0", 40)


def test_gradients_that_nobody_wants_count_nothing() -> None:
    x, w = mg.ones(2, 3), mg.ones(4, 3, requires_grad=True)
    with mg.profile() as events:
        F.linear(x, w).sum().backward()
    assert events[-1].backward and events[-1].nbytes == 48


def test_a_profile_within_another_is_part_of_it() -> None:
    x = mg.ones(2)
    with mg.profile() as outer:
        x.exp()
        with mg.profile() as inner:
            x.neg()
        x.abs()
    x.log()
    assert [event.name for event in inner] == ["neg"]
    assert [event.name for event in outer] == ["exp", "neg", "abs"]


def test_a_profile_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="broadcast"), mg.profile() as events:
        mg.ones(2) + mg.ones(3)
    mg.ones(2).exp()
    assert not events


def test_results_are_the_same_bits_with_and_without() -> None:
    gradients = []
    for noted in (False, True):
        mg.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.Linear(8, 3))
        x = mg.randn(2, 1, 4, 4)
        if noted:
            with mg.profile():
                net(x).sum().backward()
        else:
            net(x).sum().backward()
        gradients.append([parameter.grad.numpy() for parameter in net.parameters()])
    assert all((a == b).all() for a, b in itertools.chain(zip(*gradients, strict=True)))
