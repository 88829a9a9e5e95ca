"""The loss of a classifier: softmax and cross-entropy in one, and its gradient."""

from __future__ import annotations

import math

from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends.cuda.launch import kernel, launch_1d
from minigrad.backends.cuda.memory import new, on_host, stored
from minigrad.backends.cuda.reduction import line_statistics, softmax_lines
from minigrad.backends.labels import check_labels


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
    probabilities = new(logits.shape, logits.dtype, logits.device, chwn=True)
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
    dx = new(probabilities.shape, dy.dtype, dy.device, chwn=True)
    examples, classes = dx.shape
    table, gradient = (array.reshape(classes, examples) for array in (stored(probabilities, True), dx.data))
    launch_1d(_cross_entropy_grad, dx.size, dx.device, dy.data, table, targets.data, gradient)
    return dx
