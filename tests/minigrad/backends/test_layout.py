"""CHWN and C order: which operation returns which, and that nobody outside the backends can tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from checks import chwn, leaves
from strategies import apart, moderate

import minigrad as mg
import minigrad.functional as F
from minigrad import nn

Operation = Callable[[mg.Tensor], mg.Tensor]


def weight(*shape: int) -> mg.Tensor:
    return mg.tensor(moderate(shape, 5))


PRESERVING: dict[str, Operation] = {
    "number": lambda x: 2 * x + 1,
    "itself": lambda x: x * x,
    "a value per channel": lambda x: x + weight(4, 1, 1),
    "relu": F.relu,
    "tanh": F.tanh,
    "sigmoid": F.sigmoid,
    "exp": lambda x: (x * 0.1).exp(),
    "dropout": lambda x: F.dropout(x, 0.5),
    "flatten": lambda x: x.flatten(1),
    "reshape that keeps axis 0": lambda x: x.reshape(x.shape[0], 6, 4, 6),
    "cat": lambda x: mg.cat([x, x * 2], dim=1),
    "slice of channels": lambda x: x[:, 1:3],
    "one channel": lambda x: x[:, 2],
    "channels by number": lambda x: x[:, [2, 0, 2, 3, 1]],
    "rows backwards": lambda x: x[:, :, ::-1],
    "float32": lambda x: x.to(np.float32),
    "other device": lambda x: x.to("cpu:1"),
}
IN_CHWN_ORDER: dict[str, Operation] = {
    "conv2d": lambda x: F.conv2d(x, weight(3, 4, 3, 3), weight(3), 1, 1),
    "locally_connected2d": lambda x: F.locally_connected2d(
        x, weight(3, 3, 4, 3, 3, 8), weight(8, 3, 3), 2, (1, 0, 0, 1)
    ),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2),
    "local_response_norm": lambda x: F.local_response_norm(x, 3, 1.0),
    "within_map_response_norm": lambda x: F.within_map_response_norm(x, 3, 9.0),
    "linear": lambda x: F.linear(x.flatten(1), weight(5, 144), weight(5)),
}
OTHERS: dict[str, Operation] = {
    "transpose": lambda x: x.transpose(0, 1),
    "transpose within": lambda x: x.transpose(1, -1),
    "reshape of the batch": lambda x: x.reshape(-1, 6),
    "some images": lambda x: x[::4],
    "images by number": lambda x: x[[0, -1, 0]],
    "one image": lambda x: x[-1],
    "sum": lambda x: x.sum((0, 2, 3)),
    "sum within": lambda x: x.sum(1),
    "mean": lambda x: x.mean((2, 3), keepdim=True),
    "max": lambda x: x.max(1)[0],
    "max of all": lambda x: x.max(),
    "softmax": lambda x: F.softmax(x, 1),
    "log_softmax": lambda x: F.log_softmax(x, 0),
    "matmul": lambda x: x.flatten(1) @ weight(144, 3),
    "matmul from the left": lambda x: weight(3, 17) @ x.flatten(1) if x.shape[0] == 17 else x.flatten(1) * 1,
    "cross_entropy": lambda x: F.cross_entropy(x.flatten(1), mg.tensor(np.arange(x.shape[0]))),
    "loss of each": lambda x: F.cross_entropy(x.flatten(1), mg.tensor(np.arange(x.shape[0])), reduction="none"),
    "broadcast against a batch": lambda x: x[:1] * x,
    "both orders": lambda x: x * mg.tensor(moderate(x.shape, 6)),
    "both orders, other side": lambda x: mg.tensor(moderate(x.shape, 6)) / (x * x + 1),
}
EVERYTHING = PRESERVING | IN_CHWN_ORDER | OTHERS


def in_order(array: np.ndarray, order: bool) -> mg.Tensor:
    x = mg.tensor(array)
    return chwn(x) if order else x


def test_helper_gives_tensors_in_chwn_order() -> None:
    for shape in ((17, 3), (17, 3, 2), (17, 3, 2, 4)):
        x = mg.tensor(moderate(shape, 0))
        assert not x.array.chwn and chwn(x).array.chwn
        np.testing.assert_array_equal(chwn(x).numpy(), x.numpy())


@pytest.mark.parametrize("name", PRESERVING)
@pytest.mark.parametrize("order", [False, True])
def test_order_is_preserved(name: str, order: bool) -> None:
    assert PRESERVING[name](in_order(moderate((17, 4, 6, 6), 0), order)).array.chwn == order


@pytest.mark.parametrize("name", IN_CHWN_ORDER)
@pytest.mark.parametrize("order", [False, True])
def test_layers_return_chwn_order(name: str, order: bool) -> None:
    assert IN_CHWN_ORDER[name](in_order(moderate((17, 4, 6, 6), 0), order)).array.chwn


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("n", [1, 17])
def test_values_and_gradients_do_not_depend_on_the_order(name: str, n: int) -> None:
    """Neither on the input's nor on the cotangent's."""
    array = apart((n, 4, 6, 6), 0) * 0.01
    results = []
    for order in (False, True):
        for cotangent_order in (False, True):
            (x,) = leaves([array], "cpu")
            mg.manual_seed(3)
            y = EVERYTHING[name](chwn(x) if order else x)
            cotangent = mg.tensor(moderate(y.shape, 9).astype(y.dtype), device=y.device)
            y.backward(chwn(cotangent) if cotangent_order else cotangent)
            results.append((y.numpy(), x.grad.numpy()))
    tolerance = 1e-5 if name == "float32" else 1e-12
    for value, grad in results[1:]:
        np.testing.assert_allclose(value, results[0][0], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(grad, results[0][1], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", EVERYTHING)
def test_gradient_of_a_leaf_takes_its_order(name: str) -> None:
    for order in (False, True):
        x = in_order(moderate((17, 4, 6, 6), 0), order).detach()
        x.requires_grad = True
        y = EVERYTHING[name](x)
        y.backward(mg.tensor(moderate(y.shape, 9).astype(y.dtype), device=y.device))
        assert x.grad.shape == x.shape and x.grad.array.chwn == x.array.chwn


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 17])
def test_net_gives_the_same_in_both_orders(dtype: type, n: int) -> None:
    mg.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.LocalResponseNorm(5, 1.0), nn.MaxPool2d(3, 2),
        nn.Conv2d(8, 8, 3, groups=2), nn.Tanh(), nn.Flatten(), nn.Linear(8 * 4, 5),
    ).to(dtype)  # fmt: skip
    targets = mg.tensor(np.arange(n) % 5)
    array = moderate((n, 3, 9, 9), 0).astype(dtype)
    results = []
    for order in (False, True):
        net.zero_grad()
        loss = F.cross_entropy(net(in_order(array, order)), targets)
        loss.backward()
        results.append([loss.numpy(), *(p.grad.numpy() for p in net.parameters())])
        assert not any(p.array.chwn or p.grad.array.chwn for p in net.parameters())
    for first, second in zip(*results, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-6)
