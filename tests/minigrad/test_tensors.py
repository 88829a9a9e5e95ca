"""Making tensors, what dtype they get, and the protocols by which the rest of Python reads them."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import numpy as np
import pytest
from checks import USER_ERRORS, chwn, complains

import minigrad as mg
from minigrad import nn, optim

INTEGERS = [np.int32, np.int64, np.uint8]
FLOATS = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_numpy_arrays_keep_their_dtype(dtype: type, device: str) -> None:
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    x = mg.tensor(array, device=device)
    assert x.dtype == dtype and x.shape == (2, 3) and str(x.device) == device
    assert not x.requires_grad and x.grad is None
    np.testing.assert_array_equal(x.numpy(), array)
    assert x.numpy().dtype == dtype


def test_python_floats_become_float32(device: str) -> None:
    assert mg.tensor([[1.5, 2.0], [3.0, 4.0]], device=device).dtype == np.float32
    assert mg.tensor(1.5, device=device).dtype == np.float32
    assert mg.tensor(1.5, device=device).shape == ()


def test_python_integers_become_int64(device: str) -> None:
    assert mg.tensor([1, 2, 3], device=device).dtype == np.int64


@pytest.mark.parametrize("dtype", FLOATS)
def test_dtype_argument_converts(dtype: type, device: str) -> None:
    x = mg.tensor(np.arange(3), device=device, dtype=dtype)
    assert x.dtype == dtype
    np.testing.assert_array_equal(x.numpy(), [0, 1, 2])


def test_tensor_copies_its_array() -> None:
    array = np.ones(3)
    x = mg.tensor(array)
    array[0] = 5
    np.testing.assert_array_equal(x.numpy(), [1, 1, 1])


def test_numpy_is_a_copy(device: str) -> None:
    x = mg.tensor(np.ones((2, 3)), device=device, requires_grad=True)
    x.numpy()[0, 0] = 5
    np.testing.assert_array_equal(x.numpy(), np.ones((2, 3)))


def test_arrays_of_any_stride_are_taken() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    for view in (array.T, array[:, ::-1, ::2], array[::-1], np.asfortranarray(array)):
        np.testing.assert_array_equal(mg.tensor(view).numpy(), view)


def test_made_tensors_are_float32_and_on_their_device(device: str) -> None:
    for x, value in ((mg.zeros(2, 3, device=device), 0), (mg.ones(2, 3, device=device), 1)):
        assert x.shape == (2, 3) and x.dtype == np.float32 and str(x.device) == device and not x.requires_grad
        np.testing.assert_array_equal(x.numpy(), np.full((2, 3), value))
    x = mg.randn(2, 3, device=device, dtype=np.float64, requires_grad=True)
    assert x.shape == (2, 3) and x.dtype == np.float64 and x.requires_grad
    assert mg.randn(2).dtype == np.float32


def test_randn_is_normal_and_seeded() -> None:
    mg.manual_seed(3)
    x = mg.randn(100, 100).numpy()
    assert abs(x.mean()) < 0.04 and abs(x.std() - 1) < 0.03
    assert not np.array_equal(x, mg.randn(100, 100).numpy())
    mg.manual_seed(3)
    np.testing.assert_array_equal(x, mg.randn(100, 100).numpy())


def test_randn_gives_the_same_numbers_in_both_float_types() -> None:
    mg.manual_seed(3)
    single = mg.randn(5)
    mg.manual_seed(3)
    np.testing.assert_array_equal(single.numpy(), mg.randn(5, dtype=np.float64).numpy().astype(np.float32))


def test_asarray_from_either_memory_order(device: str) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x = mg.tensor(array, device=device, requires_grad=True)
    for t in (x, chwn(x)):
        np.testing.assert_array_equal(np.asarray(t), array)
        assert np.asarray(t).dtype == np.float32
        assert np.asarray(t, dtype=np.float64).dtype == np.float64


def test_item_float_len(device: str) -> None:
    x = mg.tensor([2.5], device=device)
    assert x.item() == 2.5 and type(x.item()) is float
    assert float(x) == 2.5 and len(x) == 1
    assert type(mg.tensor([3], device=device).item()) is int
    assert len(mg.zeros(4, 2, device=device)) == 4


def test_item_of_several_values_complains() -> None:
    with complains("2"):
        mg.zeros(2).item()


def test_len_of_a_scalar_complains() -> None:
    with complains(error=TypeError):
        len(mg.tensor(1.0))


def test_repr_says_what_is_not_the_default(device: str) -> None:
    text = repr(mg.tensor(np.array([1.5, -2.0]), device=device, requires_grad=True))
    assert "1.5" in text and "-2" in text and "requires_grad" in text and "float64" in text
    assert "requires_grad" not in repr(mg.zeros(2))
    assert "cpu:1" in repr(mg.zeros(2, device="cpu:1"))


def test_repr_of_a_large_tensor_is_short() -> None:
    assert len(repr(mg.zeros(100, 100))) < 1500


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_cannot_require_grad(dtype: type) -> None:
    with complains(np.dtype(dtype).name):
        mg.tensor(np.arange(3, dtype=dtype), requires_grad=True)


@pytest.mark.parametrize("data", ["abc", [[1, 2], [3]], np.array(["a"]), np.ones(2, dtype=np.complex128), None])
def test_what_is_no_array_of_numbers_complains(data: object) -> None:
    with complains():
        mg.tensor(data)


def test_unknown_dtype_complains() -> None:
    with complains("complex128"):
        mg.zeros(2, dtype=np.complex128)


def test_shape_with_a_negative_side_complains() -> None:
    with complains("-1"):
        mg.zeros(2, -1)


def test_detach_shares_the_value_not_the_graph(device: str) -> None:
    x = mg.tensor([1.0, 2.0], device=device, requires_grad=True)
    y = (x * 2).detach()
    assert not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), [2, 4])


def test_to_dtype_is_differentiable(device: str) -> None:
    x = mg.tensor(np.array([1.0, 2.0]), device=device, requires_grad=True)
    y = x.to(np.float32)
    assert y.dtype == np.float32
    (y * y).sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_allclose(x.grad.numpy(), [2, 4])


def test_to_integers_keeps_whole_numbers() -> None:
    y = mg.tensor([1.0, -2.0, 3.0]).to(np.int64)
    assert y.dtype == np.int64 and not y.requires_grad
    np.testing.assert_array_equal(y.numpy(), [1, -2, 3])


def test_integers_made_from_a_tensor_that_requires_grad_do_not() -> None:
    y = mg.tensor([1.0, 2.0], requires_grad=True).to(np.int64)
    assert y.dtype == np.int64 and not y.requires_grad


def test_to_takes_a_device_and_a_dtype(device: str) -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    for y in (x.to(device, mg.float64), x.to(device=device, dtype="double"), x.to(device, dtype=np.float64)):
        assert (y.device, y.dtype) == (mg.device(device), mg.float64)
    assert x.to(dtype=mg.float64).dtype == mg.float64 and x.to(device=device).device == mg.device(device)
    assert x.to("cpu", non_blocking=True) is x
    (x.to(device, mg.float64) * 3).sum().backward()
    assert x.grad.dtype == mg.float32 and x.grad.tolist() == [3, 3]
    for wrong in ((mg.float64, mg.float32), ("float64", mg.float32), ("cpu", "cpu"), ("cpu", True)):
        with complains():
            x.to(*wrong)
    layer = mg.nn.Linear(2, 1).to(device=device, dtype=mg.float64)
    assert layer.weight.dtype == mg.float64 and layer.weight.device == mg.device(device)


@pytest.mark.parametrize("target", [None, 3, "float16", np.complex128])
def test_to_what_is_neither_device_nor_dtype_complains(target: object) -> None:
    with complains():
        mg.zeros(2).to(target)


def test_empty_batch_has_shape_and_dtype(device: str) -> None:
    x = mg.tensor(np.zeros((0, 3), np.float32), device=device)
    assert x.shape == (0, 3) and x.numpy().shape == (0, 3) and len(x) == 0


def test_truth_of_several_values_is_refused_or_meaningful() -> None:
    """`if tensor:` may raise, as in NumPy, but not silently ask whether the length is zero."""
    with pytest.raises(USER_ERRORS):
        bool(mg.zeros(2))
    assert not bool(mg.zeros(1))


def test_tensors_are_hashed_by_identity() -> None:
    x = mg.ones(2)
    assert {x: 1}[x] == 1 and mg.ones(2) not in {x: 1}
    assert (x == None) is False and (x != None) is True  # noqa: E711


def test_sums_in_float32_are_accurate_along_every_axis() -> None:
    x = np.full((200_000, 3), 0.1, np.float32)
    for array, axis in ((x, 0), (np.ascontiguousarray(x.T), 1)):
        np.testing.assert_allclose(mg.tensor(array).sum(axis).numpy(), 20_000, rtol=1e-6)


def test_a_tensor_is_not_made_from_nested_lists_of_different_lengths() -> None:
    with complains("lengths"):
        mg.tensor([[1], [1, 2]])


def test_a_tensor_wraps_only_device_arrays() -> None:
    with complains("mg.tensor", error=TypeError):
        mg.Tensor([1.0, 2.0])  # type: ignore[arg-type]


def test_max_gives_a_named_pair() -> None:
    found = mg.tensor([[1.0, 3.0], [4.0, 2.0]]).max(1)
    assert found.values.numpy().tolist() == [3, 4] and found.indices.numpy().tolist() == [1, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_computes() -> None:
    program = """
import os, signal
import minigrad as mg
x = mg.ones(1000, 1000)
x * 2
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if float((x * 3).sum()) == 3e6 else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {**os.environ, "MINIGRAD_THREADS": "2"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, env=environment
    )
    assert result.stdout.strip() == "0", result.stderr


def test_html_shows_the_values_of_a_small_tensor_and_the_corners_of_a_large_one() -> None:
    small = mg.tensor([[1.5, 2.0, -0.25]], requires_grad=True)._repr_html_()
    assert "(1, 3), float32, cpu:0, requires a gradient" in small and small.count("<td>") == 3 and "-0.25" in small
    large = mg.tensor(np.arange(2 * 20 * 30).reshape(2, 20, 30))._repr_html_()
    assert "(2, 20, 30), int64" in large and "here [0]" in large
    assert large.count("<tr>") == 7 and large.count("<td>") == 49 and "…" in large
    assert ">599<" in large and ">1199<" not in large and ">15<" not in large


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 3, 3), (1,), (9,), (1, 1, 1, 1)])
def test_html_of_every_shape(shape: tuple[int, ...]) -> None:
    text = mg.zeros(*shape)._repr_html_()
    assert text.startswith("<table>") and ("it is empty" in text) == (0 in shape)


@pytest.mark.parametrize("dtype", [3, "x", "torch.float32", object()])
def test_what_is_no_dtype_complains(dtype: object, device: str) -> None:
    for make in (mg.zeros, mg.randn):
        with complains("dtype", error=TypeError):
            make(2, dtype=dtype, device=device)


def test_no_dtype_is_float32(device: str) -> None:
    for make in (mg.zeros, mg.ones, mg.randn):
        assert make(2, dtype=None, device=device).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_numbers_that_no_dtype_holds_complain(dtype: type, device: str) -> None:
    with complains("fit", error=ValueError):
        mg.zeros(2, dtype=dtype, device=device) + 10**400


def test_a_deep_copy_has_memory_of_its_own(device: str) -> None:
    net = nn.Sequential(nn.Linear(3, 2, device=device), nn.Linear(2, 1, device=device))
    twin = copy.deepcopy(net)  # the weights are not drawn yet
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, twin.state_dict()[name], err_msg=name)
    optimizer = optim.SGD(twin.parameters(), lr=1, momentum=0.5)
    twin(mg.ones(1, 3, device=device)).sum().backward()
    optimizer.step()
    again, follower = copy.deepcopy((twin, optimizer))
    before = twin.state_dict(), optimizer.state_dict()
    follower.step()
    assert not np.array_equal(before[0]["1.bias"], net[1].bias.numpy())
    assert not np.array_equal(before[0]["1.bias"], again.state_dict()["1.bias"])
    np.testing.assert_array_equal(before[0]["1.bias"], twin.state_dict()["1.bias"])
    np.testing.assert_array_equal(before[1]["state"][0]["velocity"], optimizer.velocities()["0"])


def test_type_is_pytorchs_older_word_for_another_dtype() -> None:
    x = mg.tensor([1.7, -1.7], requires_grad=True)
    assert x.type(mg.int64).tolist() == [1, -1] and x.type(mg.float32) is x
    x.type("double").sum().backward()
    assert x.grad is not None and x.grad.dtype == mg.float32
    with complains("dtype", "cpu", error=TypeError):
        x.type("cpu")
