"""Kernels: the decorators that make them, and their launch on either driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import cuda

from minigrad import compilation
from minigrad.backends.cuda import driver as drivers
from minigrad.backends.cuda.runtime.memory import ArrayView
from minigrad.backends.cuda.runtime.signature import REGISTRY, Kernel
from minigrad.device import Device, DeviceMismatchError

__all__ = ["REGISTRY", "Kernel", "block_function", "device_function", "kernel", "launch", "launch_1d"]

WARP = 32
THREADS = 256  # of a block of `launch_1d`; fewer where there is less to do


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


def device_function(py_func: Callable[..., Any]) -> Any:
    """Make a function one that a thread may call. It may hold no barrier."""
    return cuda.jit(device=True)(py_func)


def block_function(py_func: Callable[..., Any]) -> Any:
    """Make a function one that all threads of a block call together. It may hold barriers: kernels have it inlined."""
    return cuda.jit(device=True, inline="always")(py_func)


def launch(
    kernel: Kernel,
    grid: int | tuple[int, ...],
    block: int | tuple[int, ...],
    device: Device,
    *arguments: ArrayView | int | float,
    driver: drivers.Driver | None = None,
) -> None:
    """Run a kernel on a grid of blocks of threads, by this process's driver or the one given.

    Raises:
        DeviceMismatchError: an array lives on another device.
        TypeError: an argument is not what the kernel declares.
    """
    variant = tuple([_dtype(arguments[at]) for at in kernel.deciders])
    _check(kernel, variant, device, arguments)
    grid = (grid, 1, 1) if isinstance(grid, int) else (*grid, 1, 1)[:3]
    block = (block, 1, 1) if isinstance(block, int) else (*block, 1, 1)[:3]
    if not (grid[0] and grid[1] and grid[2]):
        return
    chosen = driver or drivers.current()
    if compilation.rehearsing():
        place = None if chosen.one_code else device
        compilation.note((kernel, variant, place), lambda: chosen.prepare(kernel, variant, device))
    else:
        chosen.launch(kernel, variant, grid, block, device, arguments)


def launch_1d(kernel: Kernel, count: int, device: Device, *arguments: ArrayView | int | float) -> None:
    """Run a kernel with a thread for each of `count` elements, or as many as help: it walks in grid-stride loops."""
    threads = min(-(-count // WARP) * WARP, THREADS)
    blocks = min(-(-count // THREADS), drivers.current().most_blocks)
    launch(kernel, blocks, threads, device, *arguments)


def _dtype(argument: ArrayView | int | float) -> np.dtype[Any]:
    if isinstance(argument, ArrayView):
        return argument.dtype
    return np.dtype("f8" if isinstance(argument, float) else "i8")


def _check(kernel: Kernel, variant: tuple[Any, ...], device: Device, arguments: tuple[Any, ...]) -> None:
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
