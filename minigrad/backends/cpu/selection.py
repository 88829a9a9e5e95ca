"""Elements taken by arrays of indices, and the gradient, which adds up what was taken several times."""

from __future__ import annotations

from math import prod

from minigrad.arrays import DeviceArray
from minigrad.backends.cpu.elementwise import PARTS, WORTH_THREADS
from minigrad.backends.cpu.memory import new, stored, wrap
from minigrad.backends.cpu.runtime.jit import jitted
from minigrad.backends.groups import groups_of
from minigrad.backends.threads import parallel, spans


def take(x: DeviceArray, indices: DeviceArray, axis: int) -> DeviceArray:
    return wrap(stored(x, False).take(stored(indices, False), axis), x.device)


@jitted
def _take_grad(dy, places, rows, starts, dx, start, stop):
    """dx[o, rows[g], i] = sum of dy[o, k, i] over the places k of group g, in order.

    for each pair of an outer place o and a group g, start to stop - 1, and each inner place i: add up in float64
    """
    for pair in range(start, stop):
        o, g = pair // rows.size, pair % rows.size
        for i in range(dx.shape[2]):
            total = 0.0
            for place in range(starts[g], starts[g + 1]):
                total += dy[o, places[place], i]
            dx[o, rows[g], i] = total


def take_grad(dy: DeviceArray, indices: DeviceArray, shape: tuple[int, ...], axis: int) -> DeviceArray:
    """The time is that of reading dy and writing dx, and of sorting the indices."""
    dx = new(shape, dy.dtype, dy.device)
    dx.data.fill(0)
    outer, inner = prod(shape[:axis]), prod(shape[axis + 1 :])
    terms = stored(dy, False).reshape(outer, indices.size, inner)
    sums = dx.data.reshape(outer, shape[axis], inner)
    places, rows, starts = groups_of(stored(indices, False))
    parts = spans(outer * rows.size, PARTS if dy.size >= WORTH_THREADS else 1)
    parallel(lambda part: _take_grad(terms, places, rows, starts, sums, *parts[part]), len(parts))
    return dx
