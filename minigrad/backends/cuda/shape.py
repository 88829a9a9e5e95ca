"""Views, copies and joins. A view shares memory with what it views; arrays are never written once they are made."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.arrays import DeviceArray
from minigrad.backends import layout
from minigrad.backends.cuda import driver, strides
from minigrad.backends.cuda.elementwise import repeat
from minigrad.backends.cuda.launch import launch_1d
from minigrad.backends.cuda.memory import fill, flat, new, stored, transpose_matrix

Index = tuple[int | slice, ...]


def reshape(x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    chwn = layout.order_of_reshaped(x, shape)
    data = stored(x, chwn).reshape(layout.storage(shape, chwn))
    return DeviceArray(data, shape, x.dtype, x.device, chwn)


def transpose(x: DeviceArray, dim0: int, dim1: int) -> DeviceArray:
    order = list(range(x.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    y = new(tuple(x.shape[axis] for axis in order), x.dtype, x.device)
    if x.ndim == 2 and dim0 != dim1 and not x.chwn and x.size:
        transpose_matrix(x.data, y.data, x.device)
        return y
    along = strides.strides_of(x)
    strides.copy_strided(x.data, y.data, y.shape, tuple(along[axis] for axis in order), strides.contiguous(y.shape))
    return y


def _taken(shape: strides.Shape, own: strides.Strides, index: Index) -> tuple[strides.Shape, strides.Strides, int]:
    """What x[index] takes of an array: the sizes of its axes, its strides in x, and where in x it begins."""
    sizes, along, start = [], [], 0
    for size, stride, entry in zip(shape, own, index, strict=True):
        if isinstance(entry, slice):
            places = range(size)[entry]
            sizes.append(len(places))
            along.append(stride * places.step)
            start += stride * (places.start if places else 0)
        else:
            start += stride * (entry % size)
    return tuple(sizes), tuple(along), start


def _leading_rows(x: DeviceArray, index: Index) -> range | None:
    """The rows of the storage's first axis that x[index] is, if it is a run of them and whole."""
    entries = layout.storage(index, x.chwn)
    if not entries or not isinstance(entries[0], slice):
        return None
    lengths = x.data.shape
    whole = all(
        isinstance(entry, slice) and range(n)[entry] == range(n)
        for entry, n in zip(entries[1:], lengths[1:], strict=True)
    )
    places = range(lengths[0])[entries[0]]
    return places if whole and places.step == 1 else None


def getitem(x: DeviceArray, index: Index) -> DeviceArray:
    shape, along, start = _taken(x.shape, strides.strides_of(x), index)
    chwn = layout.order_of_part(x, index, shape)
    rows = _leading_rows(x, index)
    if rows is not None and chwn == x.chwn:
        part = x.data.part(rows.start, max(rows.start, rows.stop))
        return DeviceArray(part, shape, x.dtype, x.device, chwn)
    y = new(shape, x.dtype, x.device, chwn)
    strides.copy_strided(x.data, y.data, shape, along, strides.strides_of(y), x_start=start)
    return y


def getitem_grad(dy: DeviceArray, index: Index, shape: tuple[int, ...]) -> DeviceArray:
    dx = new(shape, dy.dtype, dy.device, layout.order_as(shape, dy))
    launch_1d(fill, dx.size, dx.device, flat(dx), 0)
    _, along, start = _taken(shape, strides.strides_of(dx), index)
    strides.copy_strided(dy.data, dx.data, dy.shape, strides.strides_of(dy), along, y_start=start)
    return dx


def cat(arrays: Sequence[DeviceArray], dim: int) -> DeviceArray:
    shape, chwn = layout.cat_layout(arrays, dim)
    z = new(shape, arrays[0].dtype, arrays[0].device, chwn)
    axis = layout.storage_axis(dim, z)
    along = strides.contiguous(z.data.shape)
    start = 0
    for x in arrays:
        data = stored(x, z.chwn)
        stop = start + x.shape[dim]
        if axis == 0:
            driver.copy(z.data.part(start, stop), data)
        else:
            walk = strides.contiguous(data.shape)
            strides.copy_strided(data, z.data, data.shape, walk, along, y_start=start * along[axis])
        start = stop
    return z


def broadcast_to(x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
    return repeat(x, shape, layout.order_as(shape, x))
