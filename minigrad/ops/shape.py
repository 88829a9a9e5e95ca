"""Operations that move elements and change none."""

from __future__ import annotations

from minigrad.arrays import Device, DeviceArray
from minigrad.autograd import Function, Gradients

__all__ = ["Cat", "GetItem", "Reshape", "Take", "To", "Transpose", "transfer"]


class Reshape(Function):
    """The elements, in C order of the axes, under another shape."""

    def forward(self, x: DeviceArray, shape: tuple[int, ...]) -> DeviceArray:
        self.shape = x.shape
        return x.device.backend.reshape(x, shape)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.reshape(dy, self.shape)


class Transpose(Function):
    """Two axes exchanged."""

    def forward(self, x: DeviceArray, dim0: int, dim1: int) -> DeviceArray:
        self.dims = dim0, dim1
        return x.device.backend.transpose(x, dim0, dim1)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.transpose(dy, *self.dims)


class GetItem(Function):
    """y = x[index] for integers and slices; the gradient is 0 where x was not looked at."""

    name = "indexing"

    def forward(self, x: DeviceArray, index: tuple[int | slice, ...]) -> DeviceArray:
        self.index, self.shape = index, x.shape
        return x.device.backend.getitem(x, index)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.getitem_grad(dy, self.index, self.shape)


class Take(Function):
    """y = what stands along an axis of x at indices; what is taken several times gets the sum of its gradients."""

    name = "indexing"

    def forward(self, x: DeviceArray, indices: DeviceArray, axis: int) -> DeviceArray:
        self.indices, self.shape, self.axis = indices, x.shape, axis
        return x.device.backend.take(x, indices, axis)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return dy.device.backend.take_grad(dy, self.indices, self.shape, self.axis)


class Cat(Function):
    """Arrays joined along an axis; each gets back its slice of the gradient."""

    def forward(self, *arrays: DeviceArray, dim: int) -> DeviceArray:
        self.dim, self.lengths = dim, [x.shape[dim] for x in arrays]
        return arrays[0].device.backend.cat(arrays, dim)

    def backward(self, dy: DeviceArray) -> Gradients:
        gradients, start = [], 0
        for length, need in zip(self.lengths, self.needs_input_grad, strict=True):
            index = [slice(None)] * dy.ndim
            index[self.dim] = slice(start, start + length)
            gradients.append(dy.device.backend.getitem(dy, tuple(index)) if need else None)
            start += length
        return tuple(gradients)


def transfer(x: DeviceArray, target: Device) -> DeviceArray:
    """x on another device; x itself if it is there."""
    if x.device == target:
        return x
    if x.device.type == target.type:
        return x.device.backend.copy_to(x, target)
    y = target.backend.from_host(x.device.backend.to_host(x), target)
    return target.backend.reorder(y, x.chwn)


class To(Function):
    """A copy on another device; the gradient travels back the other way."""

    name = "to"

    def forward(self, x: DeviceArray, target: Device) -> DeviceArray:
        self.source = x.device
        return transfer(x, target)

    def backward(self, dy: DeviceArray) -> DeviceArray:
        return transfer(dy, self.source)
