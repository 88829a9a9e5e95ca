"""Losses as modules: a batch's outputs and targets to one number, or to one each with reduction="none"."""

from __future__ import annotations

from minigrad import functional as F
from minigrad.arguments import check_old_reduction, check_reduction, no_weights
from minigrad.nn.module import Module
from minigrad.tensors import Tensor

__all__ = ["CrossEntropyLoss", "MSELoss", "NLLLoss"]


class CrossEntropyLoss(Module):
    """`functional.cross_entropy` as a layer: logits (N, classes) and int64 targets (N,) to a loss."""

    def __init__(
        self,
        weight: None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        no_weights("CrossEntropyLoss", weight, size_average, ignore_index, reduce, label_smoothing)
        check_reduction("CrossEntropyLoss", reduction)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.cross_entropy(input, target, reduction=self.reduction)


class MSELoss(Module):
    """`functional.mse_loss` as a layer: two tensors of one shape to a loss."""

    def __init__(self, size_average: None = None, reduce: None = None, reduction: str = "mean") -> None:
        check_old_reduction("MSELoss", size_average, reduce)
        check_reduction("MSELoss", reduction)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.mse_loss(input, target, reduction=self.reduction)


class NLLLoss(Module):
    """`functional.nll_loss` as a layer: logarithms of probabilities (N, classes) and int64 targets (N,) to a loss."""

    def __init__(
        self,
        weight: None = None,
        size_average: None = None,
        ignore_index: int = -100,
        reduce: None = None,
        reduction: str = "mean",
    ) -> None:
        no_weights("NLLLoss", weight, size_average, ignore_index, reduce)
        check_reduction("NLLLoss", reduction)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of a batch."""
        return F.nll_loss(input, target, reduction=self.reduction)
