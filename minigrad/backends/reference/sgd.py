"""The rule of the optimiser (section 5)."""

from __future__ import annotations

from minigrad.arrays import DeviceArray
from minigrad.backends.reference.primitive import wrap


def sgd_update(
    w: DeviceArray, g: DeviceArray, v: DeviceArray | None, lr: float, momentum: float, weight_decay: float
) -> DeviceArray:
    """v <- momentum v - weight_decay lr w - lr g; the result is w + v. Without v, as if it had been 0"""
    step = -weight_decay * lr * w.data - lr * g.data
    if v is not None:
        step += momentum * v.data
        v.data[...] = step
    return wrap((w.data + step).astype(w.dtype))
