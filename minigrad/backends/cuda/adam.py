"""The update of Adam (Kingma and Ba, 2015), in one pass over memory."""

from __future__ import annotations

import math

from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends.cuda.launch import kernel, launch_1d
from minigrad.backends.cuda.memory import flat, new, stored


@kernel(
    "float[::1], float[::1], float[::1], float[::1], float[::1], float, float, float, float, float, float, float, float"
)
def _adam(w, g, m, v, updated, rate, root, beta1, rest1, beta2, rest2, eps, weight_decay):
    """With rate = lr / (1 - beta1^step), root = sqrt(1 - beta2^step), rest = 1 - beta:

    for each weight:
        g <- g + weight_decay w;  m <- beta1 m + rest1 g;  v <- beta2 v + rest2 g^2
        updated = w - rate m / (sqrt(v) / root + eps)
    """
    for i in range(cuda.grid(1), w.size, cuda.gridsize(1)):
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
    result = new(w.shape, w.dtype, w.device, w.chwn)
    lines = flat(w), stored(g, w.chwn).reshape(w.size), flat(m), flat(v), flat(result)
    launch_1d(_adam, w.size, w.device, *lines, rate, root, beta1, 1 - beta1, beta2, 1 - beta2, eps, weight_decay)
    return result
