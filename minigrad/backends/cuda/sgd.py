"""The update of weights by stochastic gradient descent, in one pass over memory."""

from __future__ import annotations

from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends.cuda.launch import kernel, launch_1d
from minigrad.backends.cuda.memory import flat, new, stored


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
    result = new(w.shape, w.dtype, w.device, w.chwn)
    weights, gradient, updated = flat(w), stored(g, w.chwn).reshape(w.size), flat(result)
    if v is None:
        launch_1d(_sgd, w.size, w.device, weights, gradient, updated, lr, weight_decay)
    else:
        launch_1d(_sgd_momentum, w.size, w.device, weights, gradient, flat(v), updated, lr, momentum, weight_decay)
    return result
