"""The layers of Jarrett et al. against slow definitions."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_close

import minigrad as mg
from alexnet.model.jarrett import NONLINEARITIES, ContrastNorm, Extractor, Stage, random_filters


def local_mean(x: np.ndarray) -> np.ndarray:
    """Over all maps and a Gaussian window of 9 x 9, its weights made to sum to 1: (N, C, H, W) to (N, H, W)."""
    means = np.zeros((len(x), *x.shape[2:]))
    for row, column in np.ndindex(*x.shape[2:]):
        weights = np.zeros(x.shape[2:])
        for i, j in np.ndindex(*x.shape[2:]):
            if max(abs(i - row), abs(j - column)) <= 4:
                weights[i, j] = np.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * 1.591**2))
        weights /= weights.sum() * x.shape[1]
        means[:, row, column] = (x * weights).sum((1, 2, 3))
    return means


def contrast_norm(x: np.ndarray, c: float | None) -> np.ndarray:
    v = x - local_mean(x)[:, None]
    s = np.sqrt(local_mean(v**2))
    least = s.mean((1, 2), keepdims=True) if c is None else c
    return v / np.maximum(s, least)[:, None]


def maps(*shape: int) -> np.ndarray:
    """Of which a half has less contrast than the other, so that both sides of the maximum come."""
    x = np.random.default_rng(0).standard_normal(shape)
    x[..., : shape[-1] // 2] *= 0.2
    return x


@pytest.mark.parametrize("c", [None, 0.5])
@pytest.mark.parametrize("shape", [(2, 3, 12, 14), (1, 1, 5, 3), (2, 2, 1, 1)])
def test_contrast_normalisation(c: float | None, shape: tuple[int, ...]) -> None:
    x = maps(*shape)
    expected = contrast_norm(x, c)
    assert_close(ContrastNorm(c)(mg.tensor(x)), expected, scale=1e-2)
    assert_close(ContrastNorm(c)(mg.tensor(x.astype(np.float32))), expected, scale=10.0)


@pytest.mark.parametrize("c", [None, 0.5])
def test_the_gradient_of_contrast_normalisation(c: float | None) -> None:
    assert mg.gradcheck(ContrastNorm(c), maps(2, 3, 6, 8))


def test_a_blank_picture_stays_blank_and_has_a_gradient() -> None:
    x = mg.tensor(np.zeros((1, 2, 12, 12), np.float32), requires_grad=True)
    y = ContrastNorm()(x)
    y.sum().backward()
    assert not y.numpy().any() and np.isfinite(x.grad.numpy()).all()


def test_random_filters_read_as_many_maps_as_the_table_has() -> None:
    filters = random_filters(40, 12, 5, 1)
    read = filters.any((2, 3))
    assert filters.shape == (40, 12, 9, 9) and (read.sum(1) == 5).all() and read.any(0).all()
    assert len(np.unique(read, axis=0)) > 30
    assert np.square(filters).sum((1, 2, 3)) == pytest.approx(np.ones(40), abs=0.35)
    np.testing.assert_array_equal(filters, random_filters(40, 12, 5, 1))
    assert (filters != random_filters(40, 12, 5, 2)).any()


@pytest.mark.parametrize("name", NONLINEARITIES)
@pytest.mark.parametrize("normalised", [False, True])
def test_a_stage(name: str, normalised: bool) -> None:
    x, filters = maps(1, 2, 19, 21), maps(3, 2, 9, 9) / 5
    windows = np.lib.stride_tricks.sliding_window_view(x, (9, 9), axis=(2, 3))
    y = np.einsum("nchwij,kcij->nkhw", windows, filters)
    y = {"abs": lambda y: np.abs(np.tanh(y)), "tanh": np.tanh, "relu": lambda y: np.maximum(y, 0)}[name](y)
    y = contrast_norm(y, None) if normalised else y
    pooled = [[y[:, :, i : i + 4, j : j + 4].mean((2, 3)) for j in (0, 3, 6, 9)] for i in (0, 3, 6)]
    stage = Stage(filters, name, normalised, (4, 3), "cpu")
    assert_close(stage(mg.tensor(x)), np.moveaxis(np.array(pooled), (0, 1), (2, 3)), scale=1e-2)


def test_the_sizes_are_those_of_the_paper() -> None:
    extractor = Extractor("abs", True)
    with mg.no_grad():
        one, two = extractor(mg.tensor(maps(1, 1, 144, 144).astype(np.float32)))
        assert one.shape == (1, 64 * 26 * 26) and two.shape == (1, 256 * 4 * 4)
        smaller = mg.tensor(maps(1, 1, 143, 143).astype(np.float32))
        assert [each.shape for each in extractor(smaller)] == [one.shape, two.shape]
    table = extractor.second.filters.numpy().any((2, 3))
    assert table.shape == (256, 64) and (table.sum(1) == 16).all()
