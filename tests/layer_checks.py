"""The checks behind the tests of layers of layer files, as plain functions: each against its formula in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from checks import check_operation, leaves

import minigrad as mg
from alexnet.cuda_convnet import ParameterRule, Schedule, parameters
from alexnet.cuda_convnet.grammar import Section, normalised
from alexnet.cuda_convnet.layers import LAYERS, Layer, Spec
from minigrad import nn

Values = Mapping[str, object]


def make(values: Values, inputs: Sequence[tuple[int, ...]], settings: Values | None = None) -> Layer:
    """The layer of a section, with inputs of these shapes; settings are of the parameter file, None for no file."""
    sections = normalised({"it": values, "its": settings or {}})
    own, its = Section("layer it", sections["it"]), Section("parameters of layer it", sections["its"])
    names = tuple(f"source{number}" for number in range(len(inputs)))
    trained = settings is not None
    return LAYERS[str(values["type"])](Spec("it", own, its, trained, names, tuple(inputs), mg.device("cpu"), {}))


def check(
    values: Values,
    definition: Callable[..., np.ndarray],
    arrays: Sequence[np.ndarray],
    settings: Values | None = None,
) -> None:
    """A layer without weights: shape, value in float64 and float32, and gradient."""
    layer = make(values, [array.shape[1:] for array in arrays], settings)
    assert layer.output == definition(*arrays).shape[1:]
    check_operation(layer, definition, arrays, "cpu:0")


def around(x: np.ndarray, i: int, j: int, size: int) -> np.ndarray:
    """The pixels of the size x size window around one, clipped to the picture: (N, C, h, w)."""
    top, left = i - size // 2, j - size // 2
    return x[:, :, max(0, top) : top + size, max(0, left) : left + size]


def each_pixel(x: np.ndarray, f: Callable[[int, int], np.ndarray]) -> np.ndarray:
    """Maps whose pixels (N, C) a function gives."""
    result = np.zeros_like(x)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            result[:, :, i, j] = f(i, j)
    return result


def contrast_sum(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel less the mean around it, and the sum of the squares of those around each."""
    d = x - each_pixel(x, lambda i, j: around(x, i, j, size).mean(axis=(2, 3)))
    return d, each_pixel(x, lambda i, j: (around(d, i, j, size) ** 2).sum(axis=(2, 3)))


def check_contrast_norm(x: np.ndarray, size: int, scale: float, power: float, least: float = 1.0) -> None:
    """Value by the definition; the gradient by cuda-convnet's, which takes means for constants."""
    values = {"type": "cnorm", "channels": x.shape[1], "size": size}
    layer = make(values, [x.shape[1:]], {"scale": scale, "pow": power, "minDiv": least})
    d, squares = contrast_sum(x, size)
    s = least + scale / size**2 * squares
    (leaf,) = leaves([x], "cpu:0")
    y = layer(leaf)
    np.testing.assert_allclose(y.numpy(), x * s**-power, rtol=1e-10, atol=1e-12)
    dy = np.random.default_rng(5).uniform(-2, 2, x.shape)
    y.backward(mg.tensor(dy))
    # dx_q = dy_q s_q^-pow - 2 scale / size^2 pow d_q sum of dy_p y_p / s_p over the windows around p that hold q
    ratio = dy * (x * s**-power) / s
    held = np.zeros_like(x)
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            around(held, i, j, size)[...] += ratio[:, :, i, j, None, None]
    expected = dy * s**-power - 2 * scale / size**2 * power * d * held
    np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-9, atol=1e-11)


def check_blur(x: np.ndarray, size: int, deviation: float) -> None:
    def definition(x: np.ndarray) -> np.ndarray:
        offsets = np.arange(size) - size // 2
        weights = np.exp(-(offsets**2) / (2 * deviation**2))
        weights /= weights.sum()
        for axis in (2, 3):
            y = np.zeros_like(x)
            for offset, weight in zip(offsets, weights, strict=True):
                for place in range(x.shape[axis]):
                    if 0 <= place + offset < x.shape[axis]:
                        at = (slice(None),) * axis
                        y[(*at, place)] += weight * x[(*at, place + offset)]
            x = y
        return x

    check({"type": "blur", "channels": x.shape[1], "filterSize": size, "stdev": deviation}, definition, [x])


def check_thinning(x: np.ndarray, stride: int) -> None:
    def definition(x: np.ndarray) -> np.ndarray:
        side = x.shape[2]
        count = (side + stride - 1) // stride
        start = (side - stride * (count - 1)) // 2
        pixels = [start + o * stride for o in range(count)]
        return x[:, :, pixels][:, :, :, pixels]

    check({"type": "nailbed", "channels": x.shape[1], "stride": stride}, definition, [x])


def check_mirror(x: np.ndarray) -> None:
    def definition(x: np.ndarray) -> np.ndarray:
        return np.stack([x[..., j] for j in range(x.shape[3] - 1, -1, -1)], axis=3)

    check({"type": "href", "channels": x.shape[1]}, definition, [x])


def check_pool(x: np.ndarray, kind: str, size: int, stride: int, start: int = 0, outputs: int = 0) -> None:
    def definition(x: np.ndarray) -> np.ndarray:
        side = x.shape[2]
        count = outputs or int(np.ceil((side - start - size) / stride)) + 1
        y = np.zeros((*x.shape[:2], count, count))
        for i in range(count):
            for j in range(count):
                top, left = start + i * stride, start + j * stride
                window = x[:, :, max(0, top) : top + size, max(0, left) : left + size]
                flat = window.reshape(*x.shape[:2], -1)
                if kind == "maxabs":
                    y[:, :, i, j] = np.take_along_axis(flat, np.abs(flat).argmax(axis=2)[..., None], axis=2)[..., 0]
                else:
                    y[:, :, i, j] = flat.max(axis=2) if kind == "max" else flat.mean(axis=2)
        return y

    values = {"type": "pool", "pool": kind, "channels": x.shape[1], "sizeX": size, "stride": stride}
    check({**values, "start": start, "outputsX": outputs}, definition, [x])


def check_filters(kind: str, values: Values, inputs: Sequence[np.ndarray], shared: bool = True) -> None:
    """A convolution or local layer by its formula: several inputs, groups, lists of channels, filters that overhang."""
    layer = make({"type": kind, **values}, [x.shape[1:] for x in inputs]).to(np.float64)
    random = np.random.default_rng(4)
    for parameter in layer.parameters():
        parameter.data = mg.tensor(random.uniform(-1, 1, parameter.shape))
    sections = Section("it", normalised({"it": values})["it"])
    count = len(inputs)
    strides, padding = sections.integers("stride", count, 1), sections.integers("padding", count, 0, least=0)
    sizes, groups = sections.integers("filtersize", count), sections.integers("groups", count, 1)
    filters = sections.integers("filters", count)[0] * groups[0]
    y: np.ndarray | None = None
    for t, x in enumerate(inputs):
        weight = layer.weights()[t].numpy()
        channels = layer.channel_lists.get(t, np.arange(x.shape[1]))
        places = 1 + int(np.ceil((2 * padding[t] + x.shape[2] - sizes[t]) / strides[t]))
        far = places * strides[t] + sizes[t]
        wide = np.zeros((*x.shape[:2], far + x.shape[2], far + x.shape[2]))
        inside = slice(padding[t], padding[t] + x.shape[2])
        wide[:, :, inside, inside] = x
        if y is None:
            y = np.zeros((len(x), filters, places, places))
        for k in range(filters):
            group = k // (filters // groups[t])
            each = len(channels) // groups[t]
            for i in range(places):
                for j in range(places):
                    own = weight[k] if kind == "conv" else weight[i, j, ..., k]
                    for c in range(each):
                        rows = slice(i * strides[t], i * strides[t] + sizes[t])
                        columns = slice(j * strides[t], j * strides[t] + sizes[t])
                        seen = wide[:, channels[group * each + c], rows, columns]
                        y[:, k, i, j] += (seen * own[c]).sum(axis=(1, 2))
    bias = layer.bias.numpy()
    assert y is not None and layer.output == y.shape[1:]
    assert bias.shape == (y.shape[1:] if kind == "local" or not shared else (filters,))
    y = y + bias.reshape(-1, *(y.shape[2:] if bias.ndim == 3 else (1, 1)))
    found = layer(*(mg.tensor(x) for x in inputs)).numpy()
    np.testing.assert_allclose(found, y, rtol=1e-10, atol=1e-10)
    mg.gradcheck(lambda *xs: with_parameters(layer, xs), [*leaves(inputs, "cpu:0"), *leaves(values_of(layer), "cpu:0")])


def values_of(layer: nn.Module) -> list[np.ndarray]:
    return [parameter.numpy() for parameter in layer.parameters()]


def with_parameters(layer: Layer, tensors: Sequence[mg.Tensor]) -> mg.Tensor:
    """The layer with other parameters, the last of the tensors, in the place of its own."""
    paths = [path for path, _ in layer.named_parameters()]
    kept = {path: layer._parameters[path] for path in paths}
    own, inputs = tensors[len(tensors) - len(paths) :], tensors[: len(tensors) - len(paths)]
    try:
        for path, tensor in zip(paths, own, strict=True):
            vars(layer)[path] = tensor
        return layer(*inputs)
    finally:
        vars(layer).update(kept)


# what parameter files say

WEIGHTS = {
    "convolution": ((3, 2, 2, 2), (1, 2, 3)),
    "fully-connected": ((4, 7), (1,)),
    "local": ((2, 2, 3, 2, 2, 5), (2, 3, 4)),
}


def check_limits(kind: str = "convolution") -> None:
    """wball: a norm of ball x n at most. wcNorm: the root of the sum of squares about the mean, over n."""
    (shape, axes), random = WEIGHTS[kind], np.random.default_rng(1)
    n = int(np.prod([shape[axis] for axis in axes]))
    scale = random.uniform(0.1, 2, [1 if axis in axes else length for axis, length in enumerate(shape)])
    value = random.standard_normal(shape) * scale
    norms = np.sqrt((value**2).sum(axis=axes, keepdims=True))
    ball = float(np.median(norms)) / n
    found = projected(value, ParameterRule(0.1, 0.9, ball=ball))
    np.testing.assert_allclose(found, value * np.minimum(1, ball * n / norms), rtol=1e-12)
    assert np.array_equal(found, projected(found, ParameterRule(0.1, 0.9, ball=2 * ball)))

    spread = np.sqrt(((value - value.mean(axis=axes, keepdims=True)) ** 2).sum(axis=axes, keepdims=True)) / n
    low, high = np.quantile(spread, [0.3, 0.7])
    expected = value * np.clip(spread, low, high) / spread
    rule = ParameterRule(0.1, 0.9, norm_min=float(low), norm_max=float(high))
    np.testing.assert_allclose(projected(value, rule), expected, rtol=1e-12)
    both = ParameterRule(0.1, 0.9, ball=ball, norm_min=float(low), norm_max=float(high))  # the norm comes second
    after = expected * np.minimum(1, ball * n / np.sqrt((expected**2).sum(axis=axes, keepdims=True)))
    np.testing.assert_allclose(projected(value, both), after, rtol=1e-12)
    assert not projected(np.zeros(shape), both).any() and np.array_equal(projected(value, ParameterRule(0.1, 0)), value)


def projected(value: np.ndarray, rule: ParameterRule) -> np.ndarray:
    parameter = nn.Parameter(mg.tensor(value))
    parameters.project(parameter, rule)
    assert parameter.requires_grad and parameter.grad_fn is None
    return parameter.numpy()


def check_noise() -> None:
    """Gradient and decay are multiplied by 1 + noise |n|, each with an n of its own."""
    draws = iter([2.0, -1.0])
    lr, decay = ParameterRule(0.1, 0.9, 4, Schedule("linear", 1, noise=0.5)).drawn(0.3, lambda: next(draws))
    np.testing.assert_allclose((lr, lr * decay), (0.1 * 2, 0.1 * 1.5 * 4))
    assert ParameterRule(0.1, 0.9, 4).drawn(0.3, lambda: next(draws)) == (0.1, 4)


def check_steps() -> None:
    """Run 170 of 2012, whose levels its comments tell: .01, .0015874, .00025198; biases by 10 in two steps."""
    weights, biases = Schedule("dexp", 250, 4), Schedule("dexp", 10, 2)
    levels = [0.01, 0.0015874, 0.00025198, 0.00004]
    for level, ends in zip(levels, ((0, 0.25), (0.2501, 0.5), (0.5001, 0.75), (0.7501, 1)), strict=True):
        np.testing.assert_allclose([weights.rate(0.01, p) for p in ends], level, rtol=1e-4)
    np.testing.assert_allclose([biases.rate(0.02, p) for p in (0, 0.5, 0.5001, 1)], [0.02, 0.02, 0.002, 0.002])
