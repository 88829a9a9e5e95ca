"""Devices and the arrays that live on them: the ground floor, which knows no primitive and no operation.

A `DeviceArray` belongs to one device for good. Arrays of two devices never meet in an operation; data moves between
devices only where the program says so.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:  # the table is about arrays, which are below it
    from minigrad.backends.protocol import Backend

__all__ = [
    "Deferred",
    "Device",
    "DeviceArray",
    "DeviceInfo",
    "DeviceList",
    "DeviceMismatchError",
    "check_same_device",
    "device",
    "devices",
    "quiet",
    "unusable",
]

BACKENDS = ("cpu", "cuda", "reference")

# The package that a kind of device needs, and what to say where it is not installed.
REQUIRED = {
    "cuda": (
        "numba_cuda",
        "the package numba-cuda is not installed (pip install numba-cuda; there is none for macOS or Python 3.15)",
    )
}


# A decorator: NumPy does not warn in the function. Infinities and NaN are results, which the caller sees, not events.
# It holds for the thread that calls the function; operations, backward passes and steps of an optimiser are within it.
quiet = np.errstate(all="ignore")


class DeviceMismatchError(RuntimeError):
    """An operation was given arrays of two devices."""


@dataclass(frozen=True)
class DeviceInfo:
    """What `devices()` tells of a device: its memory in bytes, and what carries it out.

    `kind` is "hardware", "emulated" or, of the reference, "plain NumPy".
    """

    device: Device
    memory: int
    kind: str

    def __str__(self) -> str:
        return f"{self.device}  {self.memory / 2**30:.1f} GiB  {self.kind}"


class DeviceList(list[DeviceInfo]):
    """What `devices()` gives: a list that prints a line for each device, and says which kinds are not there, and why.

    Attributes:
        missing: the reason by kind of device: `{"cuda": "the package numba-cuda is not installed ..."}`.
    """

    def __init__(self, infos: Iterable[DeviceInfo] = (), missing: dict[str, str] | None = None) -> None:
        super().__init__(infos)
        self.missing = missing or {}

    def __str__(self) -> str:
        return "\n".join([*map(str, self), *(f"{kind}: {reason}" for kind, reason in self.missing.items())])

    __repr__ = __str__


@dataclass(frozen=True)
class Device:
    """A place where arrays live: `Device("cpu", 1)` is "cpu:1". Made by `device()`, which checks that it exists."""

    type: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device('{self}')"

    @property
    def memory(self) -> int:
        """Its memory in bytes; 0 where the system does not tell."""
        return next(info.memory for info in self.backend.devices() if info.device == self)

    @property
    def backend(self) -> Backend:
        """The module with the primitives for this kind of device, loaded when first asked for."""
        return _backend(self.type)


def unusable(package: str, error: Exception) -> str:
    """What to say where a package is installed and using it failed, in whatever way."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"the package {package} cannot be used here ({words[:300]}); install it anew, with versions of Numba and NumPy "
        "that it knows"
    )


@cache
def _load(device_type: str) -> tuple[Backend | None, str]:
    """The module with the primitives for a kind of device, or None and the reason; tried once per process."""
    package, absent = REQUIRED.get(device_type, ("", ""))
    module = f"minigrad.backends.{device_type}"
    if not package:
        return importlib.import_module(module), ""
    if importlib.util.find_spec(package) is None:
        return None, absent
    try:
        return importlib.import_module(module), ""
    except Exception as error:  # a package that is broken, or does not go with another, fails in any way
        return None, unusable(package.replace("_", "-"), error)


@cache
def _backend(device_type: str) -> Backend:
    module, reason = _load(device_type)
    if module is None:
        raise RuntimeError(reason)
    return module


@cache
def _device_by_name(name: str) -> Device:
    device_type, colon, index = name.partition(":")
    if device_type not in BACKENDS or (colon and not index.isdecimal()):
        known = ", ".join(str(info.device) for info in devices())
        raise ValueError(f"there is no device {name!r}; the devices here are {known}")
    result = Device(device_type, int(index or 0))
    try:
        known_devices = [info.device for info in result.backend.devices()]
    except RuntimeError as error:
        raise ValueError(f"there is no device {name!r}: {error}") from None
    if result not in known_devices:
        known = ", ".join(str(each) for each in known_devices)
        remedy = " (MINIGRAD_CUDA_DEVICES sets how many there are)" if device_type == "cuda" else ""
        raise ValueError(f"there is no device {name!r}; the devices here are {known}{remedy}")
    return result


def device(name: str | Device) -> Device:
    """The device of that name: "cpu" (the same as "cpu:0"), "cpu:1", "cuda", "cuda:1", "reference".

    Raises:
        ValueError: there is no such device; the message lists those there are.
    """
    if isinstance(name, Device):
        return _device_by_name(str(name))
    if not isinstance(name, str):
        raise TypeError(f"a device is named by a string such as 'cpu:0', got {name!r}")
    return _device_by_name(name)


def devices() -> DeviceList:
    """The devices of this machine: name, memory and what carries them out.

    Where a kind of device cannot be had at all, the list says why, in `missing` and when printed.
    """
    found = DeviceList()
    for name in BACKENDS:
        try:
            found += _backend(name).devices()
        except RuntimeError as error:
            found.missing[name] = str(error)
    return found


class Deferred(Protocol):
    """The elements of an array that are made when they are first asked for, the same ones at each call.

    Examples: the first weights of a layer, which a checkpoint may replace before anyone needs them; the gradient of a
    large linear layer, which the update of the weights takes piece by piece, so that it never lies in memory.
    """

    def __call__(self) -> Any:
        """The elements, in the form that the device's backend chooses."""


class DeviceArray:
    """A dense array of one dtype on one device.

    Axis 0 is the batch. `chwn` says how the elements lie in memory: in C order of `shape`, or with axis 0 moved
    to the end (C x H x W x N for a batch of images), the order in which convolution, pooling and normalisation run
    along neighbouring images. Only backends look at it; to everybody else the two orders are the same array.

    Args:
        data: the elements, in a form that the device's backend chooses; or a `Deferred` that makes them.
        shape: the shape as its users see it.
        dtype: float32, float64 or an integer type.
        device: where `data` lives.
        chwn: whether axis 0 is stored last.

    Attributes:
        pending: what will make the elements, which nobody has asked for yet; None once they are there.
        forms: what a backend has made of the elements and may want again (the array never changes), by a name of its
            own; it dies with the array.
    """

    __slots__ = ("__weakref__", "_data", "chwn", "device", "dtype", "forms", "pending", "shape")

    def __init__(
        self,
        data: Any | Deferred,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        device: Device,
        chwn: bool = False,
    ) -> None:
        self.pending: Deferred | None = None
        self._data = data
        if callable(data):
            self._data, self.pending = None, data
        self.shape = shape
        self.dtype = dtype
        self.device = device
        self.chwn = chwn
        self.forms: dict[Any, Any] = {}

    @property
    def data(self) -> Any:
        """The elements, in the backend's form."""
        pending = self.pending
        if pending is not None:  # two threads may both make them, and make the same
            self._data = pending()
            self.pending = None
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        self._data, self.pending = data, None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return self.size * self.dtype.itemsize

    def __deepcopy__(self, memo: dict[int, Any]) -> DeviceArray:
        """Memory of its own on the same device, for `copy.deepcopy` of tensors, modules and optimisers."""
        return self.device.backend.copy_to(self, self.device)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: the elements on the host, and where they belong."""
        return _restored, (self.device.backend.to_host(self), str(self.device), self.chwn)

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device='{self.device}')"


def _restored(elements: np.ndarray, name: str, chwn: bool) -> DeviceArray:
    """An array that was pickled, on the device of that name here."""
    where = device(name)
    return where.backend.reorder(where.backend.from_host(elements, where), chwn)


def check_same_device(operation: str, arrays: Iterable[DeviceArray]) -> None:
    """Raise DeviceMismatchError if the arrays do not all live on one device."""
    first: Device | None = None
    for array in arrays:
        if first is None:
            first = array.device
        elif array.device is not first and array.device != first:  # the second test is slow, and seldom needed
            raise DeviceMismatchError(
                f"{operation} was given arrays on {first} and on {array.device}; "
                f"bring them together with .to('{first}') or .to('{array.device}')"
            )
