"""The gradient of a ReLU behind a convolution, and of the bias before it, in one pass over memory."""

from __future__ import annotations

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.threads import parallel, spans

PARTS = 16
SUMS = 128  # kept side by side
RUN = 64 * SUMS  # numbers that are added up in float32: 64 in each sum


@inner
def _mask_and_sum(dy, y, dx, sums):
    """dx = dy where y is not 0, added to the sums."""
    for m in range(dy.size):
        value = dy[m] if y[m] != 0 else dy.dtype.type(0)
        dx[m] = value
        sums[m] += value


@jitted
def _relu_bias_grad(dy, y, dx, db, start, stop):
    """For channels start to stop - 1: the gradient of a ReLU, and its sum.

    for each RUN numbers of a channel:
        for each SUMS of them: number m is added to sum m, so that neighbours are added up side by side
        add the sums up in float64, since float32 would lose digits over more than a run
    """
    sums = np.empty(SUMS, dy.dtype)
    for c in range(start, stop):
        total = 0.0
        for run_start in range(0, dy.shape[1], RUN):
            sums[:] = 0
            run_stop = min(run_start + RUN, dy.shape[1])
            for at in range(run_start, run_stop, SUMS):
                few = slice(at, min(at + SUMS, run_stop))
                _mask_and_sum(dy[c, few], y[c, few], dx[c, few], sums)
            for m in range(SUMS):
                total += sums[m]
        db[c] = total


def relu_bias_grad(dy: DeviceArray, y: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
    dx = new(dy.shape, dy.dtype, dy.device, chwn=True)
    db = new((dy.shape[1],), dy.dtype, dy.device)
    lines = [array.reshape(dy.shape[1], -1) for array in (stored(dy, True), stored(y, True), dx.data)]
    parts = spans(dy.shape[1], PARTS)
    parallel(lambda part: _relu_bias_grad(*lines, db.data, *parts[part]), len(parts), dy.size)
    return dx, db
