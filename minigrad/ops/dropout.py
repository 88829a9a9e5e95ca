"""Dropout."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.autograd import Function

__all__ = ["Dropout"]


class Dropout(Function):
    """y = x times `scale` with probability 1 - p, 0 with probability p (section 4.2).

    Whether an element stays is decided by word number `first` + its index in C order of the random stream (seed,
    counter). Only these three are saved: the backward pass makes the same mask again.
    """

    def forward(self, x: DeviceArray, p: float, scale: float, seed: int, counter: int, first: int) -> DeviceArray:
        self.arguments = p, scale, seed, counter, first
        return x.device.backend.dropout(x, *self.arguments)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.dropout(dy, *self.arguments)
