"""cross_entropy, nll_loss and mse_loss: reductions, stability, and labels out of range; one_hot."""

from __future__ import annotations

import numpy as np
import pytest
from checks import check_cross_entropy, check_operation, chwn, complains
from definitions import cross_entropy
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, moderate, seeds, shapes

import minigrad as mg
import minigrad.functional as F

REDUCTIONS = ["mean", "sum", "none"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@given(n=batches, classes=st.integers(1, 7), seed=seeds)
def test_cross_entropy(reduction: str, device: str, n: int, classes: int, seed: int) -> None:
    targets = np.random.default_rng(seed).integers(0, classes, n)
    check_cross_entropy(moderate((n, classes), seed) * 3, targets, reduction, device)


def test_mean_is_the_default(device: str) -> None:
    logits, targets = moderate((5, 3), 0), np.array([0, 1, 2, 1, 0])
    loss = F.cross_entropy(mg.tensor(logits, device=device), mg.tensor(targets, device=device))
    assert loss.shape == ()
    np.testing.assert_allclose(loss.item(), cross_entropy(logits, targets), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_logits_stay_finite(dtype: type, device: str) -> None:
    logits = np.array([[1e4, 0, -1e4], [1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    x = mg.tensor(logits, device=device, requires_grad=True)
    losses = F.cross_entropy(x, mg.tensor(np.array([0, 2, 1]), device=device), reduction="none")
    np.testing.assert_allclose(losses.numpy(), [0, 2e4, np.log(3)], rtol=1e-6)
    losses.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0, 0], [1, 0, -1], [1 / 3, -2 / 3, 1 / 3]], atol=1e-6)


def test_impossible_class_and_nan(device: str) -> None:
    """A logit of minus infinity is a class of probability nought; a NaN must be seen in the loss."""
    logits = np.array([[-np.inf, 0, 0], [-np.inf, 0, 0], [np.nan, 0, 0]])
    x = mg.tensor(logits, device=device, requires_grad=True)
    losses = F.cross_entropy(x, mg.tensor(np.array([1, 0, 1]), device=device), reduction="none")
    np.testing.assert_allclose(losses.numpy(), [np.log(2), np.inf, np.nan], rtol=1e-12)
    losses[:1].sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[:1], [[0, -0.5, 0.5]], rtol=1e-12)


def test_flat_start_is_the_logarithm_of_the_classes(device: str) -> None:
    loss = F.cross_entropy(mg.zeros(4, 1000, device=device), mg.tensor(np.arange(4), device=device))
    np.testing.assert_allclose(loss.item(), np.log(1000), rtol=1e-6)


def test_sums_over_many_rows_are_accurate(device: str) -> None:
    logits, targets = moderate((3000, 10), 0), np.random.default_rng(0).integers(0, 10, 3000)
    for order in (lambda t: t, chwn):
        loss = F.cross_entropy(
            order(mg.tensor(logits.astype(np.float32), device=device)), mg.tensor(targets, device=device)
        )
        np.testing.assert_allclose(loss.item(), cross_entropy(logits, targets), rtol=1e-5)


@pytest.mark.parametrize("target", [3, -1])
def test_label_out_of_range_complains(target: int, device: str) -> None:
    """Here or where the loss is read; never a wrong number."""
    with complains("target", str(target)):
        F.cross_entropy(mg.zeros(2, 3, device=device), mg.tensor(np.array([0, target]), device=device)).item()


def test_wrong_shapes_complain() -> None:
    with complains("cross_entropy", "(2, 3)", "(3,)"):
        F.cross_entropy(mg.zeros(2, 3), mg.tensor(np.array([0, 1, 2])))
    with complains("cross_entropy", "(3,)"):
        F.cross_entropy(mg.zeros(3), mg.tensor(np.array(1)))
    with complains("cross_entropy"):
        F.cross_entropy(mg.zeros(2, 3), mg.tensor(np.zeros((2, 3), np.int64)))


def test_labels_that_are_no_integers_complain() -> None:
    with complains("float32", error=TypeError):
        F.cross_entropy(mg.zeros(2, 3), mg.zeros(2))


def test_labels_that_are_no_tensor_complain() -> None:
    for labels in (np.array([0, 1]), [0, 1]):
        with complains("cross_entropy", error=TypeError):
            F.cross_entropy(mg.zeros(2, 3), labels)


def test_unknown_reduction_complains() -> None:
    with complains("average", "mean", "sum", error=ValueError):
        F.cross_entropy(mg.zeros(2, 3), mg.tensor(np.array([0, 1])), reduction="average")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@given(shape=shapes(), seed=seeds)
def test_mse_loss(reduction: str, device: str, shape: tuple[int, ...], seed: int) -> None:
    def definition(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        losses = (a - b) ** 2
        return {"mean": losses.mean, "sum": losses.sum, "none": losses.copy}[reduction]()

    check_operation(
        lambda s, t: F.mse_loss(s, t, reduction=reduction),
        definition,
        [moderate(shape, seed), moderate(shape, seed + 1)],
        device,
        scale=16.0,
    )


def test_mse_loss_of_two_shapes_complains() -> None:
    """(N, 1) beside (N,) would give N^2 differences."""
    with complains("mse_loss", "(4, 1)", "(4,)", "reshape"):
        F.mse_loss(mg.zeros(4, 1), mg.zeros(4))
    with complains("mse_loss", "ndarray", error=TypeError):
        F.mse_loss(mg.zeros(4), np.zeros(4))
    with complains("mse_loss", "average"):
        F.mse_loss(mg.zeros(4), mg.zeros(4), reduction="average")


def test_one_hot() -> None:
    classes = mg.tensor([[2, 0], [1, 2]])
    y = F.one_hot(classes)
    assert y.dtype == np.int64 and y.shape == (2, 2, 3)
    np.testing.assert_array_equal(y.numpy(), np.eye(3)[[[2, 0], [1, 2]]])
    np.testing.assert_array_equal(F.one_hot(classes, 5).numpy(), np.eye(5)[[[2, 0], [1, 2]]])
    assert str(F.one_hot(mg.tensor([1], device="cpu:1")).device) == "cpu:1"


def test_one_hot_of_what_is_no_class_complains() -> None:
    for numbers, count, word in (([3], 3, "3"), ([-1], -1, "-1"), ([0], 0, "0"), ([0], 2.5, "2.5")):
        with complains("one_hot", word):
            F.one_hot(mg.tensor(numbers), count)
    with complains("one_hot", "float32", error=TypeError):
        F.one_hot(mg.ones(2))
    with complains("one_hot"):
        F.one_hot(mg.tensor(np.empty(0, np.int64)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@given(n=batches, classes=st.integers(1, 7), seed=seeds)
def test_nll_loss(reduction: str, device: str, n: int, classes: int, seed: int) -> None:
    targets = np.random.default_rng(seed).integers(0, classes, n)

    def definition(a: np.ndarray) -> np.ndarray:
        losses = -a[np.arange(n), targets]
        return {"mean": losses.mean, "sum": losses.sum, "none": losses.copy}[reduction]()

    labels = mg.tensor(targets, device=device)
    check_operation(
        lambda t: F.nll_loss(t, labels, reduction=reduction),
        definition,
        [moderate((n, classes), seed)],
        device,
        scale=4.0,
    )


def test_nll_loss_of_log_softmax_is_cross_entropy() -> None:
    logits, targets = mg.tensor(moderate((5, 3), 0)), mg.tensor([0, 1, 2, 1, 0])
    loss = F.nll_loss(F.log_softmax(logits, 1), targets)
    np.testing.assert_allclose(loss.item(), F.cross_entropy(logits, targets).item(), rtol=1e-12)


def test_classes_that_cannot_be_do_not_touch_nll_loss_of_others() -> None:
    loss = F.nll_loss(mg.tensor([[-1.0, -np.inf]]), mg.tensor([0]))
    assert loss.item() == 1


@pytest.mark.parametrize("target", [3, -1, -100])
def test_nll_loss_of_a_label_out_of_range_complains(target: int) -> None:
    with complains("nll_loss", "target", str(target)):
        F.nll_loss(mg.zeros(2, 3), mg.tensor([0, target]))
