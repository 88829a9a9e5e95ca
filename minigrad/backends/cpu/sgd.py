"""The update of stochastic gradient descent with momentum, the paper's rule, in one pass over memory (section 5)."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.matrix import (
    BLOCK_COLUMNS,
    BLOCK_ROWS,
    WeightGradient,
    block_spans,
    gradient_block,
    gradient_room,
)
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import inner, jitted
from minigrad.backends.threads import parallel, spans

PARTS = 16
WORTH_THREADS = 1 << 17  # elements


@inner
def _step(w, g, v, updated, lr, momentum, weight_decay):
    """v <- momentum v - lr (g + weight_decay w); updated = w + v: one pass over memory (section 5 of the paper)"""
    for i in range(w.size):
        step = momentum * v[i] - lr * (g[i] + weight_decay * w[i])
        v[i] = step
        updated[i] = w[i] + step


@jitted
def _sgd_momentum(w, g, v, updated, lr, momentum, weight_decay, start, stop):
    """The step of weights start to stop - 1, one after another."""
    own = slice(start, stop)
    _step(w[own], g[own], v[own], updated[own], lr, momentum, weight_decay)


@jitted
def _sgd(w, g, updated, lr, weight_decay, start, stop):
    """updated = w - lr (g + weight_decay w), for weights start to stop - 1."""
    for i in range(start, stop):
        updated[i] = w[i] - lr * (g[i] + weight_decay * w[i])


@jitted
def _sgd_by_blocks(dy, panels, block, w, v, updated, lr, momentum, weight_decay, start, stop):
    """_sgd_momentum of rows start to stop - 1, with a gradient dy x^T that is never written whole.

    for each block: multiply, and make the step with it while it is in the cache
    """
    for row in range(start, stop, BLOCK_ROWS):
        for column in range(0, w.shape[1], BLOCK_COLUMNS):
            gradient_block(dy, panels, block, row, column)
            count = min(BLOCK_COLUMNS, w.shape[1] - column)
            span = slice(column, column + count)
            for i in range(row, min(row + BLOCK_ROWS, stop)):
                g = block[i - row, :count]
                _step(w[i, span], g, v[i, span], updated[i, span], lr, momentum, weight_decay)


def sgd_update(
    w: DeviceArray, g: DeviceArray, v: DeviceArray | None, lr: float, momentum: float, weight_decay: float
) -> DeviceArray:
    number = w.dtype.type
    result = new(w.shape, w.dtype, w.device, w.chwn)
    rate, decay = number(lr), number(weight_decay)
    if isinstance(g.pending, WeightGradient) and v is not None and not w.chwn:
        operands, arrays = g.pending.operands(), (w.data, v.data, result.data)
        blocks = block_spans(w.shape[0])
        numbers = rate, number(momentum), decay
        parallel(lambda part: _sgd_by_blocks(*operands, gradient_room(), *arrays, *numbers, *blocks[part]), len(blocks))
        return result
    weights, gradient, updated = w.data.reshape(-1), stored(g, w.chwn).reshape(-1), result.data.reshape(-1)
    parts = spans(w.size, PARTS if w.size >= WORTH_THREADS else 1)
    if v is None:
        parallel(lambda part: _sgd(weights, gradient, updated, rate, decay, *parts[part]), len(parts))
    else:
        velocity, share = v.data.reshape(-1), number(momentum)
        parallel(
            lambda part: _sgd_momentum(weights, gradient, velocity, updated, rate, share, decay, *parts[part]),
            len(parts),
        )
    return result
