"""Operations that appear in training alone: the loss and dropout."""

from __future__ import annotations

from minigrad.device import DeviceArray
from minigrad.function import Function, Gradients

__all__ = ["CrossEntropy", "Dropout"]


class CrossEntropy(Function):
    """loss[n] = -log softmax(logits[n])[target[n]]; the gradient is softmax minus the one-hot target."""

    def forward(self, logits: DeviceArray, targets: DeviceArray) -> DeviceArray:
        losses, self.probabilities = logits.device.backend.cross_entropy(logits, targets)
        self.targets = targets
        return losses

    def backward(self, dy: DeviceArray) -> Gradients:
        return dy.device.backend.cross_entropy_grad(dy, self.probabilities, self.targets), None


class Dropout(Function):
    """y = x times `scale` with probability 1 - p, 0 with probability p (section 4.2).

    Whether an element stays is decided by word number (its index in C order) of the random stream (seed, counter). Only
    these two are saved: the backward pass makes the same mask again.
    """

    def forward(self, x: DeviceArray, p: float, scale: float, seed: int, counter: int) -> DeviceArray:
        self.arguments = p, scale, seed, counter
        return x.device.backend.dropout(x, *self.arguments)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.dropout(dy, *self.arguments)
