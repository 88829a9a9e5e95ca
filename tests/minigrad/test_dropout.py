"""Dropout: both scalings, masks that depend on seed and place alone, and a gradient through the same mask."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checks import check_dropout, chwn, complains, dropout_mask
from hypothesis import given
from hypothesis import strategies as st
from strategies import apart, arrays, batch_shapes, seeds, shapes

import minigrad as mg
import minigrad.functional as F
from minigrad.random import default_generator

SCALINGS = ["train", "test"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("scale_at", SCALINGS)
@given(x=arrays(st.one_of(shapes(1), batch_shapes()), apart), p=st.sampled_from([0.5, 0.2, 0.0]), seed=seeds)
def test_dropout(training: bool, scale_at: str, device: str, x: np.ndarray, p: float, seed: int) -> None:
    check_dropout(x, p, training, scale_at, seed, device)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_share_that_is_dropped(p: float, device: str) -> None:
    kept = dropout_mask((100, 200), p, 0, device)
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / kept.size)


def test_neighbours_drop_independently(device: str) -> None:
    kept = dropout_mask((200, 200), 0.5, 0, device).astype(float) - 0.5
    for shift in ((0, 1), (1, 0), (0, 2), (0, 4)):
        correlation = np.mean(kept * np.roll(kept, shift, axis=(0, 1))) * 4
        assert abs(correlation) < 5 / 200


def test_mask_depends_on_the_seed(device: str) -> None:
    assert np.array_equal(dropout_mask((30, 30), 0.5, 1, device), dropout_mask((30, 30), 0.5, 1, device))
    assert not np.array_equal(dropout_mask((30, 30), 0.5, 1, device), dropout_mask((30, 30), 0.5, 2, device))


def test_every_draw_has_a_mask_of_its_own(device: str) -> None:
    x = mg.ones(30, 30, device=device)
    first, second = F.dropout(x).numpy(), F.dropout(x).numpy()
    assert 0.3 < np.mean((first != 0) == (second != 0)) < 0.7


@given(shape=batch_shapes(2, 4, 5), seed=seeds)
def test_mask_is_the_same_in_both_memory_orders_and_dtypes(device: str, shape: tuple[int, ...], seed: int) -> None:
    kept = dropout_mask(shape, 0.5, seed, device)
    for dtype in (np.float32, np.float64):
        mg.manual_seed(seed)
        y = F.dropout(chwn(mg.ones(*shape, device=device, dtype=dtype)))
        np.testing.assert_array_equal(y.numpy() != 0, kept)


def test_mask_is_the_same_on_both_devices() -> None:
    assert np.array_equal(dropout_mask((17, 9), 0.5, 5, "cpu:0"), dropout_mask((17, 9), 0.5, 5, "cpu:1"))


def test_mask_belongs_to_the_place_in_c_order(device: str) -> None:
    """The same number of values under another shape: the same mask, read in row order."""
    np.testing.assert_array_equal(
        dropout_mask((6, 4), 0.5, 5, device).ravel(), dropout_mask((2, 3, 2, 2), 0.5, 5, device).ravel()
    )


def test_large_arrays_begin_with_the_mask_of_small_ones(device: str) -> None:
    """However many threads share the work."""
    small, large = dropout_mask((40, 7), 0.5, 5, device), dropout_mask((9000, 7), 0.5, 5, device)
    np.testing.assert_array_equal(large[:40], small)
    mg.manual_seed(5)
    y = F.dropout(chwn(mg.ones(9000, 7, device=device)))
    np.testing.assert_array_equal(y.numpy() != 0, large)


@pytest.mark.parametrize("order", [lambda x: x, chwn])
@pytest.mark.parametrize("features", [(4,), (3,), (2, 3, 5)])
def test_parts_of_a_batch_drop_what_the_whole_drops(
    features: tuple[int, ...], order: Callable[[mg.Tensor], mg.Tensor], device: str
) -> None:
    """Forward and back, in both memory orders."""
    x = np.ones((9, *features), np.float32)
    mg.manual_seed(5)
    whole, after = F.dropout(mg.tensor(x, device=device)).numpy(), default_generator.state()
    for start, stop in ((0, 4), (4, 5), (5, 9)):
        mg.manual_seed(5)
        part = mg.tensor(x[start:stop], device=device, requires_grad=True)
        with default_generator.rows_from(start):
            y = F.dropout(order(part))
        y.sum().backward()
        np.testing.assert_array_equal(y.numpy(), whole[start:stop])
        np.testing.assert_array_equal(part.grad.numpy(), whole[start:stop])
        assert default_generator.state() == after


def test_gradient_passes_where_the_value_did(device: str) -> None:
    """Also when other masks were drawn in between."""
    x = mg.tensor(np.ones((17, 9)), device=device, requires_grad=True)
    y = F.dropout(x, 0.5)
    F.dropout(x.detach(), 0.5)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.numpy())


def test_evaluation_draws_nothing(device: str) -> None:
    x = mg.ones(30, 30, device=device)
    mg.manual_seed(1)
    expected = F.dropout(x).numpy()
    mg.manual_seed(1)
    for scale_at in SCALINGS:
        F.dropout(x, 0.5, False, scale_at=scale_at)
    np.testing.assert_array_equal(F.dropout(x).numpy(), expected)


def test_everything_or_nothing(device: str) -> None:
    x = mg.tensor(np.full((3, 4), 2.0), device=device)
    np.testing.assert_array_equal(F.dropout(x, 0.0).numpy(), np.full((3, 4), 2))
    np.testing.assert_array_equal(F.dropout(x, 1.0, scale_at="test").numpy(), np.zeros((3, 4)))
    np.testing.assert_array_equal(F.dropout(x, 1.0).numpy(), np.zeros((3, 4)))


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_impossible_probability_complains(p: float) -> None:
    with complains(str(p), error=ValueError):
        F.dropout(mg.ones(2), p)


def test_unknown_scaling_complains() -> None:
    with complains("both", "train", "test", error=ValueError):
        F.dropout(mg.ones(2), 0.5, True, scale_at="both")


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (1, 1), (5,), (3, 4), (2, 6), (7, 5)])
def test_every_shape_and_order_draws_the_same_words(shape: tuple[int, ...], device: str) -> None:
    mg.manual_seed(3)
    expected = F.dropout(mg.ones(int(np.prod(shape)), device=device), 0.4).numpy().reshape(shape)
    for order in (lambda t: t, chwn if np.prod(shape) else lambda t: t):
        mg.manual_seed(3)
        np.testing.assert_array_equal(F.dropout(order(mg.ones(shape, device=device)), 0.4).numpy(), expected)
