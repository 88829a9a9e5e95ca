"""Views, copies and joins. A view shares memory with what it views: arrays are not written again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.backends.cpu.memory import new, reorder, stored, view, wrap
from minigrad.device import DeviceArray


def reshape(x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    keeps_batch = x.batch_last and len(shape) > 1 and shape[0] == x.shape[0]
    x = reorder(x, keeps_batch)
    storage = shape[1:] + shape[:1] if keeps_batch else shape
    return DeviceArray(x.data.reshape(storage), shape, x.dtype, x.device, keeps_batch)


def transpose(x: DeviceArray, dim0: int, dim1: int) -> DeviceArray:
    return wrap(np.swapaxes(stored(x, False), dim0, dim1), x.device)


def getitem(x: DeviceArray, index: tuple[int | slice, ...]) -> DeviceArray:
    part = view(x)[index]
    if x.batch_last and isinstance(index[0], slice) and part.shape[:1] == x.shape[:1] and part.ndim > 1:
        storage = np.moveaxis(part, 0, -1)
        if not storage.flags.c_contiguous:  # a slice of the channels is contiguous as it stands
            storage = np.ascontiguousarray(storage)
        return DeviceArray(storage, part.shape, x.dtype, x.device, True)
    return wrap(part, x.device)


def getitem_grad(dy: DeviceArray, index: tuple[int | slice, ...], shape: tuple[int, ...]) -> DeviceArray:
    dx = new(shape, dy.dtype, dy.device, dy.batch_last and dy.ndim == len(shape) and dy.shape[0] == shape[0])
    dx.data.fill(0)
    view(dx)[index] = view(dy)
    return dx


def cat(arrays: Sequence[DeviceArray], dim: int) -> DeviceArray:
    first = arrays[0]
    shape = list(first.shape)
    shape[dim] = sum(x.shape[dim] for x in arrays)
    batch_last = any(x.batch_last for x in arrays)
    z = new(tuple(shape), first.dtype, first.device, batch_last)
    axis = (dim - 1) % z.ndim if batch_last else dim
    np.concatenate([stored(x, z.batch_last) for x in arrays], axis=axis, out=z.data)
    return z


def broadcast_to(x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    z = new(shape, x.dtype, x.device, x.batch_last and x.ndim == len(shape) and x.shape[0] == shape[0])
    view(z)[...] = view(x)
    return z
