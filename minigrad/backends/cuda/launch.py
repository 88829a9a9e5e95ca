"""Kernels: the decorators that make them, and their launch on either driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numba import cuda

from minigrad import compilation
from minigrad.arrays import Device, DeviceMismatchError
from minigrad.backends.cuda import driver as drivers
from minigrad.backends.cuda.runtime.memory import Argument, ArrayView
from minigrad.backends.cuda.runtime.signature import REGISTRY, Dim3, Kernel, Variant

__all__ = ["REGISTRY", "DeviceFunction", "Kernel", "block_function", "device_function", "kernel", "launch", "launch_1d"]

WARP = 32
THREADS = 256  # of a block of `launch_1d`; fewer where there is less to do


class DeviceFunction(Protocol):
    """A function that kernels may call; `py_func` is the Python function that it was made of."""

    py_func: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Any:
        """Call it, in a kernel."""


def kernel(declaration: str) -> Callable[[Callable[..., None]], Kernel]:
    """Make a function in numba.cuda's dialect a kernel.

    The declaration gives the type of each argument: `float[:,::1]` is a C-order matrix, `u1[:]` a vector, `i8` and
    `float` are numbers. `float` stands for the floating dtype of the launch (f4 or f8), `any` for the element type of
    the launch (f4, f8 or an integer), `other` for a second one.
    """

    def decorate(py_func: Callable[..., None]) -> Kernel:
        result = Kernel(py_func, declaration)
        REGISTRY.append(result)
        return result

    return decorate


def device_function(py_func: Callable[..., Any]) -> DeviceFunction:
    """Make a function one that a thread may call. It may hold no barrier."""
    made: DeviceFunction = cuda.jit(device=True)(py_func)
    return made


def block_function(py_func: Callable[..., Any]) -> DeviceFunction:
    """Make a function one that all threads of a block call together. It may hold barriers: kernels have it inlined."""
    made: DeviceFunction = cuda.jit(device=True, inline="always")(py_func)
    return made


def launch(
    kernel: Kernel,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    device: Device,
    *arguments: Argument,
    driver: drivers.Driver | None = None,
) -> None:
    """Run a kernel on a grid of blocks of threads, by this process's driver or the one given.

    Raises:
        DeviceMismatchError: an array lives on another device.
        TypeError: an argument is not what the kernel declares.
    """
    variant = tuple([_dtype(arguments[at]) for at in kernel.deciders])
    _check(kernel, variant, device, arguments)
    blocks, threads = _dim3(grid), _dim3(block)
    if 0 in blocks:
        return
    chosen = driver or drivers.current()
    if compilation.rehearsing():
        place = None if chosen.one_code else device
        compilation.note((kernel, variant, place), lambda: chosen.prepare(kernel, variant, device))
    else:
        chosen.launch(kernel, variant, blocks, threads, device, arguments)


def launch_1d(kernel: Kernel, count: int, device: Device, *arguments: Argument) -> None:
    """Run a kernel with a thread for each of `count` elements, or as many as help: it walks in grid-stride loops."""
    threads = min(-(-count // WARP) * WARP, THREADS)
    blocks = min(-(-count // THREADS), drivers.current().most_blocks)
    launch(kernel, blocks, threads, device, *arguments)


def _dim3(size: int | tuple[int, ...]) -> Dim3:
    if isinstance(size, int):
        return size, 1, 1
    x, y, z = (*size, 1, 1)[:3]
    return x, y, z


def _dtype(argument: Argument) -> np.dtype[Any]:
    if isinstance(argument, ArrayView):
        return argument.dtype
    return np.dtype("f8" if isinstance(argument, float) else "i8")


def _check(kernel: Kernel, variant: Variant, device: Device, arguments: tuple[Argument, ...]) -> None:
    """Complain about arguments that do not fit the declaration or live elsewhere."""
    if len(arguments) != len(kernel.parameters):
        raise TypeError(f"kernel {kernel.name} takes {len(kernel.parameters)} arguments, got {len(arguments)}")
    for parameter, dtype, argument in zip(kernel.parameters, kernel.dtypes(variant), arguments, strict=True):
        if parameter.ndim is None:
            if isinstance(argument, ArrayView):
                raise TypeError(f"kernel {kernel.name} takes a number as {parameter.name}, got {argument}")
            continue
        if not isinstance(argument, ArrayView) or len(argument.shape) != parameter.ndim or argument.dtype != dtype:
            raise TypeError(
                f"kernel {kernel.name} takes an array of {parameter.ndim} axes of {dtype} as {parameter.name}, "
                f"got {argument!r}"
            )
        if argument.memory.device != device:
            raise DeviceMismatchError(
                f"kernel {kernel.name} was launched on {device} with {parameter.name} on {argument.device}; "
                f"bring the array there with .to('{device}')"
            )
