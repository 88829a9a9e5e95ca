"""The loss of a classification."""

from __future__ import annotations

import numpy as np

from minigrad.backends.labels import check_labels
from minigrad.backends.reference.primitive import Array, primitive


@primitive
def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Array]:
    """loss[n] = -log p[n, target[n]], and p = softmax(logits) itself"""
    check_labels(targets, logits.shape[1])
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(targets)), targets], np.exp(log_p)


@primitive
def cross_entropy_grad(dy: Array, probabilities: Array, targets: Array) -> Array:
    """dlogits[n, c] = dy[n] (p[n, c] - 1 if c is target[n], else p[n, c])"""
    hit = np.arange(probabilities.shape[1]) == targets[:, None]
    return dy[:, None] * (probabilities - hit)
