"""Winograd's algorithm in NumPy against the definition of a convolution, and the fast one against that in NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minigrad.arrays import Device
from minigrad.backends.cpu.convolution import winograd
from minigrad.backends.cpu.convolution.cook_toom import tile_sizes

CPU = Device("cpu", 0)
WORST = 1e-4  # largest error over the standard deviation of the result


def definition(padded: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """y[k, i, j, n] = sum over c, u, v of weight[k, c, u, v] padded[c, i + u, j + v, n], tap by tap."""
    _, _, taps_h, taps_w = weight.shape
    padded, weight = padded.astype(float), weight.astype(float)
    height, width = padded.shape[1] - taps_h + 1, padded.shape[2] - taps_w + 1
    y = np.zeros((len(weight), height, width, padded.shape[3]))
    for u, v in np.ndindex(taps_h, taps_w):
        y += np.tensordot(weight[:, :, u, v], padded[:, u : u + height, v : v + width], 1)
    return y


class Case(NamedTuple):
    """An image and its padding, the weight, and the gradient of the result."""

    image: np.ndarray
    padding: tuple[int, int, int, int]
    weight: np.ndarray
    dy: np.ndarray

    @property
    def padded(self) -> np.ndarray:
        top, bottom, left, right = self.padding
        return np.pad(self.image, ((0, 0), (top, bottom), (left, right), (0, 0)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    taps = draw(st.tuples(st.sampled_from([3, 5]), st.sampled_from([3, 5])))
    channels, filters, batch = draw(st.integers(1, 20)), draw(st.integers(1, 20)), draw(st.integers(1, 40))
    sides = tuple(draw(st.integers(0, size - 1)) for size in (taps[0], taps[0], taps[1], taps[1]))
    out = draw(st.tuples(st.integers(3, 15), st.integers(3, 15)))
    height, width = (max(1, out[axis] + taps[axis] - 1 - sum(sides[2 * axis : 2 * axis + 2])) for axis in (0, 1))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    out_h, out_w = height + sides[0] + sides[1] - taps[0] + 1, width + sides[2] + sides[3] - taps[1] + 1
    shapes = (channels, height, width, batch), (filters, channels, *taps), (filters, out_h, out_w, batch)
    image, weight, dy = (random.standard_normal(shape, np.float32) for shape in shapes)
    return Case(image, sides, weight, dy)


def covered(case: Case) -> bool:
    return all(tile_sizes(n, taps) for n, taps in zip(case.dy.shape[1:3], case.weight.shape[2:], strict=True))


@given(case=cases().filter(covered))
def test_the_algorithm_in_numpy_is_a_convolution(case: Case) -> None:
    y = winograd.convolve_in_numpy(case.padded.astype(float), case.weight.astype(float))
    np.testing.assert_allclose(y, definition(case.padded, case.weight), rtol=0, atol=1e-9)


@given(case=cases().filter(covered))
def test_its_gradient_of_the_weight_is_the_transpose_of_the_convolution(case: Case) -> None:
    """<dw, w> = <dy, convolution of w>, for any w."""
    dw = winograd.grad_weight_in_numpy(case.dy.astype(float), case.padded.astype(float), case.weight.shape[2:])
    found, expected = np.vdot(dw, case.weight), np.vdot(case.dy, definition(case.padded, case.weight))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.linalg.norm(dw) * np.linalg.norm(case.weight))


def assert_close(found: np.ndarray, exact: np.ndarray) -> None:
    assert np.abs(found - exact).max() <= WORST * max(1, exact.std())


@given(case=cases().filter(covered), relu=st.booleans())
def test_the_fast_one_does_the_same(case: Case, relu: bool) -> None:
    bias = np.linspace(-1, 1, len(case.weight), dtype=np.float32)
    y = np.empty_like(case.dy)
    top, _, left, _ = case.padding
    winograd.convolve(case.image, case.weight, bias, y, top, left, 1, CPU, relu=relu)
    exact = winograd.convolve_in_numpy(case.padded, case.weight) + bias[:, None, None, None]
    assert_close(y, np.maximum(exact, 0) if relu else exact)


@given(case=cases().filter(covered))
def test_the_fast_gradient_of_the_weight_does_the_same(case: Case) -> None:
    dw = np.empty_like(case.weight)
    top, _, left, _ = case.padding
    winograd.grad_weight(case.dy, case.image, dw, top, left, 1, CPU)
    assert_close(dw, winograd.grad_weight_in_numpy(case.dy, case.padded, case.weight.shape[2:]))


@given(case=cases().filter(covered))
def test_the_gradient_of_the_input_is_a_convolution_with_turned_filters(case: Case) -> None:
    taps_h, taps_w = case.weight.shape[2:]
    sides = [(taps_h - 1, taps_h - 1), (taps_w - 1, taps_w - 1)]
    turned = case.weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    exact = winograd.convolve_in_numpy(np.pad(case.dy, ((0, 0), *sides, (0, 0))), turned)
    dx = np.empty(case.padded.shape, np.float32)
    none = np.zeros(len(case.padded), np.float32)
    winograd.convolve(case.dy, case.weight, none, dx, *[taps_h - 1, taps_w - 1], 1, CPU, turned=True)
    assert_close(dx, exact)
