"""Cross entropy: a number for each example, and the softmax that its gradient wants again."""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.memory import new, stored, wrap
from minigrad.backends.labels import check_labels
from minigrad.backends.layout import view


def cross_entropy(logits: DeviceArray, targets: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    scores, labels = stored(logits, True).reshape(logits.shape[1], -1), targets.data
    check_labels(labels, scores.shape[0])
    examples = np.arange(labels.size)
    shifted = scores - scores.max(axis=0)  # the largest becomes 0, so no exponential overflows
    powers = np.exp(shifted)
    total = powers.sum(axis=0)
    losses = np.log(total) - shifted[labels, examples]
    probabilities = new(logits.shape, logits.dtype, logits.device, chwn=True)
    np.divide(powers, total, out=probabilities.data)
    return wrap(losses, logits.device), probabilities


def cross_entropy_grad(dy: DeviceArray, probabilities: DeviceArray, targets: DeviceArray) -> DeviceArray:
    dx = new(probabilities.shape, dy.dtype, dy.device, chwn=True)
    gradient = stored(dy, False)
    scores = view(dx).T
    np.multiply(view(probabilities).T, gradient, out=scores)
    scores[targets.data, np.arange(gradient.size)] -= gradient
    return dx
