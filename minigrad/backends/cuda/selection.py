"""Elements taken by arrays of indices, and the gradient, which adds up what was taken several times."""

from __future__ import annotations

from numba import cuda

from minigrad.arrays import DeviceArray
from minigrad.backends import layout
from minigrad.backends.cuda.launch import kernel, launch_1d
from minigrad.backends.cuda.memory import fill, flat, from_host, new, on_host, reorder, stored
from minigrad.backends.cuda.reduction import lines
from minigrad.backends.groups import groups_of


@kernel("any[:,:,::1], i8[::1], any[:,:,::1]")
def _take(x, indices, y):
    """for each element: y[o, k, i] = x[o, indices[k], i]"""
    count, inner = y.shape[1], y.shape[2]
    for number in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        i, k, o = number % inner, number // inner % count, number // inner // count
        y[o, k, i] = x[o, indices[k], i]


def take(x: DeviceArray, indices: DeviceArray, axis: int) -> DeviceArray:
    shape = *x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]
    y = new(shape, x.dtype, x.device, layout.order_of_taken(x, axis, shape))
    table = lines(reorder(x, y.chwn), axis)
    outer, _, inner = table.shape
    chosen = stored(indices, False).reshape(indices.size)
    launch_1d(_take, y.size, x.device, table, chosen, y.data.reshape(outer, indices.size, inner))
    return y


@kernel("float[:,:,::1], i8[::1], i8[::1], i8[::1], float[:,:,::1]")
def _take_grad(dy, places, rows, starts, dx):
    """dx[o, rows[g], i] = sum of dy[o, k, i] over the places k of group g: one thread a sum, so that its order stands.

    for each outer place o, group g and inner place i: add up in float64
    """
    groups, inner = rows.size, dx.shape[2]
    for number in range(cuda.grid(1), dx.shape[0] * groups * inner, cuda.gridsize(1)):
        i, g, o = number % inner, number // inner % groups, number // inner // groups
        total = 0.0
        for place in range(starts[g], starts[g + 1]):
            total += dy[o, places[place], i]
        dx[o, rows[g], i] = total


def take_grad(dy: DeviceArray, indices: DeviceArray, shape: tuple[int, ...], axis: int) -> DeviceArray:
    """Indices are grouped on the host; then each is as slow as the sum of the one that was taken most often."""
    dx = new(shape, dy.dtype, dy.device, layout.order_of_taken(dy, axis, shape))
    launch_1d(fill, dx.size, dx.device, flat(dx), 0)
    table = lines(dx, axis)
    outer, _, inner = table.shape
    terms = stored(dy, dx.chwn).reshape(outer, indices.size, inner)
    groups = groups_of(on_host(indices))
    on_device = [from_host(each, dx.device).data for each in groups]
    launch_1d(_take_grad, outer * groups[1].size * inner, dx.device, terms, *on_device, table)
    return dx
