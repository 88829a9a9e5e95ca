"""Elements taken by arrays of indices, and the gradient, which adds up what was taken several times."""

from __future__ import annotations

from math import prod

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends import layout
from minigrad.backends.cpu.elementwise import PARTS, WORTH_THREADS
from minigrad.backends.cpu.memory import new, stored
from minigrad.backends.cpu.runtime.jit import jitted
from minigrad.backends.cpu.window import add_to, copy
from minigrad.backends.groups import groups_of
from minigrad.backends.threads import parallel, spans

STRIP = 512  # inner places that are worked on side by side


def take(x: DeviceArray, indices: DeviceArray, axis: int) -> DeviceArray:
    shape = *x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]
    y = new(shape, x.dtype, x.device, layout.order_of_taken(x, axis, shape))
    source, at = stored(x, y.chwn), axis - 1 if y.chwn else axis
    source.take(stored(indices, False), at, out=y.data, mode="clip")  # they are none beyond; by "raise" it would copy
    return y


@jitted
def _take_grad(dy, places, rows, starts, dx, start, stop):
    """dx[o, rows[g], i] = sum of dy[o, k, i] over the places k of group g, in order.

    for each pair of an outer place o and a group g, start to stop - 1, and each STRIP of inner places i:
        add up in float64, side by side
    """
    inner = dx.shape[2]
    totals = np.empty(STRIP, np.float64)
    for pair in range(start, stop):
        o, g = pair // rows.size, pair % rows.size
        for i in range(0, inner, STRIP):
            own = totals[: min(STRIP, inner - i)]
            own[:] = 0
            for place in range(starts[g], starts[g + 1]):
                add_to(dy[o, places[place], i : i + own.size], own)
            copy(own, dx[o, rows[g], i : i + own.size])


def take_grad(dy: DeviceArray, indices: DeviceArray, shape: tuple[int, ...], axis: int) -> DeviceArray:
    """The time is that of reading dy and writing dx, and of sorting the indices."""
    dx = new(shape, dy.dtype, dy.device, layout.order_of_taken(dy, axis, shape))
    dx.data.fill(0)
    at = layout.storage_axis(axis, dx)
    outer, inner = prod(dx.data.shape[:at]), prod(dx.data.shape[at + 1 :])
    terms = stored(dy, dx.chwn).reshape(outer, indices.size, inner)
    sums = dx.data.reshape(outer, shape[axis], inner)
    places, rows, starts = groups_of(stored(indices, False))
    parts = spans(outer * rows.size, PARTS if dy.size >= WORTH_THREADS else 1)
    parallel(lambda part: _take_grad(terms, places, rows, starts, sums, *parts[part]), len(parts))
    return dx
