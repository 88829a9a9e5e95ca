"""Arrays in the host's memory: one device, and one memory order, C."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.arrays import Device, DeviceArray, DeviceInfo
from minigrad.backends.host import host_memory
from minigrad.backends.reference.primitive import DEVICE, wrap


def devices() -> tuple[DeviceInfo, ...]:
    """The one device reference:0."""
    return (DeviceInfo(DEVICE, host_memory(), "plain NumPy"),)


def from_host(array: np.ndarray, device: Device) -> DeviceArray:
    """A copy of a NumPy array."""
    return wrap(np.array(array))


def to_host(x: DeviceArray) -> np.ndarray:
    """A copy as a NumPy array."""
    return np.array(x.data)


def copy_to(x: DeviceArray, device: Device) -> DeviceArray:
    """A copy; there is no other device to put it on."""
    return wrap(np.array(x.data))


def full(shape: tuple[int, ...], value: float, dtype: np.dtype[Any], device: Device) -> DeviceArray:
    """An array of one value."""
    return wrap(np.full(shape, value, dtype))


def cast(x: DeviceArray, dtype: np.dtype[Any]) -> DeviceArray:
    """x in another dtype."""
    return wrap(x.data.astype(dtype))


def reorder(x: DeviceArray, chwn: bool) -> DeviceArray:
    """x itself, whatever order is wanted: how elements lie in memory is for speed alone."""
    return x
