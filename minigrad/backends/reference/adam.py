"""The rule of Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1)."""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.reference.primitive import wrap


def adam_update(
    w: DeviceArray,
    g: DeviceArray,
    m: DeviceArray,
    v: DeviceArray,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    step: int,
) -> DeviceArray:
    """m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2, where weight_decay w is added to g first.

    Both start at 0; what they lack is made up for by m' = m / (1 - beta1^step) and v' = v / (1 - beta2^step). The
    result is w - lr m' / (sqrt(v') + eps).
    """
    beta1, beta2 = betas
    gradient = g.data + weight_decay * w.data
    m.data[...] = beta1 * m.data + (1 - beta1) * gradient
    v.data[...] = beta2 * v.data + (1 - beta2) * gradient**2
    mean, square = m.data / (1 - beta1**step), v.data / (1 - beta2**step)
    return wrap((w.data - lr * mean / (np.sqrt(square) + eps)).astype(w.dtype))
