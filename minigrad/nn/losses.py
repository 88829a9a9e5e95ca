"""Losses as modules."""

from __future__ import annotations

from minigrad import functional as F
from minigrad.nn.module import Module
from minigrad.tensors import Tensor

__all__ = ["CrossEntropyLoss"]


class CrossEntropyLoss(Module):
    """`functional.cross_entropy` as a layer: logits (N, classes) and int64 targets (N,) to a loss."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.cross_entropy(logits, targets, self.reduction)
