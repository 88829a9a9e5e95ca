"""How a definition in NumPy becomes a primitive: arrays are unwrapped on the way in, and wrapped on the way out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from minigrad.arrays import Device, DeviceArray

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

Array = Any  # a NumPy array to the definition, a DeviceArray to whoever calls the primitive

DEVICE = Device("reference", 0)


def wrap(array: np.ndarray) -> DeviceArray:
    """A NumPy array as a DeviceArray, in C order as all of them are here."""
    array = np.asarray(array, order="C")
    return DeviceArray(array, array.shape, array.dtype, DEVICE)


def primitive(definition: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Make a definition that works on NumPy arrays a primitive, which takes and returns DeviceArrays.

    The definition gets every float array in float64, and what it returns is rounded to the dtype of its first argument:
    so its sums are exact enough to judge float32 by, however they are written. Integers stay what they are.
    """

    def unwrapped(argument: Any) -> Any:
        if not isinstance(argument, DeviceArray):
            return argument
        return argument.data.astype(np.float64, copy=False) if argument.dtype.kind == "f" else argument.data

    @wraps(definition)
    def on_device_arrays(*arguments: Parameters.args, **named: Parameters.kwargs) -> Any:
        first: Any = arguments[0] if arguments else next(iter(named.values()))
        call: Any = definition
        result = call(*map(unwrapped, arguments), **{name: unwrapped(each) for name, each in named.items()})
        results = result if isinstance(result, tuple) else (result,)
        made = tuple(wrap(each.astype(first.dtype) if each.dtype.kind == "f" else each) for each in results)
        return made if isinstance(result, tuple) else made[0]

    return on_device_arrays
