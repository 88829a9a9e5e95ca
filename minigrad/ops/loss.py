"""The loss of a classifier."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function, Gradients

__all__ = ["CrossEntropy"]


class CrossEntropy(Function):
    """loss[n] = -log softmax(logits[n])[target[n]]; the gradient is softmax minus the one-hot target."""

    def forward(self, logits: DeviceArray, targets: DeviceArray) -> DeviceArray:
        losses, self.probabilities = logits.device.backend.cross_entropy(logits, targets)
        self.targets = targets
        return losses

    def backward(self, dy: DeviceArray) -> Gradients:
        return dy.device.backend.cross_entropy_grad(dy, self.probabilities, self.targets), None
