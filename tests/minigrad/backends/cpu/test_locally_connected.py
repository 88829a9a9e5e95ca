"""Unshared convolution on the CPU: which sizes go in vectors, and that these give what BLAS gives."""

from __future__ import annotations

import numpy as np
import pytest
from parity import Chwn, on, signed

import minigrad as mg
from minigrad.backends import cpu
from minigrad.backends.cpu import locally_connected

CPU = mg.device("cpu")
BY_BLAS = ("_make_values_by_blas", "_make_input_gradients_by_blas", "_make_weight_gradients_by_blas")


def passes(n: int, channels: int, filters: int, dtype: type, groups: int = 1) -> list[np.ndarray]:
    """Value and gradients of images 5 x 4 under filters 3 x 2, padded on some sides, at another stride each way."""
    geometry = (2, 1), (1, 1, 0, 2), groups
    weight = on(signed(3, 5, channels // groups, 3, 2, filters, seed=1), CPU, dtype)
    x, bias = on(Chwn(signed(n, channels, 5, 4)), CPU, dtype), on(signed(filters, 3, 5, seed=2), CPU, dtype)
    dy = on(Chwn(signed(n, filters, 3, 5, seed=3)), CPU, dtype)
    made = (
        cpu.locally_connected2d(x, weight, bias, *geometry, True),
        cpu.locally_connected2d_grad_input(dy, weight, x.shape, *geometry),
        cpu.locally_connected2d_grad_weight(dy, x, weight.shape, *geometry),
    )
    return [cpu.to_host(each) for each in made]


@pytest.mark.skipif(not locally_connected.FUSED, reason="this processor multiplies and adds by two instructions")
@pytest.mark.parametrize("n", [8, 15, 16, 17, 64, 161])  # the last is more than a strip
@pytest.mark.parametrize(("channels", "filters", "groups"), [(8, 8, 1), (13, 35, 1), (16, 32, 2), (24, 48, 1)])
def test_vectors_give_what_blas_gives(
    n: int, channels: int, filters: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = passes(n, channels, filters, np.float64, groups)
    for name in BY_BLAS:
        monkeypatch.setattr(locally_connected, name, None)  # it must be the other way
    for found, exact in zip(passes(n, channels, filters, np.float32, groups), expected, strict=True):
        assert np.abs(found - exact).max() <= 2e-6 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("n", "channels", "filters", "dtype"),
    [(7, 16, 16, np.float32), (128, 16, 16, np.float64), (1, 64, 32, np.float32)],
)
def test_what_does_not_fill_vectors_goes_by_blas(
    n: int, channels: int, filters: int, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_make_values", "_make_input_gradients", "_make_weight_gradients"):
        monkeypatch.setattr(locally_connected, name, None)
    passes(n, channels, filters, dtype)
