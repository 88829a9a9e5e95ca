"""Local response normalisation, with alpha near 1 for each term: at 1e-4 one missing from a window goes unseen."""

from __future__ import annotations

import numpy as np
import pytest
from checks import (
    assert_close,
    check_local_response_norm,
    check_operation,
    check_within_map_response_norm,
    complains,
)
from hypothesis import given
from hypothesis import strategies as st
from strategies import Shape, arrays, batch_shapes, batches, moderate, seeds

import minigrad as mg
import minigrad.functional as F


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    """Few pixels and many channels, more and fewer than the window has."""
    shape = (draw(batches), draw(st.integers(1, 9)), draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    return moderate(shape, draw(seeds))


@given(
    x=images(),
    size=st.integers(1, 7),
    alpha=st.sampled_from([0.5, 1.0, 3.0]),
    beta=st.sampled_from([0.75, 0.5, 1.0, 0.6, 2.0]),
    k=st.sampled_from([1.0, 2.0, 0.75]),
)
def test_local_response_norm(device: str, x: np.ndarray, size: int, alpha: float, beta: float, k: float) -> None:
    check_local_response_norm(x, size, alpha, beta, k, device)


@pytest.mark.parametrize("shape", [(17, 48, 2, 2), (1, 20, 3, 3)])
def test_paper_s_constants(shape: Shape, device: str) -> None:
    check_local_response_norm(moderate(shape, 0) * 50, 5, 5e-4, 0.75, 2.0, device)


def test_large_activations_stay_finite(device: str) -> None:
    """Raw 0-255 images give activations of thousands, whose squares still fit a float32."""
    array = moderate((17, 6, 2, 2), 0).astype(np.float32) * 1e5
    x = mg.tensor(array, device=device, requires_grad=True)
    y = F.local_response_norm(x, 5, 1.0, 0.75, 2.0)
    y.sum().backward()
    assert np.isfinite(y.numpy()).all() and np.isfinite(x.grad.numpy()).all()


def test_defaults_are_those_of_the_field(device: str) -> None:
    x = mg.tensor(moderate((2, 6, 2, 2), 0) * 100, device=device)
    explicit = F.local_response_norm(x, 5, 1e-4, 0.75, 1.0).numpy()
    np.testing.assert_array_equal(F.local_response_norm(x, 5).numpy(), explicit)


def test_one_channel_alone(device: str) -> None:
    """size 1: every value is normalised by itself."""
    array = moderate((3, 4, 1, 2), 0)
    y = F.local_response_norm(mg.tensor(array, device=device), 1, 2.0, 0.5, 1.0)
    assert_close(y, array / np.sqrt(1 + 2 * array**2))


def test_nan_reaches_its_window_and_no_further(device: str) -> None:
    for dtype in (np.float32, np.float64):
        array = moderate((17, 9, 1, 1), 0).astype(dtype)
        array[2, 4] = np.nan
        y = F.local_response_norm(mg.tensor(array, device=device), 5, 1.0, 0.75, 2.0).numpy()
        assert np.isnan(y[2, 2:7]).all()
        assert np.isfinite(y[2, :2]).all() and np.isfinite(y[2, 7:]).all() and np.isfinite(np.delete(y, 2, 0)).all()


@pytest.mark.parametrize("size", [0, -1, 1.5])
def test_impossible_size_complains(size: object) -> None:
    with complains("size"):
        F.local_response_norm(mg.zeros(1, 3, 2, 2), size)


def test_vector_complains() -> None:
    with complains("(3,)"):
        F.local_response_norm(mg.zeros(3), 5)


@given(x=arrays(batch_shapes(4, 4)))
def test_normalised_values_go_on_through_the_next_operation(device: str, x: np.ndarray) -> None:
    def squares(a: np.ndarray) -> np.ndarray:
        return (a / (2 + a**2) ** 0.75) ** 2

    check_operation(lambda t: F.local_response_norm(t, 1, 1.0, 0.75, 2.0) ** 2, squares, [x], device)


# within a map


@st.composite
def maps(draw: st.DrawFn) -> np.ndarray:
    """Few channels and many pixels, with sides longer and shorter than a window."""
    shape = (draw(batches), draw(st.integers(1, 2)), draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    return moderate(shape, draw(seeds))


@given(
    x=maps(),
    size=st.integers(1, 6),
    strength=st.sampled_from([0.5, 1.0, 3.0]),
    beta=st.sampled_from([0.75, 0.5, 0.6, 2.0]),
    k=st.sampled_from([1.0, 2.0, 0.75]),
)
def test_within_map_response_norm(
    device: str, x: np.ndarray, size: int, strength: float, beta: float, k: float
) -> None:
    check_within_map_response_norm(x, size, strength * size**2, beta, k, device)


@pytest.mark.parametrize(("size", "alpha"), [(5, 0.001), (3, 5e-5)])
def test_constants_of_cuda_convnet(size: int, alpha: float, device: str) -> None:
    """Layer 2 of the authors' program, and its nets for CIFAR-10; alpha is divided by the window's pixels."""
    check_within_map_response_norm(moderate((17, 2, 6, 6), 0) * 200, size, alpha, 0.75, 1.0, device)


def test_within_a_map_is_average_pooling_of_squares(device: str) -> None:
    x = mg.tensor(moderate((5, 3, 6, 4), 0) * 10, device=device)
    composed = x * (1.0 + 0.5 * F.avg_pool2d(x * x, 5, 1, 2)) ** -0.75
    assert_close(F.within_map_response_norm(x, 5, 0.5), composed.numpy())


def test_within_a_map_nan_reaches_its_window_and_no_further(device: str) -> None:
    array = moderate((3, 2, 5, 6), 0).astype(np.float32)
    array[1, 1, 2, 0] = np.nan
    y = F.within_map_response_norm(mg.tensor(array, device=device), 3, 9.0).numpy()
    reached = np.zeros(array.shape, bool)
    reached[1, 1, 1:4, :2] = True
    np.testing.assert_array_equal(np.isnan(y), reached)


def test_large_activations_stay_finite_within_a_map(device: str) -> None:
    x = mg.tensor(moderate((17, 2, 4, 4), 0).astype(np.float32) * 1e5, device=device, requires_grad=True)
    y = F.within_map_response_norm(x, 5, 25.0)
    y.sum().backward()
    assert np.isfinite(y.numpy()).all() and np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("size", [0, 2.5])
def test_impossible_window_within_a_map_complains(size: object) -> None:
    with complains("within_map_response_norm", "size"):
        F.within_map_response_norm(mg.zeros(1, 3, 2, 2), size)
