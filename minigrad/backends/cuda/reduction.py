"""Sums, maxima and softmax along axes.

Every reduction sees its array as outer x length x inner and works along `length`. A block of threads takes a strip of
neighbouring `inner` places, so that it reads along memory, cuts `length` into slices, one for each thread at a place,
and joins the slices in a tree. The cuts follow from the shape alone: the same bits come out every time.
"""

from __future__ import annotations

import math
from builtins import min as lesser
from math import prod

from numba import cuda

from minigrad.arrays import Device, DeviceArray
from minigrad.backends import layout
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.driver import ArrayView
from minigrad.backends.cuda.elementwise import mul
from minigrad.backends.cuda.launch import block_function, device_function, kernel, launch, launch_1d
from minigrad.backends.cuda.memory import blocks_for, new, reorder, stored

THREADS = 256
STRIP = 32  # most places of a strip: one warp reads them together
SERIAL = 64  # most numbers that one thread adds up one after another: rounding errors grow with it


def strip_width(inner: int) -> int:
    """Places of a strip: a power of two that divides the block."""
    return lesser(STRIP, 1 << (inner - 1).bit_length()) if inner > 1 else 1


def lines(x: DeviceArray, dim: int) -> ArrayView:
    """The storage of x as outer x length x inner, where `length` is the axis `dim`."""
    storage = x.data.shape
    axis = layout.storage_axis(dim, x)
    return x.data.reshape(prod(storage[:axis]), storage[axis], prod(storage[axis + 1 :]))


@block_function
def reduce_block(join, partial, width):
    """Join what the threads of a block have found, in a tree: partial[i] becomes the result of place i of the strip.

    Threads i, i + width, i + 2 width, ... have each left what their slice of place i gave, at their own number. With
    eight threads and a width of 2 the steps are 0 + 4, 1 + 5, 2 + 6, 3 + 7, and then 0 + 2, 1 + 3.

    (barrier: all slices are there)
    halve the number of threads until as many are left as there are places:
        each joins what one of the other half has to its own
        (barrier: that is done, before it is read in the next step)
    Between barriers a thread writes its own number, and reads beside it one of the half that nobody writes. After the
    last barrier it may write its own again, if no other thread is to read that.
    """
    thread = cuda.threadIdx.x
    cuda.syncthreads()
    half = THREADS // 2
    while half >= width:
        if thread < half:
            join(partial, thread, thread + half)
        cuda.syncthreads()
        half //= 2


@device_function
def add_other(partial, own, other):
    partial[own] += partial[other]


@kernel("any[:,:,::1], any[:,:,::1], i8, i8")
def _sum(x, y, width, span):
    """y[o, part, i] = sum of x[o, :, i] over that part of the length: `span` numbers.

    for each outer place o, part and strip of inner places i (one block):
        each thread adds up its slice
        join the slices
    """
    partial = cuda.shared.array(THREADS, x.dtype)
    thread = cuda.threadIdx.x
    column, own, slices = thread % width, thread // width, THREADS // width
    outer, length, inner = x.shape
    parts = y.shape[1]
    strips = (inner + width - 1) // width
    for task in range(cuda.blockIdx.x, outer * parts * strips, cuda.gridDim.x):
        i, number = task % strips * width + column, task // strips
        o, part = number // parts, number % parts
        total = x.dtype.type(0)
        if i < inner:
            for row in range(part * span + own, lesser(length, (part + 1) * span), slices):
                total += x[o, row, i]
        partial[thread] = total
        reduce_block(add_other, partial, width)
        if own == 0 and i < inner:
            y[o, part, i] = partial[thread]


@kernel("any[:,:,::1], any[:,:,::1]")
def _short_sum(x, y):
    """One thread a sum, no cut and no barrier: y is outer x 1 x inner.

    for each outer and inner place: add up along the length
    """
    length, inner = x.shape[1], x.shape[2]
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        first, place = i // inner, i % inner
        total = x.dtype.type(0)
        for row in range(length):
            total += x[first, row, place]
        y[first, 0, place] = total


def sum_along(x: ArrayView, device: Device, out: ArrayView | None = None) -> ArrayView:
    """The sums of x, outer x length x inner, along the length; long ones in parts, whose sums are added up again.

    They come as outer x 1 x inner, in `out` if it is given.
    """
    outer, length, inner = x.shape
    width = strip_width(inner)
    span = SERIAL * THREADS // width
    while length > span:
        parts = -(-length // span)
        y = driver.allocate((outer, parts, inner), x.dtype, device)
        launch(_sum, blocks_for(outer * parts * -(-inner // width)), THREADS, device, x, y, width, span)
        x, length = y, parts
    y = driver.allocate((outer, 1, inner), x.dtype, device) if out is None else out
    if length > SERIAL:
        launch(_sum, blocks_for(outer * -(-inner // width)), THREADS, device, x, y, width, span)
    else:
        launch_1d(_short_sum, y.size, device, x, y)
    return y


def sum(x: DeviceArray, dims: tuple[int, ...], keepdim: bool) -> DeviceArray:
    """One pass for each run of neighbouring axes in memory, the last run first."""
    reduced = [axis in dims for axis in range(x.ndim)]
    sizes = list(x.data.shape)
    if x.chwn:
        reduced = reduced[1:] + reduced[:1]
    data = x.data
    stop = x.ndim
    while stop > 0:
        start = stop - 1
        while start > 0 and reduced[start - 1] == reduced[stop - 1]:
            start -= 1
        if reduced[stop - 1]:
            data = sum_along(data.reshape(prod(sizes[:start]), prod(sizes[start:stop]), prod(sizes[stop:])), x.device)
            sizes[start:stop] = [1] * (stop - start)
        stop = start
    shape, chwn = layout.sum_layout(x, dims, keepdim)
    return DeviceArray(data.reshape(layout.storage(shape, chwn)), shape, x.dtype, x.device, chwn)


@device_function
def _goes_before(value, row, other, other_row, largest):
    """Whether a value wins over another: NaN over numbers, the larger (or smaller), the first among equals."""
    if value != value or other != other:
        return value != value and (other == other or row < other_row)
    if value == other:
        return row < other_row
    return (value > other) == (largest != 0)


@device_function
def _keep_winner(partial, own, other):
    best, where, largest = partial
    if _goes_before(best[other], where[other], best[own], where[own], largest):
        best[own], where[own] = best[other], where[other]


@kernel("any[:,:,::1], any[:,::1], i8[:,::1], i8, i8")
def _extreme(x, values, indices, width, largest):
    """values[o, i] = largest of x[o, :, i], or smallest where `largest` is 0; indices[o, i] = where the first stands.

    for each outer place o and strip of inner places i (one block):
        each thread looks through its slice, from the first number of the line on: its slice may be empty
        join the slices
    """
    best = cuda.shared.array(THREADS, x.dtype)
    where = cuda.shared.array(THREADS, indices.dtype)
    thread = cuda.threadIdx.x
    column, own, slices = thread % width, thread // width, THREADS // width
    outer, length, inner = x.shape
    strips = (inner + width - 1) // width
    for task in range(cuda.blockIdx.x, outer * strips, cuda.gridDim.x):
        o, i = task // strips, task % strips * width + column
        inside = i < inner
        best[thread] = x[o, 0, i] if inside else x.dtype.type(0)
        where[thread] = 0
        if inside:
            for row in range(own, length, slices):
                if _goes_before(x[o, row, i], row, best[thread], where[thread], largest):
                    best[thread] = x[o, row, i]
                    where[thread] = row
        reduce_block(_keep_winner, (best, where, largest), width)
        if own == 0 and inside:
            values[o, i] = best[thread]
            indices[o, i] = where[thread]


def _winners(x: DeviceArray, dim: int, keepdim: bool, largest: bool) -> tuple[DeviceArray, DeviceArray]:
    """The largest or smallest values along an axis, and where the first of them stand."""
    x = reorder(x, False)
    table = lines(x, dim)
    outer, _, inner = table.shape
    shape = tuple(1 if axis == dim else n for axis, n in enumerate(x.shape) if keepdim or axis != dim)
    values, indices = new(shape, x.dtype, x.device), new(shape, "i8", x.device)
    width = strip_width(inner)
    results = values.data.reshape(outer, inner), indices.data.reshape(outer, inner)
    launch(_extreme, blocks_for(outer * -(-inner // width)), THREADS, x.device, table, *results, width, int(largest))
    return values, indices


def max(x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
    return _winners(x, dim, keepdim, largest=True)


def min(x: DeviceArray, dim: int, keepdim: bool) -> tuple[DeviceArray, DeviceArray]:
    return _winners(x, dim, keepdim, largest=False)


@kernel("float[:,::1], i8[:,::1], float[:,:,::1]")
def _max_grad(dy, indices, dx):
    """for each element of dx: dy where its place along the length is the index, else 0"""
    length, inner = dx.shape[1], dx.shape[2]
    for i in range(cuda.grid(1), dx.size, cuda.gridsize(1)):
        place, row, first = i % inner, i // inner % length, i // inner // length
        won = indices[first, place] == row
        dx[first, row, place] = dy[first, place] if won else dy.dtype.type(0)


def max_grad(dy: DeviceArray, indices: DeviceArray, shape: tuple[int, ...], dim: int) -> DeviceArray:
    dx = new(shape, dy.dtype, dy.device)
    table = lines(dx, dim)
    outer, _, inner = table.shape
    places, gradient = (stored(each, False).reshape(outer, inner) for each in (indices, dy))
    launch_1d(_max_grad, dx.size, dx.device, gradient, places, table)
    return dx


@device_function
def _keep_larger(partial, own, other):
    if partial[other] > partial[own]:
        partial[own] = partial[other]


@kernel("float[:,:,::1], float[:,::1], float[:,::1], i8")
def _line_statistics(x, largest, total, width):
    """largest[o, i] = largest of x[o, :, i]; total[o, i] = sum of e^(x - largest): what a softmax divides by.

    for each outer place o and strip of inner places i (one block):
        each thread looks for the largest in its slice; join the slices; every thread reads the largest of its place
        (barrier: everybody has read it before the sums take its place)
        each thread adds up the powers in its slice; join the slices
    """
    partial = cuda.shared.array(THREADS, x.dtype)
    thread = cuda.threadIdx.x
    column, own, slices = thread % width, thread // width, THREADS // width
    outer, length, inner = x.shape
    strips = (inner + width - 1) // width
    for task in range(cuda.blockIdx.x, outer * strips, cuda.gridDim.x):
        o, i = task // strips, task % strips * width + column
        inside = i < inner
        best = x[o, 0, i] if inside else x.dtype.type(0)
        if inside:
            for row in range(own, length, slices):
                best = x[o, row, i] if x[o, row, i] > best else best
        partial[thread] = best
        reduce_block(_keep_larger, partial, width)
        best = partial[column]
        cuda.syncthreads()
        powers = x.dtype.type(0)
        if inside:
            for row in range(own, length, slices):
                powers += math.exp(x[o, row, i] - best)
        partial[thread] = powers
        reduce_block(add_other, partial, width)
        if own == 0 and inside:
            largest[o, i] = best
            total[o, i] = partial[thread]


@kernel("float[:,:,::1], float[:,::1], float[:,::1], float[:,:,::1]")
def _softmax(x, largest, total, y):
    """for each element: y = e^(x - largest) / total, both of its line"""
    length, inner = x.shape[1], x.shape[2]
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        place, row, first = i % inner, i // inner % length, i // inner // length
        y[first, row, place] = math.exp(x[first, row, place] - largest[first, place]) / total[first, place]


@kernel("float[:,:,::1], float[:,::1], float[:,::1], float[:,:,::1]")
def _log_softmax(x, largest, total, y):
    """for each element: y = x - largest - log(total), both of its line"""
    length, inner = x.shape[1], x.shape[2]
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        place, row, first = i % inner, i // inner % length, i // inner // length
        y[first, row, place] = x[first, row, place] - largest[first, place] - math.log(total[first, place])


@kernel("float[:,:,::1], float[:,:,::1], float[:,::1], float[:,:,::1]")
def _softmax_grad(dy, y, total, dx):
    """for each element: dx = y (dy - total), where total is its line's sum of dy y"""
    length, inner = y.shape[1], y.shape[2]
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        place, row, first = i % inner, i // inner % length, i // inner // length
        dx[first, row, place] = y[first, row, place] * (dy[first, row, place] - total[first, place])


@kernel("float[:,:,::1], float[:,:,::1], float[:,::1], float[:,:,::1]")
def _log_softmax_grad(dy, y, total, dx):
    """for each element: dx = dy - e^y total, where total is its line's sum of dy"""
    length, inner = y.shape[1], y.shape[2]
    for i in range(cuda.grid(1), y.size, cuda.gridsize(1)):
        place, row, first = i % inner, i // inner % length, i // inner // length
        dx[first, row, place] = dy[first, row, place] - math.exp(y[first, row, place]) * total[first, place]


def line_statistics(x: ArrayView, device: Device) -> tuple[ArrayView, ArrayView]:
    """The largest number of each line of x, outer x length x inner, and the sum of exponentials below it."""
    outer, _, inner = x.shape
    largest, total = (driver.allocate((outer, inner), x.dtype, device) for _ in range(2))
    width = strip_width(inner)
    launch(_line_statistics, blocks_for(outer * -(-inner // width)), THREADS, device, x, largest, total, width)
    return largest, total


def softmax_lines(x: ArrayView, largest: ArrayView, total: ArrayView, y: ArrayView, device: Device) -> None:
    """y = softmax of the lines of x, from their statistics."""
    launch_1d(_softmax, x.size, device, x, largest, total, y)


def softmax(x: DeviceArray, dim: int) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.chwn)
    table = lines(x, dim)
    softmax_lines(table, *line_statistics(table, x.device), lines(y, dim), x.device)
    return y


def log_softmax(x: DeviceArray, dim: int) -> DeviceArray:
    y = new(x.shape, x.dtype, x.device, x.chwn)
    table = lines(x, dim)
    launch_1d(_log_softmax, x.size, x.device, table, *line_statistics(table, x.device), lines(y, dim))
    return y


def _line_sums(x: DeviceArray, dim: int) -> ArrayView:
    table = lines(x, dim)
    return sum_along(table, x.device).reshape(table.shape[0], table.shape[2])


def softmax_grad(dy: DeviceArray, y: DeviceArray, dim: int) -> DeviceArray:
    dx = new(y.shape, y.dtype, y.device, y.chwn)
    dy = reorder(dy, y.chwn)
    total = _line_sums(mul(dy, y), dim)
    launch_1d(_softmax_grad, y.size, y.device, lines(dy, dim), lines(y, dim), total, lines(dx, dim))
    return dx


def log_softmax_grad(dy: DeviceArray, y: DeviceArray, dim: int) -> DeviceArray:
    dx = new(y.shape, y.dtype, y.device, y.chwn)
    dy = reorder(dy, y.chwn)
    launch_1d(_log_softmax_grad, y.size, y.device, lines(dy, dim), lines(y, dim), _line_sums(dy, dim), lines(dx, dim))
    return dx
