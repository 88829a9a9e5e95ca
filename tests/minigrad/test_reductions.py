"""sum, mean, max, min, argmax, argmin, softmax and log_softmax."""

from __future__ import annotations

from collections.abc import Callable

import definitions
import numpy as np
import pytest
from checks import assert_close, check_extreme, check_mean, check_operation, check_sum, chwn, complains
from hypothesis import given
from hypothesis import strategies as st
from strategies import apart, arrays, arrays_and_dims, batch_shapes, moderate, shapes

import minigrad as mg
import minigrad.functional as F

any_array = arrays(st.one_of(shapes(), batch_shapes()))


@given(case=arrays_and_dims(), keepdim=st.booleans())
def test_sum(device: str, case: tuple[np.ndarray, int], keepdim: bool) -> None:
    check_sum(*case, keepdim, device)


@given(x=any_array)
def test_sum_of_everything(device: str, x: np.ndarray) -> None:
    check_sum(x, None, False, device)


@given(case=arrays_and_dims(), keepdim=st.booleans())
def test_mean(device: str, case: tuple[np.ndarray, int], keepdim: bool) -> None:
    check_mean(*case, keepdim, device)


@given(x=any_array)
def test_mean_of_everything(device: str, x: np.ndarray) -> None:
    check_mean(x, None, False, device)


@pytest.mark.parametrize("dims", [(0, 1), (0, 2, 3), (2, 3), (-1, 0), (0, 1, 2, 3)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_sum_and_mean_over_several_dims(dims: tuple[int, ...], keepdim: bool, device: str) -> None:
    x = np.random.default_rng(0).uniform(-2, 2, (17, 3, 2, 2))
    check_sum(x, dims, keepdim, device)
    check_mean(x, dims, keepdim, device)


@pytest.mark.parametrize("name", ["max", "min"])
def test_two_tensors_are_sent_to_maximum_and_minimum(name: str) -> None:
    with complains(f"mg.{name}imum(x, y)", error=TypeError):
        getattr(mg, name)(mg.ones(2), mg.zeros(2))


def test_numpys_words_for_axes_mean_the_same() -> None:
    x = mg.tensor([[1.0, 5.0], [4.0, 2.0]])
    for name in ("sum", "mean", "var", "std", "argmax", "argmin", "any", "all"):
        found = getattr(x, name)(axis=0, keepdims=True)
        assert found.shape == (1, 2) and (found == getattr(mg, name)(x, dim=0, keepdim=True)).all()
    for name in ("max", "min"):
        assert getattr(x, name)(axis=1).indices.tolist() == getattr(x, name)(dim=1).indices.tolist()
    for name in ("softmax", "log_softmax", "unsqueeze"):
        assert (getattr(x, name)(axis=0) == getattr(x, name)(0)).all()
    assert x[None].squeeze(axis=0).shape == mg.cat([x[0], x[1]], axis=0).reshape(2, 2).shape
    assert mg.stack([x, x], axis=1).shape == (2, 2, 2)
    for wrong in ({"dim": 0, "axis": 0}, {"keepdim": True, "keepdims": True}):
        with pytest.raises(TypeError, match="argument"):
            x.sum(**wrong)


@pytest.mark.parametrize("name", ["max", "min"])
@given(case=arrays_and_dims(apart), keepdim=st.booleans())
def test_max_and_min(name: str, device: str, case: tuple[np.ndarray, int], keepdim: bool) -> None:
    x, dim = case
    check_extreme(name, x, dim, keepdim, device)


@pytest.mark.parametrize("name", ["max", "min"])
@given(x=arrays(st.one_of(shapes(), batch_shapes()), apart))
def test_max_and_min_of_everything(name: str, device: str, x: np.ndarray) -> None:
    check_operation(lambda t: getattr(t, name)(), getattr(np, name), [x], device)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@given(case=arrays_and_dims(apart), keepdim=st.booleans())
def test_argmax_and_argmin(name: str, device: str, case: tuple[np.ndarray, int], keepdim: bool) -> None:
    x, dim = case
    for dtype in (np.float32, np.float64):
        for order in (lambda t: t, chwn):
            t = order(mg.tensor(x.astype(dtype), device=device))
            found = getattr(t, name)(dim, keepdim)
            assert found.dtype == np.int64
            np.testing.assert_array_equal(found.numpy(), getattr(x, name)(axis=dim, keepdims=keepdim))
            assert getattr(t, name)().item() == getattr(x, name)()


# By which the values of a test of max become those of the same test of min.
SIGNS = {"max": 1.0, "min": -1.0}


@pytest.mark.parametrize("name", SIGNS)
def test_first_among_equals_wins(name: str, device: str) -> None:
    array = SIGNS[name] * np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    for order in (lambda t: t, chwn):
        x = mg.tensor(array, device=device, requires_grad=True)
        y = order(x)
        values, indices = getattr(y, name)(1)
        np.testing.assert_array_equal(indices.numpy(), [1, 0])
        np.testing.assert_array_equal(getattr(y, f"arg{name}")(1).numpy(), [1, 0])
        assert getattr(y, f"arg{name}")().item() == 1
        values.backward(mg.tensor(np.array([5.0, 7.0]), device=device))
        np.testing.assert_array_equal(x.grad.numpy(), [[0, 5, 0], [7, 0, 0]])


@pytest.mark.parametrize("name", SIGNS)
def test_the_first_among_equals_of_everything_gets_the_gradient(name: str, device: str) -> None:
    """First in C order, whichever way the tensor is stored."""
    for order in (lambda t: t, chwn):
        x = mg.tensor(SIGNS[name] * np.array([[1.0, 3.0], [3.0, 3.0]]), device=device, requires_grad=True)
        getattr(order(x), name)().backward()
        np.testing.assert_array_equal(x.grad.numpy(), [[0, 1], [0, 0]])


def test_max_and_min_of_integers(device: str) -> None:
    x = mg.tensor(np.array([[3, -5], [7, 2]]), device=device)
    assert x.max().item() == 7 and x.max().dtype == np.int64
    np.testing.assert_array_equal(x.max(0)[0].numpy(), [7, 2])
    assert x.sum().item() == 7 and x.sum().dtype == np.int64
    least = np.iinfo(np.int64).min
    assert x.min().item() == -5 and mg.tensor(np.array([0, least]), device=device).min().item() == least


def test_max_and_min_with_nan_are_nan(device: str) -> None:
    for dtype in (np.float32, np.float64):
        x = mg.tensor(np.array([[1.0, np.nan, 3.0]], dtype), device=device)
        for name in ("max", "min"):
            value, index = getattr(x, name)(1)
            assert np.isnan(getattr(x, name)().item()) and np.isnan(value.item()) and index.item() == 1


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
@given(case=arrays_and_dims())
def test_softmax(function: Callable[..., mg.Tensor], device: str, case: tuple[np.ndarray, int]) -> None:
    x, dim = case
    definition = getattr(definitions, function.__name__)
    check_operation(lambda t: function(t, dim), lambda a: definition(a, dim), [x], device, scale=float(np.abs(x).max()))


def test_softmax_of_far_logits(device: str) -> None:
    logits = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4]])
    for dtype in (np.float32, np.float64):
        x = mg.tensor(logits.astype(dtype), device=device)
        np.testing.assert_allclose(F.softmax(x, 1).numpy(), [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
        np.testing.assert_allclose(F.log_softmax(x, 1).numpy(), [[0, -1e4, -2e4], [-np.log(3)] * 3], rtol=1e-6)


@pytest.mark.parametrize("dims", [(0, 2, 3), (2, 3), (0,), (1,), (3,), (0, 1), (1, 2, 3), (0, 1, 2, 3)])
def test_sums_large_enough_to_be_shared_out(dims: tuple[int, ...], device: str) -> None:
    array = moderate((37, 12, 10, 9), 0)
    for order in (lambda t: t, chwn):
        for keepdim in (False, True):
            y = order(mg.tensor(array, device=device)).sum(dims, keepdim)
            assert_close(y, array.sum(axis=dims, keepdims=keepdim), scale=100)


def test_empty_sum_is_nought_and_empty_mean_is_nan(device: str) -> None:
    x = mg.zeros(0, 3, device=device)
    assert x.sum().item() == 0 and np.isnan(x.mean().item())
    np.testing.assert_array_equal(x.sum(0).numpy(), [0, 0, 0])


def test_sum_of_infinities_is_nan_without_a_warning(device: str) -> None:
    x = mg.tensor(np.array([np.inf, -np.inf]), device=device)
    assert np.isnan(x.sum().item()) and np.isnan(x.mean().item())


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
def test_softmax_of_minus_infinity_and_nan(function: Callable[..., mg.Tensor], device: str) -> None:
    x = mg.tensor(np.array([[-np.inf, 0, 0], [np.nan, 0, 0]]), device=device)
    y = function(x, 1).numpy()
    expected = [0, 0.5, 0.5] if function is F.softmax else [-np.inf, -np.log(2), -np.log(2)]
    np.testing.assert_allclose(y[0], expected, rtol=1e-12)
    assert np.isnan(y[1]).all()


def test_large_float32_sums_are_accurate(device: str) -> None:
    """A million tenths added one after another in float32 are off by one percent."""
    array = np.full((1000, 1000), 0.1, np.float32)
    exact = float(array.astype(np.float64).sum())
    x = mg.tensor(array, device=device)
    assert abs(x.sum().item() - exact) < 1e-5 * exact
    assert abs(x.mean().item() - exact / 1e6) < 1e-5 * exact / 1e6
    np.testing.assert_allclose(x.sum(0).numpy(), np.full(1000, exact / 1000), rtol=1e-5)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "argmax", "argmin"])
def test_dim_that_is_not_there_complains(name: str) -> None:
    with complains("2"):
        getattr(mg.zeros(3, 4), name)(2)
    with complains("-3"):
        getattr(mg.zeros(3, 4), name)(-3)


def test_same_dim_twice_complains() -> None:
    with complains("1"):
        mg.zeros(3, 4).sum((1, -1))


def test_softmax_of_a_dim_that_is_not_there_complains() -> None:
    with complains("2"):
        F.softmax(mg.zeros(3, 4), 2)


def test_maximum_of_nothing_complains() -> None:
    with complains():
        mg.zeros(0, 3).max(0)
    with complains():
        mg.zeros(0).max()


def test_mean_of_integers_complains() -> None:
    with complains("int64", error=TypeError):
        mg.tensor(np.array([1, 2])).mean()


@pytest.mark.parametrize("shape, dim", [((0, 3), 1), ((3, 0), 0), ((2, 0, 3), -1)])
def test_maxima_of_no_rows_are_empty(shape: tuple[int, ...], dim: int, device: str) -> None:
    """A batch of none has no predictions; that is no error."""
    x = mg.zeros(*shape, device=device, requires_grad=True)
    values, indices = x.max(dim)
    expected = np.zeros(shape).max(dim).shape
    assert values.numpy().shape == indices.numpy().shape == x.argmax(dim).numpy().shape == expected
    assert indices.dtype == np.int64
    values.sum().backward()
    assert x.grad is not None and x.grad.numpy().shape == shape


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
@pytest.mark.parametrize("shape, dim", [((0, 3), 0), ((3, 0), 1), ((0, 3), 1)])
def test_softmax_of_nothing_is_empty(
    function: Callable[..., mg.Tensor], shape: tuple[int, ...], dim: int, device: str
) -> None:
    x = mg.zeros(*shape, device=device, requires_grad=True)
    y = function(x, dim)
    assert y.numpy().shape == shape
    y.sum().backward()
    assert x.grad is not None and x.grad.numpy().shape == shape


def test_keepdim_holds_for_the_maximum_of_everything(device: str) -> None:
    x = mg.tensor(np.arange(6.0).reshape(2, 3), device=device, requires_grad=True)
    y = x.max(keepdim=True)
    assert y.shape == (1, 1) and y.item() == 5
    y.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [[0, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("shape", [(), (2,)])
def test_sums_of_small_integers_are_int64(shape: tuple[int, ...], device: str) -> None:
    x = mg.ones(*shape, dtype=np.uint8, device=device)
    assert x.sum().dtype == np.int64
    np.testing.assert_array_equal(x.sum(()).numpy(), x.numpy())  # over no axis, as in NumPy
