"""The layers of layer files against their formulas, on drawn sizes."""

from __future__ import annotations

import numpy as np
import pytest
from checks import complains, leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_checks import (
    check,
    check_blur,
    check_contrast_norm,
    check_filters,
    check_mirror,
    check_pool,
    check_thinning,
    make,
)
from strategies import apart, moderate, seeds

import minigrad as mg
from alexnet.cuda_convnet import LayerFileError

few = settings(max_examples=12, deadline=None)
sides, counts = st.integers(1, 7), st.integers(1, 3)


@few
@given(seeds, counts, sides, st.integers(1, 5), st.sampled_from([0.5, 0.75]))
def test_contrast_norm(seed: int, channels: int, side: int, size: int, power: float) -> None:
    check_contrast_norm(moderate((2, channels, side, side), seed), size, 2.0, power)


@few
@given(seeds, counts, sides, st.integers(1, 6), st.sampled_from([0.7, 4.0]))
def test_blur(seed: int, channels: int, side: int, size: int, deviation: float) -> None:
    check_blur(moderate((2, channels, side, side), seed), min(size, 2 * side + 1), deviation)


@few
@given(seeds, counts, sides, st.integers(1, 4))
def test_thinning_and_mirror(seed: int, channels: int, side: int, stride: int) -> None:
    x = moderate((2, channels, side, side), seed)
    check_thinning(x, stride)
    check_mirror(x)


@few
@given(st.data(), seeds, sides, st.sampled_from(["max", "avg", "maxabs"]))
def test_pools_may_begin_outside_and_overhang(data: st.DataObject, seed: int, side: int, kind: str) -> None:
    size = data.draw(st.integers(1, 5))
    stride, start = data.draw(st.integers(1, size)), data.draw(st.integers(1 - size, side - 1))
    most = (side - 1 - start) // stride + 1
    counted = -(-(side - start - size) // stride) + 1
    outputs = data.draw(st.integers(1 if counted < 1 else 0, most))
    check_pool(apart((2, 2, side, side), seed), kind, size, stride, start, outputs)


def test_colours() -> None:
    """White, black and grey have no colour in YUV and nearly none in Lab; red by hand."""
    x = np.zeros((1, 3, 2, 2))
    x[0, :, 0, 0], x[0, :, 0, 1], x[0, 0, 1, 1] = 1, 0.001, 0.5

    def yuv(x: np.ndarray) -> np.ndarray:
        r, g, b = x[:, 0], x[:, 1], x[:, 2]
        u, v = -0.09991 * r - 0.33609 * g + 0.436 * b, 0.615 * r - 0.55861 * g - 0.05639 * b
        return np.stack([0.2126 * r + 0.7152 * g + 0.0722 * b, u, v], axis=1)

    check({"type": "rgb2yuv"}, yuv, [moderate((2, 3, 4, 4), 0)])
    assert np.abs(yuv(x)[0, 1:, 0]).max() < 1e-4
    for center, least in ((0, 16), ("true", 66)):
        lab = make({"type": "rgb2lab", "center": center}, [(3, 2, 2)])(mg.tensor(x)).numpy()[0]
        np.testing.assert_allclose(lab[:, 0, 0], [116 - least, 0, 0], atol=1e-9)
        dark = 7.787037 * 0.001 + 0.13793103
        np.testing.assert_allclose(lab[:, 0, 1], [116 * dark - least, 0, 0], atol=1e-6)
        fx, fy, fz = 0.245**0.3333, 0.088485**0.3333, 0.13793103
        expected = [116 * fy - least, 500 * (fx - fy), 200 * (fy - fz)]
        np.testing.assert_allclose(lab[:, 1, 1], expected, rtol=1e-9)


CONVOLUTIONS = {
    "plain": ({"channels": 3, "filters": 4, "filterSize": 3, "padding": 1}, [(3, 5)]),
    "overhanging": ({"channels": 2, "filters": 2, "filterSize": 3, "stride": 3}, [(2, 7)]),
    "groups": ({"channels": 4, "filters": 2, "filterSize": 2, "groups": 2}, [(4, 4)]),
    "two inputs": (
        {
            "channels": [3, 4],
            "filters": [4, 2],
            "groups": [1, 2],
            "filterSize": [3, 2],
            "stride": [2, 1],
            "padding": [0, 0],
        },
        [(3, 7), (4, 4)],
    ),
    "lists of channels": (
        {"channels": 4, "filters": 2, "filterSize": 2, "groups": 2, "randSparse": "true"},
        [(4, 4)],
    ),
    "lists that name channels twice": (
        {"channels": 4, "filters": 1, "filterSize": 2, "groups": 4, "filterChannels": 2, "randSparse": 1},
        [(4, 3)],
    ),
    "a list for the second input": (
        {
            "channels": [2, 4],
            "filters": [4, 2],
            "groups": [1, 2],
            "filterSize": [2, 2],
            "randSparse": ["0", "1"],
            "filterChannels": [2, 4],
        },
        [(2, 3), (4, 3)],
    ),
}


@pytest.mark.parametrize("kind", ["conv", "local"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_filters(name: str, kind: str) -> None:
    values, shapes = CONVOLUTIONS[name]
    check_filters(kind, values, [moderate((2, channels, side, side), side) for channels, side in shapes])


def test_a_bias_for_each_output() -> None:
    values = {"channels": 2, "filters": 3, "filterSize": 2, "sharedBiases": "false", "initB": 0.5}
    layer = make({"type": "conv", **values}, [(2, 4, 4)])
    assert layer.bias.shape == (3, 3, 3) and (layer.bias.numpy() == 0.5).all()
    check_filters("conv", values, [moderate((2, 2, 4, 4), 1)], shared=False)


@pytest.mark.parametrize("kind", ["conv", "local"])
@pytest.mark.parametrize("inputs", [1, 2])
def test_the_relu_of_filters_is_that_of_a_layer(kind: str, inputs: int) -> None:
    """Applied as the filters write where there is one input, behind the sum where there are two."""
    values = {"channels": [2] * inputs, "filters": [3] * inputs, "filterSize": [2] * inputs, "initW": [1] * inputs}
    mg.manual_seed(1)
    plain = make({"type": kind, **values}, [(2, 4, 4)] * inputs)
    mg.manual_seed(1)
    active = make({"type": kind, "neuron": "relu", **values}, [(2, 4, 4)] * inputs)
    assert active.fused == (inputs == 1)
    xs = [mg.tensor(moderate((2, 2, 4, 4), seed).astype(np.float32)) for seed in range(inputs)]
    y = plain(*xs).numpy()
    assert (y < 0).any() and np.array_equal(active(*xs).numpy(), np.maximum(y, 0))


def test_several_inputs_of_a_fully_connected_layer_are_one_after_the_other() -> None:
    layer = make({"type": "fc", "outputs": 5, "initW": [1, 2], "initB": 0.25}, [(2, 3, 3), (4,)]).to(np.float64)
    assert [weight.shape for weight in layer.weights()] == [(5, 18), (5, 4)] and layer.multiply_adds == 5 * 22
    maps, numbers = moderate((3, 2, 3, 3), 0), moderate((3, 4), 1)
    whole = np.concatenate([weight.numpy() for weight in layer.weights()], axis=1)
    expected = np.concatenate([maps.reshape(3, 18), numbers], axis=1) @ whole.T + 0.25
    np.testing.assert_allclose(layer(mg.tensor(maps), mg.tensor(numbers)).numpy(), expected, rtol=1e-12)


def test_initial_weights_are_drawn_by_input() -> None:
    layer = make({"type": "fc", "outputs": 100, "initW": [0.1, 0.001], "initB": -5}, [(100,), (100,)])
    first, second = (weight.numpy().std() for weight in layer.weights())
    assert abs(first / 0.1 - 1) < 0.03 and abs(second / 0.001 - 1) < 0.03 and (layer.bias.numpy() == -5).all()
    default = make({"type": "fc", "outputs": 100}, [(100,)])
    assert abs(default.weight.numpy().std() / 0.01 - 1) < 0.03


def test_joined_layers() -> None:
    maps, more, numbers = moderate((2, 3, 2, 2), 0), moderate((2, 1, 2, 2), 1), moderate((2, 5), 2)
    check({"type": "concat"}, lambda x, y: np.concatenate([x, y], axis=1), [maps, more])
    check({"type": "pass"}, lambda x, y: np.concatenate([x.reshape(2, -1), y], axis=1), [maps, numbers])
    check({"type": "eltsum"}, lambda x, y: x + y, [maps, moderate(maps.shape, 3)])
    coefficients = {"type": "eltsum", "coeffs": [1, -1, 0.5]}
    check(coefficients, lambda x, y, z: x - y + 0.5 * z, [numbers, moderate((2, 5), 4), moderate((2, 5), 5)])
    check({"type": "eltmax"}, lambda x, y: np.maximum(x, y), [numbers, -numbers])
    check({"type": "eltsum"}, lambda x, y: x + y.reshape(x.shape), [maps, moderate((2, 12), 6)])
    with complains("layer it", "lengths"):
        make({"type": "eltsum"}, [(3,), (4,)])


def test_normalisations() -> None:
    """`scale` is divided by the window's size; minDiv takes the place of 1; the oldest files have sizeX, scale, pow."""
    x = moderate((2, 4, 3, 3), 0)

    def across(x: np.ndarray, k: float, scale: float, power: float) -> np.ndarray:
        sums = np.stack([(x[:, max(0, c - 1) : c + 2] ** 2).sum(axis=1) for c in range(x.shape[1])], axis=1)
        return x * (k + scale / 3 * sums) ** -power

    cross, within = ({"type": kind, "channels": 4, "size": 3} for kind in ("cmrnorm", "rnorm"))
    check(cross, lambda x: across(x, 2, 1.5, 0.75), [x], {"scale": 1.5, "pow": 0.75, "minDiv": 2})
    check(cross, lambda x: across(x, 1, 1.5, 0.5), [x], {"scale": 1.5, "pow": 0.5})

    def inside(x: np.ndarray) -> np.ndarray:
        squares = np.pad(x**2, ((0, 0), (0, 0), (1, 1), (1, 1)))
        sums = sum(squares[:, :, i : i + 3, j : j + 3] for i in range(3) for j in range(3))
        return x * (1 + 1.5 / 9 * sums) ** -0.75

    check(within, inside, [x], {"scale": 1.5, "pow": 0.75})
    oldest = {"type": "rnorm", "channels": 4, "sizeX": 3, "scale": 1.5, "pow": 0.75}
    check(oldest, inside, [x], {})
    check(oldest, inside, [x])
    check({**oldest, "scale": 7}, inside, [x], {"scale": 1.5})  # the parameter file comes first
    with complains("parameters of layer it", "scale"):
        make(within, [x.shape[1:]], {"pow": 1})

    def in_blocks(x: np.ndarray) -> np.ndarray:
        sums = [(x[:, c // 3 * 3 : c // 3 * 3 + 3] ** 2).sum(axis=1) for c in range(4)]
        return x * (2 + 1.5 / 3 * np.stack(sums, axis=1)) ** -0.75

    check({**cross, "blocked": "true"}, in_blocks, [x], {"scale": 1.5, "pow": 0.75, "minDiv": 2})
    with complains("scale", "parameter file"):
        make(cross, [x.shape[1:]])(mg.tensor(x))


def test_dropout() -> None:
    """hs multiplies by keep at test, and where it is not enabled always; dropout divides by it in training."""
    x = mg.tensor(np.ones((40, 50)))

    def values(section: dict[str, object], settings: dict[str, object], training: bool) -> set[float]:
        layer = make(section, [(50,)], settings).train(training)
        return {float(each) for each in np.unique(layer(x).numpy())}

    hidden = {"type": "hs", "keep": 0.75}
    assert values(hidden, {"enable": "true"}, True) == {0, 1}
    assert values(hidden, {"enable": "true"}, False) == {0.75}
    assert values(hidden, {"enable": "false"}, True) == values(hidden, {"enable": 0}, False) == {0.75}
    assert values({"type": "dropout2"}, {"keep": 0.8}, True) == {0, 1}
    assert values({"type": "dropout2", "keep": 0.5}, {"keep": 0.8}, False) == {0.8}
    assert values({"type": "dropout2", "keep": 0.25}, {}, False) == {0.25}
    assert values({"type": "dropout"}, {}, True) == {0, 2} and values({"type": "dropout"}, {}, False) == {1}
    assert values({"type": "dropout"}, {"enable": 0}, True) == {1}
    kept = float(make(hidden, [(50,)], {"enable": "true"})(x).numpy().mean())
    assert abs(kept - 0.75) < 0.05
    with complains("parameters of layer it", "enable"):
        make(hidden, [(50,)], {"keep": 1})
    with complains("keep", "0 to 1"):
        make({"type": "hs", "keep": 1.5}, [(50,)])


def test_a_softmax_in_the_middle() -> None:
    x = moderate((2, 3, 2, 2), 0)
    e = np.exp(x.reshape(2, 12))
    check({"type": "softmax"}, lambda x: np.exp(x.reshape(2, 12)) / np.exp(x.reshape(2, 12)).sum(axis=1)[:, None], [x])
    assert e.shape == (2, 12)


REFUSED = {
    "channels": ({"type": "pool", "channels": 4, "sizeX": 2, "stride": 1, "pool": "max"}, "channels=4"),
    "no square": ({"type": "pool", "channels": 1, "sizeX": 1, "stride": 1, "pool": "max"}, "square"),
    "stride": ({"type": "pool", "channels": 3, "sizeX": 2, "stride": 3, "pool": "max"}, "stride"),
    "start": ({"type": "pool", "channels": 3, "sizeX": 2, "stride": 1, "pool": "max", "start": -2}, "start"),
    "outputs": ({"type": "pool", "channels": 3, "sizeX": 2, "stride": 2, "pool": "max", "outputsX": 4}, "fit"),
    "kind": ({"type": "pool", "channels": 3, "sizeX": 2, "stride": 1, "pool": "min"}, "max, avg"),
    "filters": ({"type": "conv", "channels": 3, "filterSize": 9, "filters": 1}, "do not fit"),
    "groups": ({"type": "conv", "channels": 3, "filterSize": 1, "filters": 2, "groups": 2}, "groups"),
    "sparse": ({"type": "conv", "channels": 3, "filterSize": 1, "filters": 2, "randSparse": 1}, "randSparse"),
    "a list": ({"type": "conv", "channels": "3,3", "filterSize": 1, "filters": 2}, "one value for each input"),
    "weights": ({"type": "fc", "outputs": 10**9}, "too many"),
    "filters beyond memory": ({"type": "conv", "channels": 3, "filterSize": 1, "filters": 10**9}, "too many"),
    "blur": ({"type": "blur", "channels": 3, "filterSize": 99, "stdev": 1}, "larger"),
    "no number": ({"type": "fc", "outputs": "ten"}, "outputs is a whole number"),
    "missing": ({"type": "fc"}, "it has no outputs"),
    "neuron": ({"type": "fc", "outputs": 2, "neuron": "swish"}, "neuron is one of"),
    "weightSource": ({"type": "fc", "outputs": 2, "weightSource": "other"}, "weightSource"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name: str) -> None:
    values, words = REFUSED[name]
    with complains("layer it", words, error=LayerFileError):
        make(values, [(5,) if name == "no square" else (3, 4, 4)])


def test_numbers_become_maps_and_maps_numbers() -> None:
    """As in cuda-convnet, where all of a case lies in a row."""
    x = moderate((2, 18), 0)
    layer = make({"type": "pool", "pool": "max", "channels": 2, "sizeX": 3, "stride": 3}, [(18,)])
    (leaf,) = leaves([x], "cpu:0")
    np.testing.assert_array_equal(layer(leaf).numpy()[:, :, 0, 0], x.reshape(2, 2, 9).max(axis=2))


def test_random_pooling_is_maximum_pooling_with_do_max() -> None:
    values = {"type": "pool", "pool": "rand", "channels": 1, "sizeX": 2, "stride": 2}
    x = moderate((1, 1, 4, 4), 0)
    y = make(values, [(1, 4, 4)], {"doMax": "true"})(mg.tensor(x)).numpy()
    np.testing.assert_array_equal(y, make({**values, "pool": "max"}, [(1, 4, 4)])(mg.tensor(x)).numpy())
    with complains("layer it", "random pooling", "doMax"):
        make(values, [(1, 4, 4)], {"doMax": "false"})
