"""The driver: memory, copies and launches on CUDA devices, behind one small interface, real or emulated.

`MINIGRAD_CUDA=hardware` or `emulated` chooses; without it the hardware is taken where there is a GPU.
"""

from __future__ import annotations

import importlib
import os
import threading
from functools import cache
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from minigrad.arrays import Device, DeviceInfo, unusable
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.memory import Argument, ArrayView, Memory
from minigrad.backends.cuda.runtime.signature import Dim3, Kernel, Variant

__all__ = [
    "ArrayView",
    "Driver",
    "Memory",
    "allocate",
    "copy",
    "copy_from_host",
    "copy_to_host",
    "current",
    "devices",
    "synchronise",
]


class Driver(Protocol):
    """What a driver does. Work on one device is done in the order in which it was asked for."""

    most_blocks: int  # how many blocks of a grid-stride kernel help
    one_code: bool  # whether all devices run the same compiled code

    def devices(self) -> tuple[DeviceInfo, ...]:
        """The devices that there are."""

    def take(self, device: Device, size: int) -> Memory:
        """That many bytes of a device's memory, uninitialised."""

    def copy_from_host(self, target: ArrayView, source: np.ndarray) -> None:
        """Fill an array from a C-order ndarray, which may change afterwards."""

    def copy_to_host(self, source: ArrayView, target: np.ndarray) -> None:
        """Fill a C-order ndarray from an array, and wait for it."""

    def copy(self, target: ArrayView, source: ArrayView) -> None:
        """Copy between arrays of one device or of two."""

    def prepare(self, kernel: Kernel, variant: Variant, device: Device) -> None:
        """Compile a kernel for a device, or load it from disk."""

    def launch(
        self,
        kernel: Kernel,
        variant: Variant,
        grid: Dim3,
        block: Dim3,
        device: Device,
        arguments: tuple[Argument, ...],
    ) -> None:
        """Run a kernel; the arguments have been checked."""

    def synchronise(self, device: Device) -> None:
        """Wait until all work on the device is done."""


_lock = threading.RLock()


def current() -> Driver:
    """The driver of this process, chosen when first asked for."""
    with _lock:
        return _chosen()


@cache
def _chosen() -> Driver:
    """The driver that the environment asks for; the emulator is loaded only where it is used."""
    choice = os.environ.get("MINIGRAD_CUDA", "")
    if choice not in ("", "hardware", "emulated"):
        raise ValueError(f"MINIGRAD_CUDA is 'hardware' or 'emulated', got {choice!r}")
    if choice == "hardware" or (not choice and hardware.available()):
        return hardware.HardwareDriver()
    if hardware.SIMULATED:
        raise RuntimeError("under Numba's simulator (NUMBA_ENABLE_CUDASIM) there is only MINIGRAD_CUDA=hardware")
    try:
        emulator = importlib.import_module("minigrad.backends.cuda.emulator.checked")
    except Exception as error:  # it needs more of numba-cuda than the hardware does
        raise RuntimeError(unusable("numba-cuda", error)) from error
    driver: Driver = emulator.chosen()
    return driver


def devices() -> tuple[DeviceInfo, ...]:
    """The CUDA devices, real or emulated."""
    return current().devices()


def allocate(shape: tuple[int, ...], dtype: DTypeLike, device: Device) -> ArrayView:
    """An uninitialised array in the device's memory."""
    kind = np.dtype(dtype)
    return ArrayView(current().take(device, prod(shape) * kind.itemsize), 0, tuple(shape), kind)


def copy_from_host(view: ArrayView, array: np.ndarray) -> None:
    """Fill a view from an ndarray of its shape, converted to its dtype; the ndarray may change afterwards."""
    source = np.ascontiguousarray(array, view.dtype).reshape(array.shape)
    if source.shape != view.shape:
        raise ValueError(f"an array of shape {source.shape} does not fit a device array of shape {view.shape}")
    if view.size:
        current().copy_from_host(view, source)


def copy_to_host(view: ArrayView) -> np.ndarray:
    """A copy of a view in the host's memory, after all work that was asked for before."""
    result = np.empty(view.shape, view.dtype)
    if view.size:
        current().copy_to_host(view, result)
    return result


def copy(target: ArrayView, source: ArrayView) -> None:
    """Copy all elements, between arrays of one device or of two; the shapes may differ, the sizes and dtypes not."""
    if (target.size, target.dtype) != (source.size, source.dtype):
        raise ValueError(f"{source!r} cannot be copied to {target!r}: sizes and dtypes must agree")
    if source.size:
        current().copy(target, source)


def synchronise(device: Device) -> None:
    """Wait until all work on the device is done."""
    current().synchronise(device)
