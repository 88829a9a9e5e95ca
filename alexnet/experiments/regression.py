"""Multinomial logistic regression on features that are many more than the pictures, stopped by held-out pictures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import ceil

import numpy as np

import minigrad as mg
import minigrad.functional as F
from minigrad import nn, optim
from minigrad.random import stream

__all__ = ["EPOCHS", "classify", "coefficients", "percent_right"]

EPOCHS = 50
BATCH = 100
RATE, MOMENTUM = 10.0, 0.9  # for features whose squared norm is 1 on average
HELD_OUT = 6  # one training picture of so many of each class says when to stop
READ = 1000  # pictures that are classified together


def classify(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int, device: str = "cpu"
) -> tuple[float, int]:
    """Learn from some pictures, and classify others.

    The features are centred, and divided by one number; there is no bias, for classes of as many pictures need none.
    The number of epochs is the one after which pictures held out of the training ones were classified best; then all
    of these are learned from anew, for so many epochs.

    Args:
        features: float32 (n, d).
        labels: of the pictures, integers (n,).
        train, test: which are learned from and which classified, integers.
        seed: of what is held out, and of the order.
        device: where it computes.

    Returns:
        the percentage that is right, the mean of the classes' own; the epochs.
    """
    x = features[train]
    mean = x.mean(0)
    x -= mean
    scale = float(np.sqrt(np.square(x).sum() / len(x))) or 1.0  # blank pictures have none
    x /= scale
    known, pictures = labels[train], mg.tensor(x, device)
    gram = (pictures @ pictures.T).numpy()
    epochs = _best_epochs(gram, known, seed, device)
    (learned,) = islice(coefficients(gram, known, seed, device), epochs - 1, epochs)
    weight = (pictures.T @ mg.tensor(learned, device)).numpy()
    parts = [(features[rows] - mean) / scale @ weight for rows in np.array_split(test, ceil(len(test) / READ))]
    return percent_right(np.concatenate(parts), labels[test]), epochs


def coefficients(gram: np.ndarray, labels: np.ndarray, seed: int, device: str = "cpu") -> Iterator[np.ndarray]:
    """What is learned after 1, 2, ... EPOCHS epochs of stochastic gradient descent.

    The gradient of the weights W is that of the scores times the features x of a batch. So W, which begins at 0, is
    always x^T a, with a row of a for each picture; the scores are x x^T a, and each step changes a by the gradient of
    the scores. That is the same descent, without the features.

    Args:
        gram: x x^T, float32 (n, n).
        labels: integers (n,).
        seed: of the order.
        device: where it computes.

    Yields:
        a, float32 (n, classes).
    """
    a = nn.Parameter(mg.zeros(len(gram), int(labels.max()) + 1, device=device))
    optimizer = optim.SGD([a], lr=RATE, momentum=MOMENTUM)
    draw = stream(seed, 0)
    for _ in range(EPOCHS):
        for rows in np.array_split(draw.permutation(len(gram)), ceil(len(gram) / BATCH)):
            scores = (mg.tensor(gram[rows], device) @ a.detach()).requires_grad_()
            F.cross_entropy(scores, mg.tensor(labels[rows], device)).backward()
            assert scores.grad is not None
            gradient = np.zeros(a.shape, np.float32)
            gradient[rows] = scores.grad.numpy()
            a.grad = mg.tensor(gradient, device)
            optimizer.step()
        yield a.detach().numpy()


def _best_epochs(gram: np.ndarray, labels: np.ndarray, seed: int, device: str) -> int:
    """The number after which the pictures that are held out are classified best; of equals the fewest."""
    draw = stream(seed, 1)
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        pictures = draw.permutation(np.flatnonzero(labels == label))
        held[pictures[: ceil(len(pictures) / HELD_OUT)]] = True
    inner, across = gram[np.ix_(~held, ~held)], gram[np.ix_(held, ~held)]
    found = [percent_right(across @ a, labels[held]) for a in coefficients(inner, labels[~held], seed, device)]
    return 1 + int(np.argmax(found))


def percent_right(scores: np.ndarray, labels: np.ndarray) -> float:
    """The mean of the classes' own percentages: scores (n, classes), labels (n,)."""
    right = scores.argmax(1) == labels
    return float(100 * np.mean([right[labels == label].mean() for label in np.unique(labels)]))
