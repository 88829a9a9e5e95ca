"""The update of Adam (Kingma and Ba, 2015), in one pass over memory."""

from __future__ import annotations

import math

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import jitted
from minigrad.backends.cpu.sgd import PARTS, WORTH_THREADS
from minigrad.backends.threads import parallel, spans


@jitted
def _adam(w, g, m, v, updated, rate, root, beta1, rest1, beta2, rest2, eps, weight_decay):
    """With rate = lr / (1 - beta1^step), root = sqrt(1 - beta2^step), rest = 1 - beta, for each weight:

    g <- g + weight_decay w;  m <- beta1 m + rest1 g;  v <- beta2 v + rest2 g^2
    updated = w - rate m / (sqrt(v) / root + eps)
    """
    for i in range(w.size):
        gradient = g[i] + weight_decay * w[i]
        mean = beta1 * m[i] + rest1 * gradient
        square = beta2 * v[i] + rest2 * (gradient * gradient)
        m[i] = mean
        v[i] = square
        updated[i] = w[i] - rate * mean / (math.sqrt(square) / root + eps)


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
    beta1, beta2 = betas
    # in float64, since 1 - 0.999 in float32 is off by a hundred-thousandth
    rate, root = lr / (1 - beta1**step), math.sqrt(1 - beta2**step)
    numbers = [w.dtype.type(x) for x in (rate, root, beta1, 1 - beta1, beta2, 1 - beta2, eps, weight_decay)]
    result = new(w.shape, w.dtype, w.device, w.chwn)
    flat = [array.reshape(-1) for array in (w.data, stored(g, w.chwn), m.data, v.data, result.data)]
    parts = spans(w.size, PARTS if w.size >= WORTH_THREADS else 1)
    parallel(lambda part: _adam(*(array[slice(*parts[part])] for array in flat), *numbers), len(parts))
    return result
