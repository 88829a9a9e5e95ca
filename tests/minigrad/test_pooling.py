"""max_pool2d and avg_pool2d: windows that overlap, overhang and reach into the padding; ties; NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from checks import check_avg_pool2d, check_max_pool2d, check_operation, chwn, complains
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import PoolCase, apart, moderate, pool_cases, seeds

import minigrad as mg
import minigrad.functional as F

POOLS = [F.max_pool2d, F.avg_pool2d]
PAPER = PoolCase((17, 2, 7, 7), 3, 2, 0, False, 0)
CIFAR = PoolCase((2, 2, 8, 8), 3, 2, 0, True, 0)
CEIL_DROPS_THE_LAST = PoolCase((1, 1, 3, 3), 1, 2, 0, True, 0)
CEIL_IN_RIGHT_PADDING = PoolCase((1, 1, 4, 5), 2, 3, 1, True, 0)
GAPS = PoolCase((17, 1, 8, 7), (2, 1), (3, 3), (1, 0), True, 0)
SEEN = [slice(0, 1), slice(1, 4)]  # of four pixels, by windows of three that begin at -2 and 1
START = PoolCase((17, 1, 6, 6), 4, 4, (2, 0, 2, 0), True, 0)  # cuda-convnet's sizeX=4, stride=4, start=-2


@given(case=pool_cases())
@example(PAPER)
@example(CIFAR)
@example(CEIL_DROPS_THE_LAST)
@example(CEIL_IN_RIGHT_PADDING)
@example(GAPS)
@example(START)
def test_max_pool2d(device: str, case: PoolCase) -> None:
    check_max_pool2d(case, apart(case.x_shape, case.seed), device)


@given(case=pool_cases(), count_include_pad=st.booleans())
@example(PAPER, True)
@example(CIFAR, False)
@example(CEIL_DROPS_THE_LAST, True)
@example(CEIL_IN_RIGHT_PADDING, True)
@example(CEIL_IN_RIGHT_PADDING, False)
@example(GAPS, True)
@example(START, False)
def test_avg_pool2d(device: str, case: PoolCase, count_include_pad: bool) -> None:
    check_avg_pool2d(case, moderate(case.x_shape, case.seed), count_include_pad, device)


def test_maxima_of_negative_values_do_not_see_the_padding(device: str) -> None:
    x = mg.tensor(np.full((1, 1, 3, 3), -5.0), device=device)
    np.testing.assert_array_equal(F.max_pool2d(x, 3, 2, 1).numpy(), np.full((1, 1, 2, 2), -5))


def test_gradient_of_a_tie_goes_to_the_first_in_row_order(device: str) -> None:
    for order in (lambda t: t, chwn):
        x = mg.tensor(np.zeros((17, 1, 4, 4)), device=device, requires_grad=True)
        F.max_pool2d(order(x), 2).backward(mg.tensor(np.full((17, 1, 2, 2), 3.0), device=device))
        expected = np.zeros((4, 4))
        expected[::2, ::2] = 3
        np.testing.assert_array_equal(x.grad.numpy(), np.broadcast_to(expected, (17, 1, 4, 4)))


def test_gradient_of_a_tie_in_clipped_windows(device: str) -> None:
    """The first place of a window is the first that lies in the image."""
    x = mg.tensor(np.zeros((1, 1, 3, 3)), device=device, requires_grad=True)
    F.max_pool2d(x, 2, 2, 1).backward(mg.tensor(np.array([[[[1.0, 2], [3, 4]]]]), device=device))
    np.testing.assert_array_equal(x.grad.numpy()[0, 0], [[1, 2, 0], [3, 4, 0], [0, 0, 0]])


def test_the_largest_of_two_windows_gets_both_gradients(device: str) -> None:
    array = np.zeros((1, 1, 5, 5))
    array[0, 0, 2, 2] = 1
    x = mg.tensor(array, device=device, requires_grad=True)
    F.max_pool2d(x, 3, 2).backward(mg.tensor(np.array([[[[1.0, 2], [3, 4]]]]), device=device))
    assert x.grad.numpy()[0, 0, 2, 2] == 10 and x.grad.numpy().sum() == 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 17])
def test_nan_wins_every_window_that_it_is_in(dtype: type, n: int, device: str) -> None:
    """Wherever in the window it stands: last, first or in the middle."""
    for place in range(9):
        array = np.zeros((n, 1, 3, 3), dtype)
        array[0, 0, place // 3, place % 3] = np.nan
        y = F.max_pool2d(mg.tensor(array, device=device), 3).numpy()
        assert np.isnan(y[0, 0, 0, 0]) and (y[1:] == 0).all()


def test_minus_infinity_is_a_value_like_others(device: str) -> None:
    x = mg.tensor(np.full((2, 1, 2, 2), -np.inf), device=device, requires_grad=True)
    y = F.max_pool2d(x, 2)
    np.testing.assert_array_equal(y.numpy(), np.full((2, 1, 1, 1), -np.inf))
    y.backward(mg.tensor(np.ones((2, 1, 1, 1)), device=device))
    np.testing.assert_array_equal(x.grad.numpy(), np.broadcast_to([[1.0, 0], [0, 0]], (2, 1, 2, 2)))


@pytest.mark.parametrize("pool", POOLS)
def test_sizes_in_the_paper_and_in_cuda_convnet(pool: Callable[..., mg.Tensor]) -> None:
    for ceil_mode, sizes in ((False, (55, 27, 13, 6)), (True, (55, 27, 13, 6)), (True, (32, 16, 8, 4))):
        for before, after in pairwise(sizes):
            assert pool(mg.zeros(1, 1, before, before), 3, 2, ceil_mode=ceil_mode).shape == (1, 1, after, after)


def test_average_of_the_part_inside_the_image(device: str) -> None:
    """cuda-convnet's average pooling: ceil, and the divisor counts what the window covers of the image."""
    x = mg.ones(1, 1, 8, 8, device=device)
    np.testing.assert_array_equal(F.avg_pool2d(x, 3, 2, ceil_mode=True).numpy(), np.ones((1, 1, 4, 4)))


@pytest.mark.parametrize("pool", POOLS)
def test_pooling_one_pixel_is_the_identity(pool: Callable[..., mg.Tensor], device: str) -> None:
    array = moderate((17, 3, 4, 5), 0)
    np.testing.assert_array_equal(pool(mg.tensor(array, device=device), 1).numpy(), array)


@pytest.mark.parametrize("pool", POOLS)
def test_padding_of_more_than_half_a_window_complains(pool: Callable[..., mg.Tensor]) -> None:
    with complains("padding", "2", "3"):
        pool(mg.zeros(1, 1, 6, 6), 3, 1, 2)


@pytest.mark.parametrize("pool", POOLS)
def test_windows_that_begin_outside_the_image(pool: Callable[..., mg.Tensor], device: str) -> None:
    """cuda-convnet's start=-p: padding on the top and left alone, of up to a window less a pixel."""
    assert pool(mg.zeros(1, 1, 30, 30), 4, 4, (2, 0, 2, 0), ceil_mode=True).shape == (1, 1, 8, 8)
    x = mg.tensor(np.arange(1.0, 17).reshape(1, 1, 4, 4), device=device)
    options = {"count_include_pad": False} if pool is F.avg_pool2d else {}
    y = pool(x, 3, 3, (2, 0, 2, 0), ceil_mode=True, **options).numpy()[0, 0]
    clipped = [[x.numpy()[0, 0, rows, columns] for columns in SEEN] for rows in SEEN]
    reduce = np.mean if pool is F.avg_pool2d else np.max
    np.testing.assert_allclose(y, [[reduce(window) for window in row] for row in clipped], rtol=1e-12)


@pytest.mark.parametrize("pool", POOLS)
def test_padding_of_a_window_on_a_side_complains(pool: Callable[..., mg.Tensor]) -> None:
    assert pool(mg.zeros(1, 1, 6, 6), (3, 4), 1, (2, 2, 3, 3)).shape == (1, 1, 8, 9)
    for padding in ((3, 0, 0, 0), (0, 3, 0, 0), (0, 0, 4, 0), [0, 0, 0, 4]):
        with complains("padding", str(padding), "(3, 4)"):
            pool(mg.zeros(1, 1, 6, 6), (3, 4), 1, padding)
    with complains("padding", "-1"):
        pool(mg.zeros(1, 1, 6, 6), 3, 1, (0, -1, 0, 0))


@pytest.mark.parametrize("pool", POOLS)
def test_window_larger_than_the_image_complains(pool: Callable[..., mg.Tensor]) -> None:
    with complains("pool2d", "5", "4"):
        pool(mg.zeros(1, 1, 4, 4), 5)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("arguments", [(0,), (-1,), (2, 0), (2, -1), (2, 1, -1), ((1, 2, 3),), ("a",), (1.5,)])
def test_impossible_windows_complain(pool: Callable[..., mg.Tensor], arguments: tuple[object, ...]) -> None:
    with complains():
        pool(mg.zeros(1, 1, 4, 4), *arguments)


@pytest.mark.parametrize("pool", POOLS)
def test_wrong_number_of_dims_complains(pool: Callable[..., mg.Tensor]) -> None:
    with complains("pool2d", "(4, 4)"):
        pool(mg.zeros(4, 4), 2)


@pytest.mark.parametrize("pool", POOLS)
def test_integers_complain(pool: Callable[..., mg.Tensor]) -> None:
    with complains("int64", error=TypeError):
        pool(mg.tensor(np.zeros((1, 1, 4, 4), np.int64)), 2)


def adaptive_means(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Every window by itself, from floor to ceil, as PyTorch's documentation of the layer has them."""
    y = np.empty((*x.shape[:2], height, width), x.dtype)
    for i, j in np.ndindex(height, width):
        rows = slice(i * x.shape[2] // height, math.ceil((i + 1) * x.shape[2] / height))
        columns = slice(j * x.shape[3] // width, math.ceil((j + 1) * x.shape[3] / width))
        y[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
    return y


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)),
    size=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    seed=seeds,
)
@example((17, 2, 6, 6), (3, 2), 0)
@example((2, 1, 3, 5), (4, 2), 0)
def test_adaptive_avg_pool2d(device: str, shape: tuple[int, ...], size: tuple[int, int], seed: int) -> None:
    check_operation(
        lambda t: F.adaptive_avg_pool2d(t, size), lambda a: adaptive_means(a, *size), [moderate(shape, seed)], device
    )


@pytest.mark.parametrize("size", [1, 4, 7, 9, (3, None), (None, 2), (None, None), None, (1, 6)])
def test_adaptive_windows_are_pytorchs(size: object) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = moderate((2, 3, 7, 6), 0)
    theirs = torch.nn.functional.adaptive_avg_pool2d(torch.tensor(x), size if size is not None else (None, None))
    np.testing.assert_allclose(F.adaptive_avg_pool2d(mg.tensor(x), size).numpy(), theirs.numpy(), rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", [0, -1, 1.5, "1", (1, 2, 3), (2, 0), True])
def test_impossible_adaptive_sizes_complain(size: object) -> None:
    with complains("adaptive_avg_pool2d", "output_size", repr(size[1] if size == (2, 0) else size)):
        F.adaptive_avg_pool2d(mg.ones(1, 1, 4, 4), size)


def test_nothing_is_averaged_adaptively() -> None:
    with complains("adaptive_avg_pool2d", "(1, 1, 0, 4)"):
        F.adaptive_avg_pool2d(mg.ones(1, 1, 0, 4), 2)
    with complains("adaptive_avg_pool2d", "(3, 4)"):
        F.adaptive_avg_pool2d(mg.ones(3, 4), 2)
