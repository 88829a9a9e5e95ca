"""The backward pass: graphs of every form, what it accumulates, what it frees and what it refuses."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from checks import complains
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

import minigrad as mg
import minigrad.functional as F
from minigrad.arrays import DeviceArray
from minigrad.autograd import Function


def leaf(*values: float, device: str = "cpu") -> mg.Tensor:
    return mg.tensor(np.array(values), device=device, requires_grad=True)


def test_chain_of_ten_thousand_operations(device: str) -> None:
    x = leaf(1.0, device=device)
    y = x
    for _ in range(10_000):
        y = y * 1.0001
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1.0001**10_000], rtol=1e-9)


def test_dropping_a_graph_of_a_hundred_thousand_operations() -> None:
    y = x = leaf(1.0)
    for _ in range(100_000):
        y = -y
    del y
    gc.collect()
    assert x.grad is None


def test_tensor_added_to_itself(device: str) -> None:
    x = leaf(1.0, 2.0, device=device)
    (x + x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2, 2])


def test_tensor_multiplied_by_itself() -> None:
    x = leaf(3.0, -2.0)
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [6, -4])


def test_tensor_subtracted_from_itself() -> None:
    x = leaf(3.0, -2.0)
    (x - x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [0, 0])


def test_diamond(device: str) -> None:
    """x -> (a, b) -> a * b, where a is also used further on: d/dx of (3x)(x^2) + 3x = 9x^2 + 3."""
    x = leaf(2.0, device=device)
    a, b = x * 3, x**2
    (a * b + a).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [39.0])


def test_ladder_of_diamonds_is_walked_once() -> None:
    """Every rung doubles the number of paths: a walk along paths would take 2^60 steps."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = (y + y) * 0.5
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [1.0])


def test_long_branch_and_short_branch_meet() -> None:
    """The join waits for the long branch, however the short one is numbered."""
    x = leaf(1.5)
    y = x * 2
    long = y
    for _ in range(50):
        long = long * 1.0
    (long * y + y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [2 * 2 * 3.0 + 2])


@given(
    steps=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=1, max_size=12), seed=seeds
)
def test_random_graphs_agree_with_differences(steps: list[tuple[int, int, bool]], seed: int) -> None:
    def build(*inputs: mg.Tensor) -> mg.Tensor:
        made = list(inputs)
        for i, j, product in steps:
            a, b = made[i % len(made)], made[j % len(made)]
            made.append(F.tanh(a * b) if product else a * 0.5 - b)
        return made[-1] + made[len(made) // 2]

    rng = np.random.default_rng(seed)
    inputs = [mg.tensor(rng.uniform(-1, 1, 2), requires_grad=True) for _ in range(2)]
    if build(*inputs).requires_grad:
        assert mg.gradcheck(build, inputs)


def test_gradient_argument_is_the_cotangent(device: str) -> None:
    x = leaf(1.0, 2.0, 3.0, device=device)
    (x * x).backward(mg.tensor(np.array([1.0, -2.0, 0.5]), device=device))
    np.testing.assert_array_equal(x.grad.numpy(), [2, -8, 3])


def test_gradient_argument_by_name() -> None:
    x = leaf(1.0, 2.0)
    (x * 3).backward(gradient=mg.tensor(np.array([1.0, 2.0])))
    np.testing.assert_array_equal(x.grad.numpy(), [3, 6])


def test_gradient_of_the_wrong_shape_complains() -> None:
    x = leaf(1.0, 2.0)
    with complains("(2,)", "(3,)"):
        (x * 3).backward(mg.tensor(np.ones(3)))


def test_several_values_without_gradient_complain() -> None:
    x = leaf(1.0, 2.0)
    with complains("gradient"):
        (x * 3).backward()


def test_one_value_in_any_shape_needs_no_gradient() -> None:
    x = leaf(2.0)
    (x * x).reshape(1, 1).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4])


def test_backward_where_nothing_requires_grad_complains() -> None:
    with complains("requires"):
        mg.tensor([1.0]).backward()


def test_backward_twice_complains() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with complains("backward", error=RuntimeError):
        y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4])


def test_backward_through_a_part_that_is_gone_complains() -> None:
    x = leaf(2.0)
    z = x * x
    z.sum().backward()
    with complains("backward", error=RuntimeError):
        (z * 3).sum().backward()


def test_gradients_accumulate_over_backward_calls(device: str) -> None:
    x = leaf(2.0, device=device)
    (x * x).sum().backward()
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [7])


def test_accumulated_gradients_of_two_leaves_do_not_share_memory() -> None:
    """The gradient of a + b is one array handed to both; adding to one must leave the other."""
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (a + b).sum().backward()
    (a * 5).sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), [6, 6])
    np.testing.assert_array_equal(b.grad.numpy(), [1, 1])


def test_given_cotangent_does_not_change() -> None:
    a = leaf(1.0, 2.0)
    cotangent = mg.tensor(np.array([1.0, 1.0]))
    (a + a * 2).backward(cotangent)
    (a * 1).backward(cotangent)
    np.testing.assert_array_equal(cotangent.numpy(), [1, 1])
    np.testing.assert_array_equal(a.grad.numpy(), [4, 4])


def test_leaf_backward_gives_it_the_gradient() -> None:
    x = leaf(2.0)
    x.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1])


def test_only_leaves_that_require_it_get_a_gradient() -> None:
    x, c = leaf(2.0), mg.tensor(np.array([3.0]))
    y = x * c
    y.sum().backward()
    assert c.grad is None and y.grad is None
    np.testing.assert_array_equal(x.grad.numpy(), [3])


def test_leaf_that_did_not_take_part_has_no_gradient() -> None:
    x, other = leaf(2.0), leaf(1.0)
    (x * x).sum().backward()
    assert other.grad is None


def test_gradients_do_not_require_gradients() -> None:
    x = leaf(2.0)
    (x * x).sum().backward()
    assert not x.grad.requires_grad


def test_no_grad_records_nothing(device: str) -> None:
    x = leaf(2.0, device=device)
    with mg.no_grad():
        y = x * x
    assert not y.requires_grad
    assert (x * x).requires_grad


def test_no_grad_ends_with_an_exception() -> None:
    x = leaf(2.0)
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert (x * x).requires_grad


def test_no_grad_nests() -> None:
    x = leaf(2.0)
    with mg.no_grad():
        with mg.no_grad():
            pass
        assert not (x * x).requires_grad


def test_no_grad_decorates_a_function() -> None:
    @mg.no_grad()
    def square(x: mg.Tensor) -> mg.Tensor:
        return x * x

    assert not square(leaf(2.0)).requires_grad and not square(leaf(3.0)).requires_grad


def test_no_grad_takes_no_flag() -> None:
    with complains("no_grad", "with mg.no_grad()", "False", error=TypeError):
        mg.no_grad(False)


@pytest.mark.filterwarnings("error")
def test_gradients_that_are_no_numbers_are_no_warning(device: str) -> None:
    x = mg.ones(2, device=device, requires_grad=True)
    x.grad = mg.tensor(np.array([np.inf, 1], np.float32), device=device)
    x.backward(mg.tensor(np.array([-np.inf, 1], np.float32), device=device))
    np.testing.assert_array_equal(x.grad.numpy(), [np.nan, 2])


def test_no_grad_decorates_without_parentheses() -> None:
    @mg.no_grad
    def doubled(x: mg.Tensor) -> mg.Tensor:
        return x * 2

    x = mg.ones(3, requires_grad=True)
    assert doubled.__name__ == "doubled" and not doubled(x).requires_grad and (x * 2).requires_grad


def test_detach_stops_the_gradient(device: str) -> None:
    x = leaf(2.0, device=device)
    (x * x.detach()).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [2])


def test_requires_grad_spreads() -> None:
    x, c = leaf(2.0), mg.tensor(np.array([3.0]))
    assert (x * c).requires_grad and not (c * c).requires_grad
    assert not x.argmax().requires_grad


def living_functions() -> int:
    gc.collect()
    return sum(issubclass(type(thing), Function) for thing in gc.get_objects())


def test_backward_frees_what_was_saved() -> None:
    x = mg.tensor(np.ones((4, 5)), requires_grad=True)
    middle = F.tanh(x * 2)
    gone = weakref.ref(middle)
    loss = (middle * middle).sum()
    del middle
    gc.collect()
    assert gone() is None or loss.requires_grad
    loss.backward()
    gc.collect()
    assert gone() is None


def test_graph_dies_without_the_garbage_collector() -> None:
    """No circle in the graph: what is dropped without a backward pass goes back to the pool at once."""
    x = mg.tensor(np.ones((4, 5)), requires_grad=True)
    before = living_functions()
    y = F.tanh(F.relu(x * 2) + 1).sum()
    assert y.requires_grad
    gc.disable()
    try:
        del y
        after = sum(issubclass(type(thing), Function) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert after == before


def test_nothing_is_recorded_for_constants() -> None:
    before = living_functions()
    c = mg.tensor(np.ones((4, 5)))
    y = F.tanh(F.relu(c * 2) + 1).sum()
    assert living_functions() == before and not y.requires_grad


def test_integer_operations_take_no_part() -> None:
    x = leaf(1.0, 5.0)
    index = x.argmax()
    assert index.dtype == np.int64 and index.item() == 1
    (x * index).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1, 1])


def test_a_backward_with_a_wrong_number_of_gradients_is_told() -> None:
    class Sum(Function):
        def forward(self, x: DeviceArray, y: DeviceArray) -> DeviceArray:
            return x.device.backend.add(x, y)

        def backward(self, dy: DeviceArray) -> tuple[DeviceArray, ...]:
            return dy, dy, dy

    x = leaf(1.0, 2.0)
    with complains("sum", "3 gradients", "2 inputs"):
        Sum.apply(x, x).sum().backward()


def test_a_computed_input_that_nothing_saves_does_not_live_on() -> None:
    """The graph knows what made an input, and need not hold its elements."""
    x = leaf(1.0, 2.0)
    inner = x + 1
    array = weakref.ref(inner.array)
    y = inner + 1
    del inner
    assert array() is None
    y.sum().backward()
    assert x.grad.numpy().tolist() == [1, 1]


def test_no_grad_holds_for_its_own_thread_in_a_shared_function() -> None:
    """Two threads overlap in one decorated function: each comes out as it went in."""
    inside = [threading.Event(), threading.Event()]
    leave = [threading.Event(), threading.Event()]

    @mg.no_grad()
    def wait(number: int) -> bool:
        inside[number].set()
        leave[number].wait(10)
        return mg.ones(1, requires_grad=True).exp().requires_grad

    def recorded(number: int) -> tuple[bool, bool]:
        within = wait(number)
        return within, mg.ones(1, requires_grad=True).exp().requires_grad

    def unrecorded(number: int) -> tuple[bool, bool]:
        with mg.no_grad():
            return recorded(number)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(recorded, 0)
        inside[0].wait(10)
        second = pool.submit(unrecorded, 1)
        inside[1].wait(10)
        leave[0].set()
        first.exception(10)
        leave[1].set()
        assert first.result() == (False, True)
        assert second.result() == (False, False)


def test_what_backward_does_not_offer() -> None:
    """PyTorch's arguments stand at their places, and take the values that change nothing."""
    x = mg.tensor(3.0, requires_grad=True)
    for arguments in ({"retain_graph": True}, {"create_graph": True}, {"inputs": [x]}):
        with complains("backward", next(iter(arguments)), "not offered", error=ValueError):
            (x * x).backward(**arguments)
    assert x.grad is None
    (x * x).backward(None, False, False, inputs=None)
    assert x.grad.item() == 6


@pytest.mark.parametrize("uses", [1, 2])
def test_a_gradient_of_another_dtype_is_refused(uses: int) -> None:
    class Widened(mg.Function):
        def forward(self, x: DeviceArray) -> DeviceArray:
            return x

        def backward(self, dy: DeviceArray) -> DeviceArray:
            return dy.device.backend.cast(dy, np.float64)

    x = mg.ones(3, requires_grad=True)
    if uses == 2:
        x.grad = mg.zeros(3)
    with pytest.raises(TypeError, match="a gradient that arrived is float64, the tensor float32"):
        Widened.apply(x).sum().backward()
