"""Comparisons, logic, choices, indexing by integers, and the rules of dtypes, as readers of PyTorch expect them."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks import complains
from hypothesis import given
from hypothesis import strategies as st
from strategies import broadcastable_pairs, seeds

import minigrad as mg

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Values with equals and NaN among them."""
    values = np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float64)
    return np.where(values == 2, np.nan, values)


def differentiates(function: Callable[..., Any], arrays: list[np.ndarray], device: str) -> bool:
    return mg.gradcheck(function, [mg.tensor(a, device) for a in arrays])


@pytest.mark.parametrize("compare", COMPARISONS)
@given(shapes=broadcastable_pairs(), seed=seeds)
def test_comparisons(compare: Callable[..., Any], shapes: tuple[Any, Any], seed: int, device: str) -> None:
    a, b = drawn(shapes[0], seed), drawn(shapes[1], seed + 1)
    result = compare(mg.tensor(a, device), mg.tensor(b, device))
    assert result.dtype == mg.bool and not result.requires_grad
    np.testing.assert_array_equal(result.numpy(), compare(a, b))
    np.testing.assert_array_equal(compare(mg.tensor(a, device), 1).numpy(), compare(a, 1))


def test_logic(device: str) -> None:
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    x, y = mg.tensor(a, device), mg.tensor(b, device)
    for result, wanted in ((x & y, a & b), (x | y, a | b), (~x, ~a), (x + y, a + b), (x * y, a * b), (x == y, a == b)):
        assert result.dtype == mg.bool and result.tolist() == wanted.tolist()
    assert x.sum().item() == 2 and x.sum().dtype == mg.int64
    assert (x + 1).dtype == mg.int64 and (x * 0.5).dtype == mg.float32
    assert x.any().item() and not x.all().item() and x.reshape(2, 2).all(1).tolist() == [True, False]
    for refused in (lambda: x - y, lambda: -x, lambda: x.mean(), lambda: x & mg.ones(4, device=device)):
        with complains(error=TypeError):
            refused()
    with complains("any"):
        bool(x)


@given(shapes=broadcastable_pairs(), seed=seeds)
def test_choices_have_gradients(shapes: tuple[Any, Any], seed: int, device: str) -> None:
    random = np.random.default_rng(seed)
    a, b = (
        random.permutation(int(np.prod(shapes[0]))).reshape(shapes[0]) + 0.25,
        np.round(random.uniform(0, 9, shapes[1])) + 0.5,
    )
    condition = random.random(shapes[0]) < 0.5
    x, y = mg.tensor(a, device), mg.tensor(b, device)
    np.testing.assert_array_equal(mg.maximum(x, y).numpy(), np.maximum(a, b))
    np.testing.assert_array_equal(mg.minimum(x, y).numpy(), np.minimum(a, b))
    np.testing.assert_array_equal(mg.where(mg.tensor(condition, device), x, y).numpy(), np.where(condition, a, b))
    assert differentiates(mg.maximum, [a, b], device)
    assert differentiates(mg.minimum, [a, b], device)
    assert differentiates(lambda x, y: mg.where(mg.tensor(condition, device), x, y), [a, b], device)
    assert differentiates(lambda x: x.clamp(1.1, 3.6), [a], device)
    assert differentiates(mg.sqrt, [a], device)


def test_of_equals_each_gets_half_of_the_gradient(device: str) -> None:
    x, y = (mg.ones(2, device=device, requires_grad=True) for _ in range(2))
    (mg.maximum(x, y) * mg.tensor([1.0, 3.0], device)).sum().backward()
    assert x.grad is not None and y.grad is not None
    assert x.grad.tolist() == y.grad.tolist() == [0.5, 1.5]


INDICES: list[Any] = [
    [0, 2, 0],
    np.array([[1, -1], [0, 0]]),
    (slice(None), [1, 1, 0]),
    ([0, 1], [1, 2]),
    ([[0], [1]], [1, 2]),
    (slice(1, None), slice(None), np.array([3, 0])),
    (None, [0, 1]),
    (..., [0, 3]),
    ([0, 2], slice(None), [1, 1]),
    (slice(None), None, [1, 0], slice(0, 2)),
    range(2),
]


@pytest.mark.parametrize("index", INDICES)
def test_integer_arrays_take_elements(index: Any, device: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 3, 4))
    wanted = x[list(index) if isinstance(index, range) else index]
    np.testing.assert_array_equal(mg.tensor(x, device)[index].numpy(), wanted)
    assert differentiates(lambda x: x[index], [x], device)
    parts = index if isinstance(index, tuple) else (index,)
    tensors = tuple(
        mg.tensor(np.asarray(each), device) if isinstance(each, (list, np.ndarray)) else each for each in parts
    )
    np.testing.assert_array_equal(mg.tensor(x, device)[tensors].numpy(), wanted)


def test_an_integer_tensor_of_one_element_is_an_index() -> None:
    assert "abc"[mg.tensor(2)] == "c" and list(range(mg.tensor([3]))) == [0, 1, 2]  # type: ignore[call-overload]
    assert mg.arange(5)[mg.tensor(3)].item() == 3
    start = mg.tensor(1)
    assert mg.arange(5)[start : start + 3].tolist() == [1, 2, 3] and mg.arange(5)[:: mg.tensor([2])].tolist() == [
        0,
        2,
        4,
    ]
    with complains("slice", error=TypeError):
        mg.arange(5)[start.float() :]
    with complains("index", error=TypeError):
        "abc"[mg.tensor(2.0)]  # type: ignore[index]


DTYPES = [mg.float32, mg.float64, mg.int64, mg.int32, mg.uint8, mg.bool]


@pytest.mark.parametrize("shapes", [((2,), (2,)), ((), (2,)), ((2,), ()), ((), ())])
@given(kinds=st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)))
def test_dtypes_meet_as_in_pytorch(shapes: tuple[Any, Any], kinds: tuple[Any, Any]) -> None:
    torch = pytest.importorskip("torch")
    x, y = (mg.ones(shape, dtype=kind) for shape, kind in zip(shapes, kinds, strict=True))
    a, b = (torch.ones(shape, dtype=getattr(torch, str(kind))) for shape, kind in zip(shapes, kinds, strict=True))
    assert f"torch.{(x + y).dtype}" == str((a + b).dtype)
    assert f"torch.{(x / y).dtype}" == str((a / b).dtype)
    assert f"torch.{(x * 2).dtype}" == str((a * 2).dtype) and f"torch.{(x * 2.0).dtype}" == str((a * 2.0).dtype)


def test_variance_and_extremes_against_numpy(device: str) -> None:
    a = np.random.default_rng(0).normal(size=(4, 5))
    x = mg.tensor(a, device)
    np.testing.assert_allclose(x.var(1).numpy(), a.var(1, ddof=1))
    np.testing.assert_allclose(x.std(0, unbiased=False, keepdim=True).numpy(), a.std(0, keepdims=True))
    assert differentiates(lambda x: x.std(1), [a], device)
    values, indices = x.min(1)
    np.testing.assert_array_equal(values.numpy(), a.min(1))
    np.testing.assert_array_equal(indices.numpy(), a.argmin(1))
    assert mg.tensor(np.array([3, 250], np.uint8), device).min().item() == 3
    assert differentiates(lambda x: x.min(0).values, [a], device)


def test_shapes_as_pytorch_names_them(device: str) -> None:
    x = mg.arange(24, device=device).reshape(2, 3, 4)
    assert x.permute(2, 0, 1).shape == (4, 2, 3) and x.permute((1, 2, 0))[2, 3, 1].item() == 23
    assert x.unsqueeze(-1).squeeze().shape == x.view(2, 3, 4).size() and x.size(-1) == 4 and x.numel() == 24
    assert x[:, None].shape == (2, 1, 3, 4) and mg.stack([x, x], 1).shape == (2, 2, 3, 4)
    assert mg.eye(2, 3, device=device).T.tolist() == [[1, 0], [0, 1], [0, 0]]
    with complains("permute", error=RuntimeError):
        x.T  # noqa: B018


def test_numbers_in_order_and_at_random() -> None:
    assert mg.arange(3).dtype == mg.int64 and mg.arange(0, 1, 0.25).tolist() == [0, 0.25, 0.5, 0.75]
    assert mg.linspace(0, 1, 3).tolist() == [0, 0.5, 1] and mg.full((2,), True).dtype == mg.bool
    mg.manual_seed(0)
    draws = mg.randint(3, (1000,))
    assert draws.dtype == mg.int64 and set(draws.tolist()) == {0, 1, 2}
    assert 0 <= mg.rand(100).min().item() < 0.1 and mg.zeros_like(draws).dtype == mg.int64


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: mg.randint(0, 300, (2,), dtype=mg.uint8),
        lambda: mg.full((2,), 300, dtype=mg.uint8),
        lambda: mg.full((2,), -1, dtype=mg.uint8),
        lambda: mg.randint(5, 2, (2,)),
        lambda: mg.randint(3),
        lambda: mg.arange(0, 3, 0),
        lambda: mg.linspace("a", 1, 2),  # type: ignore[arg-type]
        lambda: mg.eye(-1),
        lambda: mg.ones(3)[[[0], [1, 2]]],
        lambda: mg.ones(3).var(0, correction="a"),  # type: ignore[arg-type]
        lambda: mg.ones(3).clamp(),
        lambda: mg.where(mg.ones(3), 1, 2),
        lambda: mg.stack([mg.ones(2), mg.ones(3)]),
    ],
)
def test_wrong_arguments_complain(wrong: Callable[[], Any]) -> None:
    with complains():
        wrong()


def test_bools_are_shown_as_such() -> None:
    assert ">True</td>" in mg.tensor([True, False])._repr_html_() and "[ True, False]" in repr(mg.tensor([True, False]))


def test_tensors_are_written_by_format() -> None:
    assert f"{mg.tensor(0.12345):.3f}" == "0.123" and f"{mg.tensor([3]):d}" == "3"
    assert f"{mg.tensor(0.5)}" == "0.5" and f"{mg.tensor(7)}" == "7"
    assert f"{mg.ones(2)}" == str(mg.ones(2)) and f"{mg.ones(1)}" == str(mg.ones(1))
    with complains("one element", error=TypeError):
        f"{mg.ones(2):.3f}"


def test_tensors_and_modules_are_pickled_and_copied(device: str) -> None:
    net = mg.nn.Sequential(mg.nn.Linear(3, 2), mg.nn.ReLU()).to(device)
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert [p.device for p in other.parameters()] == [p.device for p in net.parameters()]
        assert all((a == b).all() for a, b in zip(net.parameters(), other.parameters(), strict=True))
        assert other[0].weight is dict(other.named_parameters())["0.weight"]
    data = next(net.parameters()).data
    other = copy.deepcopy(data)
    data.zero_()
    assert other.any() and not pickle.loads(pickle.dumps(data)).any()  # a copy changes with nobody
    with complains("detach", error=RuntimeError):
        pickle.dumps(mg.ones(2, requires_grad=True) * 2)


def test_an_operation_of_ones_own_on_numpy_arrays(device: str) -> None:
    class Square(mg.Function, numpy=True):
        def forward(self, x: np.ndarray) -> np.ndarray:
            self.x = x
            return x**2

        def backward(self, dy: np.ndarray) -> np.ndarray:
            return 2 * self.x * dy

    assert differentiates(Square.apply, [np.array([0.5, -1.0])], device)
    assert Square.apply(mg.ones(2, device=device)).dtype == mg.float32
    for wrong in ((3.0,), (), (None,)):
        with complains("tensors", error=TypeError):
            Square.apply(*wrong)  # type: ignore[arg-type]


def test_pytorchs_form_of_an_operation_is_met_with_ours() -> None:
    with complains("self.x = x", error=TypeError):

        class Square(mg.Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x


def test_results_are_new_tensors() -> None:
    x = mg.tensor([1.0, 4.0])
    for function in (mg.sqrt, mg.sum, mg.matmul):
        with complains("out=", f"y = mg.{function.__name__}(", error=TypeError):
            function(x, out=x)
    assert x.tolist() == [1, 4]


def test_operators_that_are_not_offered() -> None:
    x = mg.tensor([5, 7])
    for compute, words in (
        (lambda: x // 2, "mg.tensor(x.numpy() // 2)"),
        (lambda: 2 // x, "//"),
        (lambda: x % 2, "mg.tensor(x.numpy() % 2)"),
        (lambda: np.ones(2) % x, "%"),
        (lambda: (x > 5) ^ (x > 6), "x != y"),
    ):
        with complains("not offered", words, error=TypeError):
            compute()
