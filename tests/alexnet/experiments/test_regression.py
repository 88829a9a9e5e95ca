"""Logistic regression in as many numbers as there are pictures is the ordinary one."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from alexnet.experiments import regression
from alexnet.experiments.regression import BATCH, MOMENTUM, RATE, classify, coefficients, percent_right
from minigrad.random import stream


def problem(count: int, length: int, classes: int = 3, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Features that depend on their class a little, and the classes."""
    draw = np.random.default_rng(0)
    labels = np.arange(count) % classes
    features = draw.standard_normal((count, length)) + spread * draw.standard_normal((classes, length))[labels]
    return features.astype(np.float32), labels


def test_it_is_gradient_descent_on_the_weights() -> None:
    x, labels = problem(230, 40)
    x /= np.sqrt(np.square(x).sum(1).mean())
    weight, velocity, order = np.zeros((40, 3)), np.zeros((40, 3)), stream(5, 0)
    for epoch, a in enumerate(islice(coefficients(x @ x.T, labels, 5), 3)):
        for rows in np.array_split(order.permutation(230), 3):
            scores = np.exp(x[rows] @ weight)
            gradient = scores / scores.sum(1, keepdims=True) - np.eye(3)[labels[rows]]
            velocity = MOMENTUM * velocity - RATE * x[rows].T @ gradient / len(rows)
            weight += velocity
        np.testing.assert_allclose(x.T @ a, weight, atol=1e-4, err_msg=f"epoch {epoch}")
    assert BATCH == 100 and np.abs(weight).max() > 0.5


def test_classes_count_alike() -> None:
    scores = np.eye(3)[[0, 0, 0, 0, 1, 2]]
    assert percent_right(scores, np.array([0, 0, 0, 1, 1, 2])) == pytest.approx((100 + 50 + 100) / 3)


def test_what_is_learned_is_not_what_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regression, "EPOCHS", 5)
    monkeypatch.setattr(regression, "READ", 50)
    features, labels = problem(240, 60, spread=0.35)
    train, test = np.arange(0, 90), np.arange(90, 240)
    percent, epochs = classify(features, labels, train, test, 0)
    assert 60 < percent < 100 and 1 <= epochs <= 5
    others = labels.copy()
    others[test] = (labels[test] + 1) % 3
    assert classify(features, others, train, test, 0)[1] == epochs
    assert classify(features, others, train, test, 0)[0] < 40
    assert classify(features * 1000 + 30_000, labels, train, test, 0) == pytest.approx((percent, epochs), abs=1)


def test_it_stops_where_held_out_pictures_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = problem(90, 60)
    rates = iter([10.0, 40.0, 40.0, 30.0])
    monkeypatch.setattr(regression, "EPOCHS", 4)
    monkeypatch.setattr(regression, "percent_right", lambda scores, labels: next(rates, float(len(labels))))
    assert classify(features, labels, np.arange(60), np.arange(60, 90), 0) == (30.0, 2)


def test_held_out_pictures_are_of_all_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = problem(90, 60)
    asked = []
    monkeypatch.setattr(regression, "EPOCHS", 1)
    monkeypatch.setattr(regression, "percent_right", lambda scores, labels: asked.append(np.bincount(labels)) or 0.0)
    classify(features, labels, np.arange(75), np.arange(75, 90), 0)
    assert [each.tolist() for each in asked] == [[5, 5, 5], [5, 5, 5]]


def test_blank_features_are_no_error() -> None:
    percent, epochs = classify(np.zeros((30, 5), np.float32), np.arange(30) % 3, np.arange(15), np.arange(15, 30), 0)
    assert percent == pytest.approx(100 / 3) and epochs == 1
