"""What a training step needs besides layers: the loss, dropout and the update."""

from __future__ import annotations

import math

import numpy as np
from numba import cuda

from minigrad.backends.cuda.launch import device_function, kernel, launch_1d
from minigrad.backends.cuda.memory import flat, new, on_host, rows, stored
from minigrad.backends.cuda.reduction import line_statistics, softmax_lines
from minigrad.backends.labels import check_labels
from minigrad.device import DeviceArray
from minigrad.random import PHILOX_M0, PHILOX_M1, PHILOX_ROUNDS, PHILOX_W0, PHILOX_W1


@kernel("float[:,::1], float[:,::1], float[:,::1], i8[::1], float[::1]")
def _losses(scores, largest, total, labels, losses):
    """scores is classes x examples.

    for each example: loss = log(total) - (score of its label - largest)
    """
    for n in range(cuda.grid(1), losses.size, cuda.gridsize(1)):
        losses[n] = math.log(total[0, n]) - (scores[labels[n], n] - largest[0, n])


def cross_entropy(logits: DeviceArray, targets: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    examples, classes = logits.shape
    check_labels(on_host(targets), classes)
    scores = stored(logits, True).reshape(1, classes, examples)
    probabilities = new(logits.shape, logits.dtype, logits.device, batch_last=True)
    losses = new((examples,), logits.dtype, logits.device)
    largest, total = line_statistics(scores, logits.device)
    softmax_lines(scores, largest, total, probabilities.data.reshape(*scores.shape), logits.device)
    table = scores.reshape(classes, examples)
    launch_1d(_losses, examples, logits.device, table, largest, total, targets.data, losses.data)
    return losses, probabilities


@kernel("float[::1], float[:,::1], i8[::1], float[:,::1]")
def _cross_entropy_grad(dy, probabilities, labels, dx):
    """The arrays are classes x examples.

    for each class and example: dx = dy (probability - 1 if the class is the label)
    """
    examples = dx.shape[1]
    for i in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        label, n = i // examples, i % examples
        term = probabilities[label, n] * dy[n]
        dx[label, n] = term - dy[n] if labels[n] == label else term


def cross_entropy_grad(dy: DeviceArray, probabilities: DeviceArray, targets: DeviceArray) -> DeviceArray:
    dx = new(probabilities.shape, dy.dtype, dy.device, batch_last=True)
    examples, classes = dx.shape
    tables = (array.reshape(classes, examples) for array in (stored(probabilities, True), dx.data))
    chances, gradient = tables
    launch_1d(_cross_entropy_grad, dx.size, dx.device, dy.data, chances, targets.data, gradient)
    return dx


@device_function
def random_word(index, seed, counter):
    """The 32-bit word with that index in the stream (seed, counter): Philox4x32-10, as in minigrad.random."""
    low = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    c0, c1 = np.uint64(index >> 2) & low, np.uint64(index >> 2) >> half
    c2, c3 = np.uint64(counter) & low, np.uint64(counter) >> half
    k0, k1 = np.uint64(seed) & low, np.uint64(seed) >> half
    for _ in range(PHILOX_ROUNDS):
        product0, product1 = c0 * np.uint64(PHILOX_M0), c2 * np.uint64(PHILOX_M1)
        c0, c1, c2, c3 = (product1 >> half) ^ c1 ^ k0, product1 & low, (product0 >> half) ^ c3 ^ k1, product0 & low
        k0, k1 = (k0 + np.uint64(PHILOX_W0)) & low, (k1 + np.uint64(PHILOX_W1)) & low
    word = index & 3
    return c0 if word == 0 else c1 if word == 1 else c2 if word == 2 else c3


@kernel("float[:,::1], float[:,::1], i8, i8, i8, float, i8, i8")
def _dropout(x, y, row_step, column_step, threshold, scale, seed, counter):
    """x and y are matrices of the storage; element (i, j) has logical index i * row_step + j * column_step.

    for each element: keep it, scaled, if its random word is at least the threshold
    """
    width = x.shape[1]
    for number in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        i, j = number // width, number % width
        word = random_word(i * row_step + j * column_step, seed, counter)
        y[i, j] = x[i, j] * scale if word >= np.uint64(threshold) else x.dtype.type(0)


def dropout(x: DeviceArray, p: float, scale: float, seed: int, counter: int) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.batch_last)
    if x.batch_last:
        matrix, out = rows(x), rows(y)
        steps = 1, matrix.shape[0]
    else:
        matrix, out = (array.reshape(1, x.size) for array in (x.data, y.data))
        steps = 0, 1
    launch_1d(_dropout, x.size, x.device, matrix, out, *steps, round(p * 2**32), scale, seed, counter)
    return y


@kernel("float[::1], float[::1], float[::1], float[::1], float, float, float")
def _sgd_momentum(w, g, v, updated, lr, momentum, weight_decay):
    """One pass over memory (section 5 of the paper).

    for each weight: v <- momentum v - lr (g + weight_decay w); updated = w + v
    """
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        step = momentum * v[i] - lr * (g[i] + weight_decay * w[i])
        v[i] = step
        updated[i] = w[i] + step


@kernel("float[::1], float[::1], float[::1], float, float")
def _sgd(w, g, updated, lr, weight_decay):
    """for each weight: updated = w - lr (g + weight_decay w)"""
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
        updated[i] = w[i] - lr * (g[i] + weight_decay * w[i])


def sgd_update(
    w: DeviceArray, g: DeviceArray, v: DeviceArray | None, lr: float, momentum: float, weight_decay: float
) -> DeviceArray:
    result = new(w.shape, w.dtype, w.device, w.batch_last)
    weights, gradient, updated = flat(w), stored(g, w.batch_last).reshape(w.size), flat(result)
    if v is None:
        launch_1d(_sgd, w.size, w.device, weights, gradient, updated, lr, weight_decay)
    else:
        launch_1d(_sgd_momentum, w.size, w.device, weights, gradient, flat(v), updated, lr, momentum, weight_decay)
    return result
