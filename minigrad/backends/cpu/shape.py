"""Views, copies and joins. A view shares memory with what it views: arrays are not written again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.arrays import DeviceArray
from minigrad.backends import layout
from minigrad.backends.cpu.memory import copy, new, stored, wrap


def reshape(x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    chwn = layout.order_of_reshaped(x, shape)
    data = stored(x, chwn).reshape(layout.storage(shape, chwn))
    return DeviceArray(data, shape, x.dtype, x.device, chwn)


def transpose(x: DeviceArray, dim0: int, dim1: int) -> DeviceArray:
    return wrap(np.swapaxes(stored(x, False), dim0, dim1), x.device)


def getitem(x: DeviceArray, index: tuple[int | slice, ...]) -> DeviceArray:
    part = layout.view(x)[index]
    if layout.order_of_part(x, index, part.shape):
        data = np.moveaxis(part, 0, -1)
        if not data.flags.c_contiguous:  # a slice of the channels is contiguous as it stands
            data = np.ascontiguousarray(data)
        return DeviceArray(data, part.shape, x.dtype, x.device, True)
    return wrap(part, x.device)


def getitem_grad(dy: DeviceArray, index: tuple[int | slice, ...], shape: tuple[int, ...]) -> DeviceArray:
    dx = new(shape, dy.dtype, dy.device, layout.order_as(shape, dy))
    dx.data.fill(0)
    layout.view(dx)[index] = layout.view(dy)
    return dx


def cat(arrays: Sequence[DeviceArray], dim: int) -> DeviceArray:
    shape, chwn = layout.cat_layout(arrays, dim)
    z = new(shape, arrays[0].dtype, arrays[0].device, chwn)
    before, start = (slice(None),) * layout.storage_axis(dim, z), 0
    for x in arrays:
        stop = start + x.shape[dim]
        place = (*before, slice(start, stop))
        copy(stored(x, z.chwn), z.data[place])
        start = stop
    return z


def broadcast_to(x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    z = new(shape, x.dtype, x.device, layout.order_as(shape, x))
    layout.view(z)[...] = layout.view(x)
    return z
