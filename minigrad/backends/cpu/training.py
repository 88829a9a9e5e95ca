"""What a training step needs besides layers: the loss, dropout and the update."""

from __future__ import annotations

import numpy as np

from minigrad.backends.cpu.matrix import (
    BLOCK_COLUMNS,
    BLOCK_ROWS,
    WeightGradient,
    block_spans,
    gradient_block,
    gradient_room,
)
from minigrad.backends.cpu.memory import new, stored, view, wrap
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.cpu.runtime.threads import parallel, quiet, spans
from minigrad.backends.labels import check_labels
from minigrad.device import DeviceArray
from minigrad.random import philox

PARTS = 16
WORTH_THREADS = 1 << 14


@quiet
def cross_entropy(logits: DeviceArray, targets: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    scores, labels = stored(logits, True).reshape(logits.shape[1], -1), targets.data
    check_labels(labels, scores.shape[0])
    examples = np.arange(labels.size)
    shifted = scores - scores.max(axis=0)  # the largest becomes 0, so no exponential overflows
    powers = np.exp(shifted)
    total = powers.sum(axis=0)
    losses = np.log(total) - shifted[labels, examples]
    probabilities = new(logits.shape, logits.dtype, logits.device, batch_last=True)
    np.divide(powers, total, out=probabilities.data)
    return wrap(losses, logits.device), probabilities


@quiet
def cross_entropy_grad(dy: DeviceArray, probabilities: DeviceArray, targets: DeviceArray) -> DeviceArray:
    dx = new(probabilities.shape, dy.dtype, dy.device, batch_last=True)
    gradient = stored(dy, False)
    scores = view(dx).T
    np.multiply(view(probabilities).T, gradient, out=scores)
    scores[targets.data, np.arange(gradient.size)] -= gradient
    return dx


_random_words = inner(philox)


@jitted
def _dropout(x, y, images, features, threshold, scale, seed, counter, first, last):
    """x and y are flat storage; element i of image n has logical index n * features + i, and lies at i * images + n.

    for blocks of four words, first to last - 1: keep the elements whose random word is at least the threshold, scaled
    """
    zero = x.dtype.type(0)
    for block in range(first, last):
        words = _random_words(block, seed, counter)
        for w in range(4):
            index = 4 * block + w
            if index < x.size:
                at = index % features * images + index // features
                y[at] = x[at] * scale if words[w] >= threshold else zero


@jitted
def _dropout_rows(x, y, threshold, scale, seed, counter, first, last):
    """The same for batch-last storage, features x images, whose features are a multiple of 4: along the images."""
    features, images = x.shape
    zero = x.dtype.type(0)
    for i in range(first, last):
        for n in range(images):
            words = _random_words((n * features) // 4 + i, seed, counter)
            for w in range(4):
                y[4 * i + w, n] = x[4 * i + w, n] * scale if words[w] >= threshold else zero


def dropout(x: DeviceArray, p: float, scale: float, seed: int, counter: int) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.batch_last)
    threshold, number = np.uint64(round(p * 2**32)), x.dtype.type(scale)
    images = x.shape[0] if x.batch_last else 1
    features = x.size // images if images else 0
    if images > 1 and features % 4 == 0:
        matrix, out = (array.reshape(features, images) for array in (x.data, y.data))
        rows = spans(features // 4, PARTS if x.size >= WORTH_THREADS else 1)
        parallel(lambda part: _dropout_rows(matrix, out, threshold, number, seed, counter, *rows[part]), len(rows))
        return y
    flat, result = x.data.reshape(-1), y.data.reshape(-1)
    parts = spans(-(-x.size // 4), PARTS if x.size >= WORTH_THREADS else 1)
    numbers = images, features, threshold, number, seed, counter
    parallel(lambda part: _dropout(flat, result, *numbers, *parts[part]), len(parts))
    return y


@inner
def _step(w, g, v, updated, lr, momentum, weight_decay):
    """v <- momentum v - lr (g + weight_decay w); updated = w + v: one pass over memory (section 5 of the paper)"""
    for i in range(w.size):
        step = momentum * v[i] - lr * (g[i] + weight_decay * w[i])
        v[i] = step
        updated[i] = w[i] + step


@jitted
def _sgd_momentum(w, g, v, updated, lr, momentum, weight_decay, first, last):
    """The step of weights first to last - 1."""
    own = slice(first, last)
    _step(w[own], g[own], v[own], updated[own], lr, momentum, weight_decay)


@jitted
def _sgd(w, g, updated, lr, weight_decay, first, last):
    """updated = w - lr (g + weight_decay w)"""
    for i in range(first, last):
        updated[i] = w[i] - lr * (g[i] + weight_decay * w[i])


@jitted
def _sgd_by_blocks(dy, panels, block, w, v, updated, lr, momentum, weight_decay, first, last):
    """_sgd_momentum of rows first to last - 1 with the gradient dy x^T, made block by block and used in the cache."""
    for row in range(first, last, BLOCK_ROWS):
        for column in range(0, w.shape[1], BLOCK_COLUMNS):
            gradient_block(dy, panels, block, row, column)
            count = min(BLOCK_COLUMNS, w.shape[1] - column)
            span = slice(column, column + count)
            for i in range(row, min(row + BLOCK_ROWS, last)):
                g = block[i - row, :count]
                _step(w[i, span], g, v[i, span], updated[i, span], lr, momentum, weight_decay)


def sgd_update(
    w: DeviceArray, g: DeviceArray, v: DeviceArray | None, lr: float, momentum: float, weight_decay: float
) -> DeviceArray:
    number = w.dtype.type
    result = new(w.shape, w.dtype, w.device, w.batch_last)
    rate, decay = number(lr), number(weight_decay)
    if isinstance(g.pending, WeightGradient) and v is not None and not w.batch_last:
        operands, arrays = g.pending.operands(), (w.data, v.data, result.data)
        blocks = block_spans(w.shape[0])
        numbers = rate, number(momentum), decay
        parallel(lambda part: _sgd_by_blocks(*operands, gradient_room(), *arrays, *numbers, *blocks[part]), len(blocks))
        return result
    weights, gradient, updated = w.data.reshape(-1), stored(g, w.batch_last).reshape(-1), result.data.reshape(-1)
    parts = spans(w.size, PARTS if w.size >= WORTH_THREADS else 1)
    if v is None:
        parallel(lambda part: _sgd(weights, gradient, updated, rate, decay, *parts[part]), len(parts))
    else:
        velocity, share = v.data.reshape(-1), number(momentum)
        parallel(
            lambda part: _sgd_momentum(weights, gradient, velocity, updated, rate, share, decay, *parts[part]),
            len(parts),
        )
    return result
