"""cross_entropy: reductions, stability, and labels out of range."""

from __future__ import annotations

import numpy as np
import pytest
from checks import check_cross_entropy, chwn, complains
from definitions import cross_entropy
from hypothesis import given
from hypothesis import strategies as st
from strategies import batches, moderate, seeds

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
    losses = F.cross_entropy(x, mg.tensor(np.array([0, 2, 1]), device=device), "none")
    np.testing.assert_allclose(losses.numpy(), [0, 2e4, np.log(3)], rtol=1e-6)
    losses.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0, 0, 0], [1, 0, -1], [1 / 3, -2 / 3, 1 / 3]], atol=1e-6)


def test_impossible_class_and_nan(device: str) -> None:
    """A logit of minus infinity is a class of probability nought; a NaN must be seen in the loss."""
    logits = np.array([[-np.inf, 0, 0], [-np.inf, 0, 0], [np.nan, 0, 0]])
    x = mg.tensor(logits, device=device, requires_grad=True)
    losses = F.cross_entropy(x, mg.tensor(np.array([1, 0, 1]), device=device), "none")
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
        F.cross_entropy(mg.zeros(2, 3), mg.tensor(np.array([0, 1])), "average")
