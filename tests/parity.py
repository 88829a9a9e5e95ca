"""Every primitive of the fast backends against the reference: the arguments to try, and the comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad.arrays import Device, DeviceArray, quiet

REFERENCE = mg.device("reference:0")

# Of the largest value: float64 sums differ in their last bits, float32 ones by a few roundings of long sums.
TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 2e-5}


class Chwn(NamedTuple):
    """An argument that is handed over in CHWN order."""

    array: np.ndarray


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.5, 2, shape)


def signed(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-2, 2, shape)


ORDERS: tuple[Callable[[np.ndarray], Any], ...] = (np.array, Chwn)
LABELS = np.array([1, 0, 4, 2] * 9)
ONE, STRIDED = ((1, 1), (0, 0, 0, 0)), ((2, 3), (1, 1, 1, 1))
PAIR, OTHER = ((1, 1), (1, 0, 0, 2)), ((1, 1), (0, 2, 1, 0))  # padding on some sides
POOLS = [
    ((3, 3), (2, 2), (0, 0, 0, 0), False),
    ((3, 2), (2, 3), (1, 1, 1, 1), True),
    ((2, 1), (3, 3), (1, 1, 0, 0), True),
    ((4, 3), (3, 3), (3, 0, 2, 0), True),  # more than half a window, on two sides
    ((3, 4), (2, 3), (0, 2, 1, 3), False),
]
INDICES = [
    (0, slice(None), slice(None), slice(None)),
    (slice(None), slice(1, 3), slice(None), slice(None)),
    (slice(None, None, -1), slice(None), 1, slice(None, None, 2)),
    (slice(3, 9), slice(None), slice(None), slice(None)),
    (slice(2, 1), slice(None), slice(None), slice(None)),
    (3, 0, 1, 0),
]
IMAGES = (17, 4, 7, 6)
# Shape of the images, shape of the weight, stride and padding, groups.
CONVOLUTIONS = [
    (IMAGES, (4, 2, 3, 2), PAIR, 2),
    ((3, 2, 6, 5), (3, 2, 3, 2), STRIDED, 1),
    ((1, 3, 20, 20), (70, 3, 5, 5), OTHER, 1),
    ((2, 2, 5, 5), (2, 2, 1, 1), ONE, 1),
    ((17, 1, 9, 9), (2, 1, 3, 3), ((3, 3), (0, 0, 0, 0)), 1),
    ((0, 1, 5, 5), (2, 1, 3, 3), ONE, 1),
    ((2, 1, 3, 3), (2, 1, 2, 2), ((1, 1), (4, 4, 4, 4)), 1),  # windows that see padding alone
]
# Beyond one tile of the matrix product in every direction, and beyond one part of its depth.
MATRICES = [(3, 4, 5), (70, 33, 130), (64, 16, 64), (20, 2000, 30), (1, 5, 1)]


def binary() -> list[tuple[Any, ...]]:
    batch, images = uniform(17, 3, 2, 2), uniform(17, 3, 2, 2, seed=1)
    return [
        (batch, images), (Chwn(batch), images), (batch, Chwn(images)), (Chwn(batch), uniform(3, 1, 1)),
        (batch, uniform(17, 1, 1, 2)), (uniform(1, 5), Chwn(uniform(17, 5))), (np.array(1.5), batch),
        (batch, np.array(0.7)), (uniform(5), uniform(4, 1)), (np.zeros((0, 3)), uniform(3)),
    ]  # fmt: skip


def truths(*shape: int, seed: int = 0) -> np.ndarray:
    return signed(*shape, seed=seed) > 0


def compared() -> list[tuple[Any, ...]]:
    """Pairs that broadcast, many of them equal, or NaN."""
    special = np.array([-1.0, -0.0, 0.0, 2.0, np.inf, -np.inf, np.nan])
    return [
        (special, special[:, None]), (np.array(1.0), Chwn(signed(17, 3).round(0))),
        *((order(signed(17, 3, 2, 2).round(0)), Chwn(signed(17, 3, 2, 2, seed=1).round(0))) for order in ORDERS),
        (Chwn(signed(17, 3, 2, 2).round(0)), signed(3, 1, 1, seed=1).round(0)), (np.zeros((0, 3)), uniform(3)),
    ]  # fmt: skip


def logical() -> list[tuple[Any, ...]]:
    return [
        *((order(truths(17, 3, 2)), Chwn(truths(17, 3, 2, seed=1))) for order in ORDERS),
        (truths(17, 1, 2), truths(3, 1, seed=1)), (np.array(True), Chwn(truths(17, 3))),
    ]  # fmt: skip


def chosen() -> list[tuple[Any, ...]]:
    """A condition and two arrays, in either order and broadcasting."""
    x, y = signed(17, 3, 2), signed(17, 3, 2, seed=1)
    x[0, 0], y[1, 1] = np.nan, np.inf
    return [
        *((order(truths(17, 3, 2)), x, Chwn(y)) for order in ORDERS), (Chwn(truths(17, 3, 2)), x, np.array(0.0)),
        (truths(3, 1), np.array(1.0), Chwn(y)), (truths(17, 1), truths(3), truths(17, 3)),
        (truths(17, 3), np.arange(3), np.arange(17)[:, None]),
    ]  # fmt: skip


def unary() -> list[tuple[Any, ...]]:
    return [(signed(17, 3, 2, 2),), (Chwn(signed(17, 3, 2, 2)),), (signed(),), (np.zeros((0, 2)),)]


def paired() -> list[tuple[Any, ...]]:
    dy, y = signed(17, 3, 2), signed(17, 3, 2, seed=1).round(1)
    return [(dy, y), (Chwn(dy), y), (dy, Chwn(y))]


def products() -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []
    for height, depth, width in MATRICES:
        for turned in ((False, False), (True, False), (False, True), (True, True)):
            a = signed(*((depth, height) if turned[0] else (height, depth)))
            b = signed(*((width, depth) if turned[1] else (depth, width)), seed=1)
            cases += [(a, b, *turned), (Chwn(a), b, *turned), (a, Chwn(b), *turned)]
    return cases


def convolved(
    shape: tuple[int, ...], weight: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]
) -> tuple[int, ...]:
    """The shape of a convolution's result."""
    sizes = [
        (shape[axis] + padding[2 * axis - 4] + padding[2 * axis - 3] - weight[axis]) // stride[axis - 2] + 1
        for axis in (2, 3)
    ]
    return shape[0], weight[0], *sizes


def convolutions(kind: str) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []
    for shape, weight, (stride, padding), groups in CONVOLUTIONS:
        x, w, bias = signed(*shape), signed(*weight, seed=1), signed(weight[0], seed=2)
        dy = signed(*convolved(shape, weight, stride, padding), seed=3)
        cases += {
            "value": [(x, w, bias, stride, padding, groups, True), (Chwn(x), w, None, stride, padding, groups, False)],
            "input": [(dy, w, shape, stride, padding, groups), (Chwn(dy), w, shape, stride, padding, groups)],
            "weight": [(dy, x, weight, stride, padding, groups), (Chwn(dy), Chwn(x), weight, stride, padding, groups)],
        }[kind]
    return cases


# Shape of the images, filters, kernel_size, stride and padding, groups.
LOCAL = [
    (IMAGES, 6, (3, 2), PAIR, 2),
    ((3, 2, 6, 5), 3, (3, 2), STRIDED, 1),
    ((9, 20, 4, 3), 19, (2, 3), OTHER, 1),
    ((70, 5, 3, 3), 35, (3, 2), ((2, 1), (1, 1, 1, 1)), 1),  # beyond a tile of the weight's gradient
    ((2, 2, 5, 5), 2, (1, 1), ((3, 2), (0, 0, 0, 0)), 2),  # pixels that no window sees
    ((0, 1, 5, 5), 2, (3, 3), ONE, 1),
    ((17, 8, 3, 3), 8, (2, 2), ((1, 1), (4, 4, 4, 4)), 1),  # windows that see padding alone
]


def locally_connected(kind: str) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []
    for shape, filters, kernel_size, (stride, padding), groups in LOCAL:
        y = convolved(shape, (filters, shape[1], *kernel_size), stride, padding)
        weight = *y[2:], shape[1] // groups, *kernel_size, filters
        x, w, bias, dy = signed(*shape), signed(*weight, seed=1), signed(*y[1:], seed=2), signed(*y, seed=3)
        geometry = stride, padding, groups
        cases += {
            "value": [
                (x, w, bias, *geometry, True),
                (Chwn(x), w, None, *geometry, False),
                (x, Chwn(w), Chwn(bias), *geometry, False),
            ],
            "input": [(dy, w, shape, *geometry), (Chwn(dy), Chwn(w), shape, *geometry)],
            "weight": [(dy, x, weight, *geometry), (Chwn(dy), Chwn(x), weight, *geometry)],
        }[kind]
    return cases


def averaged_gradients() -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, ...]] = []
    for size, stride, padding, ceil in POOLS:
        shape = REFERENCE.backend.avg_pool2d(on(signed(*IMAGES), REFERENCE), size, stride, padding, ceil, True).shape
        cases += [(Chwn(signed(*shape)), IMAGES, size, stride, padding, pad) for pad in (True, False)]
    return cases


def along(count: int) -> list[tuple[Any, ...]]:
    """`count` arrays of one shape and an axis."""
    arrays = [signed(17, 4, 3, 2, seed=seed) for seed in range(count)]
    return [
        (*orders, dim)
        for dim in range(4)
        for orders in (arrays, [Chwn(arrays[0]), *arrays[1:]], [Chwn(each) for each in arrays])
    ] + [(*(signed(700, 3, seed=seed) for seed in range(count)), 0)]


def ties() -> list[tuple[Any, ...]]:
    """Lines with many equals, with NaN, and with nothing but infinities."""
    x = signed(3, 600, 2).round(0)
    x[1, [200, 400]], x[2] = np.nan, np.inf
    return [(order(each), 1, False) for order in ORDERS for each in (x, -x)]


def maxima_gradients() -> list[tuple[Any, ...]]:
    x = signed(17, 4, 3, 2)
    return [
        (x.max(axis=dim, keepdims=True), np.argmax(x, axis=dim, keepdims=True).astype(np.int64), x.shape, dim)
        for dim in range(4)
    ]


def index_gradients() -> list[tuple[Any, ...]]:
    x = signed(*IMAGES)
    taken = [(np.array(x[index]), index) for index in INDICES]
    return [(dy, index, IMAGES) for dy, index in taken] + [
        (Chwn(dy), index, IMAGES) for dy, index in taken if dy.ndim > 1
    ]


def selections() -> list[tuple[tuple[int, ...], np.ndarray, int]]:
    """Shapes, indices of none, one and two axes, many of them several times or none at all, and their axis."""
    random = np.random.default_rng(0)
    shape = (17, 4, 3, 2)
    return [
        *((shape, random.integers(0, shape[axis], sides), axis) for axis in range(4) for sides in ((), (9,), (2, 30))),
        ((5,), np.array(3), 0), ((0, 3), np.array([2, 2]), 1), ((0, 3), np.zeros((2, 0), np.int64), 0),
        ((400, 3), random.integers(0, 9, 20_000), 0),
    ]  # fmt: skip


def taken() -> list[tuple[Any, ...]]:
    cases = [(order(signed(*shape)), *rest) for shape, *rest in selections() for order in ORDERS]
    return [*cases, (truths(17, 3), np.array([2, 0]), 1), (np.arange(6), Chwn(np.array([[5, 0], [1, 1]])), 0)]


def taken_gradients() -> list[tuple[Any, ...]]:
    return [
        (order(signed(*shape[:axis], *indices.shape, *shape[axis + 1 :])), indices, shape, axis)
        for shape, indices, axis in selections()
        for order in ORDERS
    ]


# The arguments to try with each primitive; those of integers come in a test of their own.
CASES: dict[str, Callable[[], list[tuple[Any, ...]]]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "pow"), binary),
    **dict.fromkeys(("neg", "exp", "abs", "relu", "tanh", "sigmoid"), unary),
    **dict.fromkeys(("abs_grad", "relu_grad", "tanh_grad", "sigmoid_grad"), paired),
    "log": lambda: [(uniform(17, 3),), (Chwn(uniform(17, 3)),)],
    "sqrt": lambda: [(uniform(17, 3),), (Chwn(uniform(17, 3)),), (np.array([0, -1, np.inf, np.nan]),)],
    **dict.fromkeys(("maximum", "minimum", "equal", "less", "less_equal"), compared),
    **dict.fromkeys(("logical_and", "logical_or"), logical),
    "logical_not": lambda: [(truths(17, 3),), (Chwn(truths(17, 3)),)],
    "where": chosen,
    "scale": lambda: [(signed(17, 3), 0.3), (Chwn(signed(17, 3)), -2)],
    **dict.fromkeys(
        ("pow_grad_base", "pow_grad_exponent"),
        lambda: [
            (signed(17, 3), Chwn(uniform(17, 1)), uniform(3, seed=1).round(0)),
            (Chwn(signed(17, 3)), uniform(17, 3), uniform(1, 3, seed=1)),
        ],
    ),
    "cast": lambda: [(signed(17, 3), np.float32), (Chwn(signed(17, 3) * 9), np.int64), (signed(4) * 9, np.int32)],
    "reorder": lambda: [(signed(70, 5, 9), True), (Chwn(signed(70, 5, 9)), False), (signed(1, 5), True),
                        (signed(4), True)],
    "reshape": lambda: [(order(signed(*IMAGES)), shape) for order in (np.array, Chwn) for shape in
                        ((17, 168), (68, 42), (17, 4, 42), (17, 2, 2, 7, 6))],
    "transpose": lambda: [(order(signed(*IMAGES)), *dims) for order in (np.array, Chwn) for dims in
                          ((0, 1), (1, 3), (2, 2))] + [(signed(70, 40), 0, 1), (Chwn(signed(70, 40)), 1, 0)],
    "getitem": lambda: [(order(signed(*IMAGES)), index) for order in (np.array, Chwn) for index in INDICES],
    "getitem_grad": index_gradients,
    "take": taken,
    "take_grad": taken_gradients,
    "cat": lambda: [([signed(*IMAGES), Chwn(signed(*IMAGES, seed=1))], dim) for dim in range(4)] +
                   [([signed(*IMAGES), signed(*IMAGES, seed=1)], dim) for dim in range(4)],
    "broadcast_to": lambda: [(signed(3, 1), (17, 3, 4)), (Chwn(signed(17, 1, 3)), (17, 2, 3)),
                             (Chwn(signed(17, 3)), (17, 3))],
    "sum": lambda: [(order(signed(17, 4, 3, 2)), dims, keep) for order in (np.array, Chwn) for keep in (True, False)
                    for dims in ((0, 2, 3), (1,), (0,), (3,), (1, 2), (0, 1, 2, 3), (0, 2), (1, 3))] +
                   [(signed(3000, 70), (0,), False), (signed(3, 70000), (1,), False), (signed(0, 3), (0,), False)],
    **dict.fromkeys(("max", "min"), lambda: [(*case, keep) for case in along(1) for keep in (True, False)] +
                                            [(signed(3, 70000), 1, False)] + ties()),
    "max_grad": maxima_gradients,
    # Also of lines with one large number: where it is overlooked the exponentials overflow.
    **dict.fromkeys(("softmax", "log_softmax"), lambda: [*along(1), (np.eye(40) * 1000, 0)]),
    "softmax_grad": lambda: along(2),
    "log_softmax_grad": lambda: along(2),
    "matmul": products,
    "linear": lambda: [(order(signed(n, 70)), signed(33, 70, seed=1), bias) for order in (np.array, Chwn)
                       for n in (1, 3, 17) for bias in (signed(33), None)] +
                      [(signed(5, 1200), signed(33, 1200, seed=1), signed(33))],
    "linear_grad_input": lambda: [(order(signed(n, 33)), signed(33, 70, seed=1)) for order in (np.array, Chwn)
                                  for n in (1, 3, 17)],
    "linear_grad_weight": lambda: [(order(signed(n, 33)), Chwn(signed(n, 70, seed=1))) for order in (np.array, Chwn)
                                   for n in (1, 3, 17)] + [(signed(3, 5), signed(3, 4))],
    "conv2d": lambda: convolutions("value"),
    "relu_bias_grad": lambda: [(order(signed(*IMAGES)), Chwn(signed(*IMAGES, seed=1).round(0))) for order in
                               (np.array, Chwn)],
    "conv2d_grad_input": lambda: convolutions("input"),
    "conv2d_grad_weight": lambda: convolutions("weight"),
    "locally_connected2d": lambda: locally_connected("value"),
    "locally_connected2d_grad_input": lambda: locally_connected("input"),
    "locally_connected2d_grad_weight": lambda: locally_connected("weight"),
    "max_pool2d": lambda: [(order(x), *pool) for order in (np.array, Chwn) for pool in POOLS
                           for x in (signed(*IMAGES), signed(*IMAGES).round(0))],
    "avg_pool2d": lambda: [(Chwn(signed(*IMAGES)), *pool, pad) for pool in POOLS for pad in (True, False)],
    "avg_pool2d_grad": averaged_gradients,
    "local_response_norm": lambda: [(signed(0, 9, 2, 2), 5, 1.0, 0.75, 2.0)] +
                                   [(order(signed(3, 9, 2, 2)), size, 1.0, beta, 2.0) for order in (np.array, Chwn)
                                    for size in (1, 4, 5) for beta in (0.75, 0.6)],
    "local_response_norm_grad": lambda: [(order(signed(3, 9, 2, 2)), signed(3, 9, 2, 2, seed=1), size, 1.0, beta, 2.0)
                                         for order in (np.array, Chwn) for size in (1, 4, 5) for beta in (0.75, 0.6)],
    "within_map_response_norm": lambda: [(signed(0, 3, 4, 5), 5, 9.0, 0.75, 2.0)] +
                                        [(order(signed(n, 3, 4, 7)), size, 9.0, beta, 2.0) for order in (np.array, Chwn)
                                         for n in (1, 3) for size in (1, 4, 5) for beta in (0.75, 0.6)],
    "within_map_response_norm_grad": lambda: [(order(signed(n, 3, 4, 7)), signed(n, 3, 4, 7, seed=1), size, 9.0, beta,
                                               2.0) for order in (np.array, Chwn) for n in (1, 3) for size in (1, 4, 5)
                                              for beta in (0.75, 0.6)],
    "cross_entropy": lambda: [(signed(0, 5), LABELS[:0])] +
                             [(order(signed(36, 5)), LABELS) for order in (np.array, Chwn)],
    "cross_entropy_grad": lambda: [(signed(36), order(uniform(36, 5)), LABELS) for order in (np.array, Chwn)],
    "dropout": lambda: [(order(signed(17, 5, 3)), 0.3, 2.0, 2**62 + 5, 9, 31) for order in (np.array, Chwn)],
}  # fmt: skip

# Sizes at which the CPU takes its other algorithms: images, weight, stride, padding, groups.
LARGER = [
    ((32, 16, 13, 13), (32, 16, 3, 3), (1, 1), (1, 1, 1, 1), 1),
    ((33, 32, 12, 12), (64, 16, 5, 5), (1, 1), (2, 2, 2, 2), 2),
    ((16, 3, 67, 67), (24, 3, 11, 11), (4, 4), (0, 0, 0, 0), 1),
    ((2, 16, 13, 13), (40, 16, 3, 3), (1, 1), (1, 1, 1, 1), 1),
]


def larger() -> list[tuple[str, tuple[Any, ...]]]:
    """Primitives and arguments in sizes of networks."""
    scenarios: list[tuple[str, tuple[Any, ...]]] = []
    for number, (shape, weight, stride, padding, groups) in enumerate(LARGER):
        x, w, bias = signed(*shape, seed=number), signed(*weight, seed=1), signed(weight[0], seed=2)
        dy, geometry = signed(*convolved(shape, weight, stride, padding), seed=3), (stride, padding, groups)
        scenarios += [
            ("conv2d", (x, w, bias, *geometry, True)),
            ("conv2d_grad_input", (Chwn(dy), w, shape, *geometry)),
            ("conv2d_grad_weight", (Chwn(dy), Chwn(x), weight, *geometry)),
            ("relu_bias_grad", (Chwn(dy), Chwn(dy.round(0)))),
        ]
    local, of_local = (33, 64, 6, 6), (6, 6, 64, 3, 3, 36)
    x, w, bias = signed(*local), signed(*of_local, seed=1), signed(36, 6, 6, seed=2)
    dy, geometry = signed(33, 36, 6, 6, seed=3), ((1, 1), (1, 1, 1, 1), 1)
    scenarios += [
        ("locally_connected2d", (Chwn(x), w, bias, *geometry, True)),
        ("locally_connected2d_grad_input", (Chwn(dy), w, local, *geometry)),
        ("locally_connected2d_grad_weight", (Chwn(dy), Chwn(x), of_local, *geometry)),
    ]
    many, maps = signed(64, 100_000), signed(32, 48, 13, 13)
    return [
        *scenarios,
        ("linear", (signed(1, 9001), signed(50, 9001, seed=1), signed(50))),
        ("local_response_norm", (Chwn(maps), 5, 1.0, 0.75, 2.0)),
        ("local_response_norm_grad", (Chwn(maps), Chwn(maps[::-1]), 5, 1.0, 0.75, 2.0)),
        ("dropout", (Chwn(maps), 0.5, 2.0, 3, 4, 8)),
        ("sum", (many, (1,), False)),
        ("softmax", (many, 1)),
        ("sgd_update", (many, many[::-1], signed(64, 100_000, seed=5), 0.01, 0.9, 0.0005)),
        ("adam_update", (many, many[::-1], many, many**2, 0.01, (0.9, 0.999), 1e-8, 0.0005, 9)),
    ]


# Tried by tests of their own, or by every test.
OTHERS = {"devices", "from_host", "to_host", "copy_to", "full", "max_pool2d_grad", "sgd_update", "adam_update"}


def on(argument: Any, device: Device, dtype: Any = np.float64) -> Any:
    """Arrays in an argument as DeviceArrays of the dtype (integers keep theirs)."""
    backend = device.backend
    if isinstance(argument, Chwn):
        return backend.reorder(on(argument.array, device, dtype), True)
    if isinstance(argument, np.ndarray):
        return backend.from_host(argument.astype(dtype if argument.dtype.kind == "f" else argument.dtype), device)
    return [on(each, device, dtype) for each in argument] if isinstance(argument, list) else argument


def assert_same(actual: DeviceArray, expected: DeviceArray) -> None:
    """Shape, dtype and values of what the reference gives, to a tolerance that follows from the dtype."""
    found, wanted = (each.device.backend.to_host(each) for each in (actual, expected))
    assert actual.shape == found.shape == wanted.shape and actual.dtype == found.dtype == wanted.dtype
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
        return
    largest = np.max(np.abs(wanted), initial=1.0, where=np.isfinite(wanted))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE[wanted.dtype] * largest)


# The rule of memory orders. Whatever they are given, these return CHWN order, and those C order:
IN_CHWN_ORDER = {
    "conv2d", "conv2d_grad_input", "relu_bias_grad", "max_pool2d", "max_pool2d_grad", "avg_pool2d", "avg_pool2d_grad",
    "local_response_norm", "local_response_norm_grad", "within_map_response_norm", "within_map_response_norm_grad",
    "linear", "linear_grad_input", "cross_entropy", "cross_entropy_grad", "locally_connected2d",
    "locally_connected2d_grad_input",
}  # fmt: skip
C_ORDER = {
    "transpose",
    "matmul",
    "linear_grad_weight",
    "conv2d_grad_weight",
    "locally_connected2d_grad_weight",
    "max",
    "min",
    "max_grad",
}
# A gradient takes the order of the value that it is told beside dy.
AS_THE_VALUE = {
    "abs_grad", "relu_grad", "tanh_grad", "sigmoid_grad", "softmax_grad", "log_softmax_grad",
}  # fmt: skip


def keeps_axis_0(name: str, arguments: list[Any], x: DeviceArray, result: DeviceArray) -> bool:
    """Whether axis 0 of the result is that of the operand x."""
    match name:
        case "cat":
            return True
        case "reshape":
            return result.shape[0] == x.shape[0]
        case "getitem":
            return isinstance(arguments[1][0], slice) and result.shape[0] == x.shape[0]
        case "take" | "take_grad":
            return x is arguments[0] and arguments[-1] != 0
        case "sum":
            return 0 not in arguments[1]
        case _:  # operands that broadcast, among them
            return x.ndim == result.ndim and x.shape[0] == result.shape[0]


def expected_order(name: str, arguments: list[Any], result: DeviceArray) -> bool:
    """Whether a result is in CHWN order by the rule: as an operand whose axis 0 it keeps, unless said otherwise."""
    if result.ndim < 2 or name in C_ORDER:
        return False
    if name in IN_CHWN_ORDER:
        return True
    if name == "reorder":
        return bool(arguments[1])
    if name in AS_THE_VALUE:
        return bool(arguments[1].chwn)
    operands = [x for each in arguments for x in (each if isinstance(each, list) else [each])]
    arrays = [x for x in operands if isinstance(x, DeviceArray)]
    return any(x.chwn and keeps_axis_0(name, arguments, x, result) for x in arrays)


@quiet
def check_arguments(name: str, arguments: tuple[Any, ...], dtype: Any, device: str) -> None:
    """The primitive on a device agrees with the reference, and its results are in the order of the rule."""
    results: list[tuple[DeviceArray, ...]] = []
    for place in (REFERENCE, mg.device(device)):
        given = [on(each, place, dtype) for each in arguments]
        result = getattr(place.backend, name)(*given)
        results.append(result if isinstance(result, tuple) else (result,))
    expected, actual = results
    if name == "max_pool2d":  # places in windows are kept in an integer type of the backend's own
        expected = expected[0], REFERENCE.backend.cast(expected[1], actual[1].dtype)
    for one, other in zip(actual, expected, strict=True):
        assert_same(one, other)
        assert one.chwn == expected_order(name, given, one), f"CHWN: {one.chwn}"


def check_primitive(name: str, dtype: Any, device: str) -> None:
    """The primitive agrees with the reference on all its cases."""
    for arguments in CASES[name]():
        check_arguments(name, arguments, dtype, device)
