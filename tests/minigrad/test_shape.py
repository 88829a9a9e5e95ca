"""reshape, flatten, transpose, indexing and cat."""

from __future__ import annotations

import numpy as np
import pytest
from checks import check_indexing, check_operation, chwn, complains, in_orders
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    Index,
    Shape,
    any_shape,
    array_indices,
    arrays,
    batch_shapes,
    indices,
    moderate,
    regroupings,
    seeds,
    shapes,
)

import minigrad as mg


@given(pair=regroupings(), seed=seeds)
def test_reshape(device: str, pair: tuple[Shape, Shape], seed: int) -> None:
    before, after = pair
    check_operation(lambda t: t.reshape(*after), lambda a: a.reshape(after), [moderate(before, seed)], device)


@pytest.mark.parametrize("shape", [(-1,), (2, -1), (-1, 3), (17, -1), (17, 2, -1), (17, 3, 2), (2, 17, 3), (6, 17)])
def test_reshape_of_a_batch(shape: Shape, device: str) -> None:
    """Some keep axis 0 and so the memory order; the rest must put the elements back in C order first."""
    check_operation(lambda t: t.reshape(*shape), lambda a: a.reshape(shape), [moderate((17, 2, 3), 0)], device)


def test_reshape_takes_a_tuple() -> None:
    assert mg.zeros(2, 3).reshape((3, 2)).shape == (3, 2)


def test_reshape_to_another_size_complains() -> None:
    with complains("(2, 3)", "(4, 2)"):
        mg.zeros(2, 3).reshape(4, 2)
    with complains("(2, 3)"):
        mg.zeros(2, 3).reshape(4, -1)
    with complains("-1"):
        mg.zeros(2, 3).reshape(-1, -1)


@pytest.mark.parametrize(
    "start, shape", [(0, (68 * 3,)), (1, (17, 12)), (2, (17, 2, 6)), (-1, (17, 2, 3, 2)), (-2, (17, 2, 6))]
)
def test_flatten(start: int, shape: Shape, device: str) -> None:
    check_operation(lambda t: t.flatten(start), lambda a: a.reshape(shape), [moderate((17, 2, 3, 2), 0)], device)


def test_flatten_without_an_argument_gives_one_dim() -> None:
    assert mg.zeros(2, 3, 4).flatten().shape == (24,)
    assert mg.tensor(1.0).flatten().shape == (1,)


@given(x=arrays(st.one_of(shapes(1, 4), batch_shapes())), data=st.data())
def test_transpose(device: str, x: np.ndarray, data: st.DataObject) -> None:
    dims = data.draw(st.tuples(*[st.integers(-x.ndim, x.ndim - 1)] * 2))
    check_operation(lambda t: t.transpose(*dims), lambda a: np.swapaxes(a, *dims), [x], device)


def test_transpose_of_a_dim_that_is_not_there_complains() -> None:
    with complains("2"):
        mg.zeros(2, 3).transpose(0, 2)


@given(x=arrays(any_shape), data=st.data())
def test_indexing(device: str, x: np.ndarray, data: st.DataObject) -> None:
    index = data.draw(indices(x.shape))
    check_operation(lambda t: t[index], lambda a: a[index], [x], device)


@given(x=arrays(st.one_of(shapes(1), batch_shapes())), data=st.data())
def test_indexing_by_arrays(device: str, x: np.ndarray, data: st.DataObject) -> None:
    check_indexing(x, data.draw(array_indices(x.shape)), device)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.bool_, np.float32])
def test_arrays_take_elements_of_any_dtype(dtype: type, device: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    taken = mg.tensor(array, device=device)[:, [3, 0, -1]]
    assert taken.dtype == dtype and str(taken.device) == device
    np.testing.assert_array_equal(taken.numpy(), array[:, [3, 0, -1]])


def test_taking_nothing(device: str) -> None:
    """Of some rows, and of none."""
    for length in (3, 0):
        x = mg.zeros(length, 2, device=device, requires_grad=True)
        taken = x[np.zeros((4, 0), np.int64)]
        assert taken.shape == (4, 0, 2)
        taken.sum().backward()
        assert x.grad is not None and x.grad.tolist() == [[0, 0]] * length
    assert mg.zeros(3, 0, device=device)[[2, 2]].shape == (2, 0)


def test_indices_of_another_device(device: str) -> None:
    x = mg.tensor(np.arange(3.0), device=device, requires_grad=True)
    for place in ("cpu:1", "cuda:1", "reference:0"):
        taken = x[mg.tensor([2, -3, 2], place)]
        assert taken.tolist() == [2, 0, 2] and str(taken.device) == device


@pytest.mark.parametrize("place", ["cpu:0", "cuda:0", "reference:0"])
@pytest.mark.parametrize("wrong", [3, -4, 2**40])
def test_an_array_with_an_index_out_of_range_complains(wrong: int, place: str, device: str) -> None:
    """Wherever the indices are: a kernel does not look."""
    with complains(f"index {wrong} ", "length 3", error=IndexError):
        mg.zeros(2, 3, device=device)[:, mg.tensor([[0], [wrong]], place)]
    with complains("index 0 ", "length 0", error=IndexError):
        mg.zeros(0, device=device)[mg.tensor([0], place)]


def test_a_sum_of_many_gradients_is_accurate(device: str) -> None:
    """A hundred thousand tenths added one after another in float32 are off by a thousandth."""
    x = mg.zeros(2, dtype=np.float32, device=device, requires_grad=True)
    x[np.zeros(100_000, np.int64)].backward(mg.full((100_000,), 0.1, device=device))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [10_000, 0], rtol=1e-6)


@pytest.mark.parametrize("index", [
    0, -1, 16, slice(3, 9), slice(None, None, -1), slice(None, None, 5), (slice(None), 1), (slice(None), slice(1, 3)),
    (slice(None), slice(None, None, 2), slice(None, None, -1)), (..., 0), (..., slice(1, None)), (3, ..., 1), ...,
    (slice(2, 4), 2, 0, 1), (0, 0, 0, 0), slice(-5, None), slice(2, 1000), (),
])  # fmt: skip
def test_indexing_a_batch(index: Index | tuple[Index, ...], device: str) -> None:
    check_operation(lambda t: t[index], lambda a: a[index], [moderate((17, 3, 2, 2), 0)], device)


def test_empty_slice_has_no_elements_and_no_gradient(device: str) -> None:
    for order in (False, True):
        x = mg.tensor(np.ones((3, 2)), device=device, requires_grad=True)
        y = in_orders(lambda t: t[2:1], [order])(x)
        assert y.shape == (0, 2) and y.numpy().shape == (0, 2)
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), np.zeros((3, 2)))


@pytest.mark.parametrize("index", [3, -4, (0, 2), (..., 5), (0, 0, 0)])
def test_index_out_of_range_complains(index: Index | tuple[Index, ...]) -> None:
    with complains(error=IndexError):
        mg.zeros(3, 2)[index]


@pytest.mark.parametrize(
    "index", [1.0, "a", True, (..., ...), np.array([True, False, True]), [0.5], [3], ([0, 1], [0, 1, 0])]
)
def test_other_indices_complain(index: object) -> None:
    with complains(error=(TypeError, IndexError)):
        mg.zeros(3, 2)[index]


def test_numpy_integers_index() -> None:
    x = mg.tensor(np.arange(4.0))
    assert x[np.int64(2)].item() == 2


def test_a_tensor_can_be_unpacked_and_iterated() -> None:
    first, second = mg.tensor(np.array([1.0, 2.0]))
    assert (first.item(), second.item()) == (1, 2)
    assert [row.shape for row in mg.zeros(3, 2)] == [(2,)] * 3


def test_zero_step_complains() -> None:
    with complains("step"):
        mg.zeros(3)[::0]


@given(shape=st.one_of(shapes(1, 4), batch_shapes()), data=st.data(), seed=seeds)
def test_cat(device: str, shape: Shape, data: st.DataObject, seed: int) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    sides = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    axis = dim % len(shape)
    parts = [moderate((*shape[:axis], side, *shape[axis + 1 :]), seed + n) for n, side in enumerate(sides)]
    check_operation(lambda *ts: mg.cat(list(ts), dim), lambda *parts: np.concatenate(parts, dim), parts, device)


def test_cat_joins_along_axis_0_unless_told() -> None:
    assert mg.cat([mg.zeros(2, 3), mg.zeros(1, 3)]).shape == (3, 3)


def test_cat_of_one_tensor_twice(device: str) -> None:
    x = mg.tensor(np.array([1.0, 2.0]), device=device, requires_grad=True)
    mg.cat([x, x]).backward(mg.tensor(np.array([1.0, 2.0, 10.0, 20.0]), device=device))
    np.testing.assert_array_equal(x.grad.numpy(), [11, 22])


def test_cat_where_only_one_part_requires_grad(device: str) -> None:
    x = mg.tensor(np.ones((2, 2)), device=device, requires_grad=True)
    y = mg.cat([mg.zeros(2, 1, dtype=np.float64, device=device), x], dim=1)
    y.backward(mg.tensor(np.arange(6.0).reshape(2, 3), device=device))
    np.testing.assert_array_equal(x.grad.numpy(), [[1, 2], [4, 5]])


def test_cat_of_misfits_complains() -> None:
    with complains("(2, 3)", "(2, 4)"):
        mg.cat([mg.zeros(2, 3), mg.zeros(2, 4)])
    with complains():
        mg.cat([])
    with complains("3"):
        mg.cat([mg.zeros(2, 3)], dim=3)


def test_cat_keeps_integers() -> None:
    parts = [mg.tensor(np.array([1, 2])), mg.tensor(np.array([3]))]
    joined = mg.cat(parts)
    assert joined.dtype == np.int64
    np.testing.assert_array_equal(joined.numpy(), [1, 2, 3])


def test_indexing_then_joining_gives_the_whole_back(device: str) -> None:
    """The two columns of the net: slices of the channels, joined again."""
    array = moderate((17, 4, 2, 2), 0)
    for order in (False, True):
        x = mg.tensor(array, device=device, requires_grad=True)
        y = chwn(x) if order else x
        both = mg.cat([y[:, :1], y[:, 1:]], dim=1)
        np.testing.assert_array_equal(both.numpy(), array)
        both.backward(mg.tensor(array * 2, device=device))
        np.testing.assert_array_equal(x.grad.numpy(), array * 2)


@pytest.mark.parametrize("dims", [(1,), (-2,), (0, 1)])
def test_flatten_of_a_number_knows_its_axes(dims: tuple[int, ...]) -> None:
    with complains(error=IndexError):
        mg.tensor(1.0).flatten(*dims)
    assert mg.tensor(1.0).flatten(-1, 0).shape == (1,)


@pytest.mark.parametrize(
    "index, error", [(slice(0.5, None), TypeError), (slice("a"), TypeError), (slice(None, None, 0), ValueError)]
)
def test_slices_that_are_none_complain(index: slice, error: type[Exception], device: str) -> None:
    with complains("slice(", error=error):
        mg.zeros(3, 2, device=device)[:, index]


def test_cat_says_what_stands_among_the_tensors() -> None:
    with complains("ndarray", error=TypeError):
        mg.cat([mg.zeros(2), np.zeros(2)])  # type: ignore[list-item]


def test_elements_are_not_assigned() -> None:
    """An in-place operator on a part would change a copy: it ends in the same sentence, and changes nothing."""
    x = mg.tensor([1.0, 2.0, 3.0])
    with complains("not assigned", "mg.where", error=TypeError):
        x[0] = 9.0
    with complains("not assigned", error=TypeError):
        x[1:3] += 1
    assert x.tolist() == [1, 2, 3]
    x = mg.where(mg.arange(len(x)) == 0, 9.0, x)  # what the sentence says
    assert x.tolist() == [9, 2, 3]


def test_masks_are_no_indices() -> None:
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    mask = x > 1
    for index in (mask, [True, False], (slice(None), np.array([True, False]))):
        with complains("mask", "mg.where(mask, x, 0)", "np.flatnonzero", error=TypeError):
            x[index]
    assert x.flatten()[np.flatnonzero(mask.numpy())].tolist() == [2, 3, 4]
    assert mg.where(mask, x, 0).tolist() == [[0, 2], [3, 4]]
