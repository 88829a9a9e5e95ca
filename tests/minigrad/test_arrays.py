"""Devices: names, what there is, and that data moves only where the program says so."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest
from checks import chwn, complains
from strategies import moderate

import minigrad as mg
import minigrad.functional as F
from minigrad.arrays import Device, DeviceArray


def test_names() -> None:
    assert str(mg.device("cpu")) == "cpu:0" and str(mg.device("cpu:1")) == "cpu:1"
    assert mg.device("cpu") == mg.device("cpu:0") != mg.device("cpu:1")
    assert mg.device(mg.device("cpu:1")) == mg.device("cpu:1")
    assert hash(mg.device("cpu")) == hash(mg.device("cpu:0"))


@pytest.mark.parametrize("name", ["gpu", "cpu:x", "cpu:", "cpu:-1", "", "cpu:0:1", "cpu:99", "CPU"])
def test_unknown_device_complains_and_lists_those_there_are(name: str) -> None:
    with complains(repr(name), "cpu:0", "cpu:1", error=ValueError):
        mg.zeros(2, device=name)


def test_device_that_is_no_name_complains() -> None:
    with complains("0", error=TypeError):
        mg.zeros(2, device=0)


def test_devices_lists_name_memory_and_kind() -> None:
    found = mg.devices()
    names = [str(info.device) for info in found]
    assert names[:2] == ["cpu:0", "cpu:1"] and names[-1] == "reference:0" and len(set(names)) == len(names)
    for info in found:
        assert info.memory >= 0 and info.kind in ("hardware", "emulated", "plain NumPy")
        assert str(info.device) in str(info)


def test_tensors_are_made_where_asked() -> None:
    for make in (mg.zeros, mg.ones, mg.randn):
        assert str(make(2, device="cpu:1").device) == "cpu:1"
    assert str(mg.tensor([1.0], device=mg.device("cpu:1")).device) == "cpu:1"
    assert str(mg.tensor([1.0]).device) == "cpu:0"


@pytest.mark.parametrize("order", [lambda t: t, chwn])
def test_to_carries_values_there_and_gradients_back(order: Callable[[mg.Tensor], mg.Tensor]) -> None:
    array = moderate((17, 2, 3, 2), 0)
    x = mg.tensor(array, requires_grad=True)
    y = order(x).to("cpu:1")
    assert str(y.device) == "cpu:1"
    np.testing.assert_array_equal(y.numpy(), array)
    z = (y * y).to("cpu:0")
    (z * 3).sum().backward()
    assert str(x.grad.device) == "cpu:0"
    np.testing.assert_allclose(x.grad.numpy(), 6 * array, rtol=1e-12)


def test_to_the_same_device_or_dtype_is_the_tensor_itself() -> None:
    x = mg.zeros(2)
    assert x.to("cpu") is x and x.to(np.float32) is x


def test_copy_on_another_device_is_a_copy() -> None:
    w = mg.tensor(np.ones(2), requires_grad=True)
    copy = w.detach().to("cpu:1")
    w.sum().backward()
    mg.optim.SGD([w], lr=0.5).step()
    np.testing.assert_array_equal(copy.numpy(), [1, 1])


OPERATIONS: dict[str, Callable[[mg.Tensor, mg.Tensor], object]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "matmul": operator.matmul,
    "linear": F.linear,
    "cat": lambda x, y: mg.cat([x, y]),
    "conv2d": lambda x, y: F.conv2d(x.reshape(1, 1, 3, 3), y.reshape(1, 1, 3, 3)),
    "cross_entropy": lambda x, y: F.cross_entropy(x, y[0].to(np.int64)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_on_two_devices_name_both_and_themselves(name: str) -> None:
    for first, second in (("cpu:0", "cpu:1"), ("cpu:1", "cpu:0")):
        with complains(name, "cpu:0", "cpu:1", error=mg.DeviceMismatchError):
            OPERATIONS[name](mg.ones(3, 3, device=first), mg.ones(3, 3, device=second))


def test_bias_on_another_device_is_noticed() -> None:
    with complains("linear", error=mg.DeviceMismatchError):
        F.linear(mg.ones(3, 3), mg.ones(3, 3), mg.ones(3, device="cpu:1"))
    with complains("conv2d", error=mg.DeviceMismatchError):
        F.conv2d(mg.ones(1, 1, 3, 3), mg.ones(1, 1, 3, 3), mg.ones(1, device="cpu:1"))


def test_mismatch_is_a_runtime_error() -> None:
    assert issubclass(mg.DeviceMismatchError, RuntimeError)


def test_gradient_on_another_device_complains() -> None:
    y = mg.tensor(np.ones(2), requires_grad=True) * 2
    with complains("cpu:1", error=mg.DeviceMismatchError):
        y.backward(mg.tensor(np.ones(2), device="cpu:1"))


def test_python_numbers_live_everywhere() -> None:
    y = 2 * mg.ones(2, device="cpu:1") + 1
    assert str(y.device) == "cpu:1"
    np.testing.assert_array_equal(y.numpy(), [3, 3])


def test_two_devices_in_one_graph() -> None:
    """Two columns: each works on its own device, and one reads the other's output."""
    array = moderate((2, 3), 0)
    x = mg.tensor(array, requires_grad=True)
    left, right = F.tanh(x), F.tanh(x.to("cpu:1") * 2)
    both = mg.cat([left, right.to("cpu:0")], dim=1).sum() + (left.to("cpu:1") * right).sum().to("cpu")
    both.backward()
    tanh, tanh2 = np.tanh(array), np.tanh(2 * array)
    expected = (1 - tanh**2) * (1 + tanh2) + 2 * (1 - tanh2**2) * (1 + tanh)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12)


def test_elements_that_are_asked_for_are_made_once() -> None:
    made = []
    x = DeviceArray(lambda: made.append(1) or np.ones(3), (3,), np.dtype(np.float64), Device("cpu", 0))
    assert x.pending is not None and not made
    assert x.data is x.data and made == [1] and x.pending is None


def test_setting_the_elements_settles_what_was_pending() -> None:
    x = DeviceArray(lambda: np.ones(3), (3,), np.dtype(np.float64), Device("cpu", 0))
    x.data = np.zeros(3)
    assert x.pending is None and not x.data.any()
