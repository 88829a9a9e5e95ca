"""Kernels of one's own, in numba.cuda's dialect, on the GPUs of this machine: real, emulated or simulated.

    import minigrad as mg
    from minigrad.kernels import jit, place
    from numba import cuda

    @jit
    def relu(x, y):
        i = cuda.grid(1)
        if i < x.size:
            y[i] = max(x[i], 0)

    x = mg.randn(1000, device=place().device)
    y = mg.zeros(1000, device=place().device)
    relu[4, 256](x, y)                                   # 4 blocks of 256 threads

Where numba-cuda has no packages (macOS, Python 3.15), Numba's simulator runs the kernels on tensors of the CPU, for
small sizes: its threads are Python's. Numba looks for its switch when numba.cuda is imported, so import this module
first.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from minigrad.arrays import DeviceInfo, devices
from minigrad.tensors import Tensor

__all__ = ["Kernel", "jit", "place"]

SIMULATED = find_spec("numba_cuda") is None
if SIMULATED and "numba.cuda" not in sys.modules:
    numba_config: Any = importlib.import_module("numba.core.config")
    numba_config.ENABLE_CUDASIM = 1  # for this process alone: the environment stays as it is

Size = int | tuple[int, ...]


def place() -> DeviceInfo:
    """The device for tensors that kernels are to work on, and what carries it out.

    The kind is "hardware", "emulated" or "simulated".

    Raises:
        RuntimeError: numba-cuda is installed and cannot be used.
    """
    found = devices()
    if not SIMULATED:
        if "cuda" in found.missing:
            raise RuntimeError(f"there is no place for kernels: {found.missing['cuda']}")
        return next(info for info in found if info.device.type == "cuda")
    first = found[0]
    return DeviceInfo(first.device, first.memory, "simulated")


def jit(py_func: Callable[..., None]) -> Kernel:
    """Make a function in numba.cuda's dialect a kernel, as numba.cuda.jit does; it is compiled when launched."""
    return Kernel(py_func)


class Kernel:
    """A function that runs in every thread of a grid: `kernel[grid, block](*arguments)`.

    Grid and block are integers or tuples of up to three. The arguments are numbers and tensors of one device of
    `place()`'s kind, with one axis or more; kernels write into them, so give them tensors made for that, by `mg.zeros`.

    Args:
        py_func: the function.
        checked: whether launches are checked.

    Raises:
        ValueError: the GPU takes no such grid or block.
        TypeError: an argument is neither a tensor nor a number, or there is no tensor.
        DeviceMismatchError: the tensors live on several devices.
    """

    def __init__(self, py_func: Callable[..., None], checked: bool = False) -> None:
        self.py_func = py_func
        self.name = py_func.__name__
        self._checked = checked
        self._declared: dict[str, Any] = {}
        self.__doc__ = py_func.__doc__

    @property
    def checked(self) -> Kernel:
        """This kernel with checks, on emulated GPUs only and slowly: launches raise an error that names the thread.

        Found are indices out of bounds, reads of shared memory that was never written, barriers that some threads of a
        block miss, and results that depend on the order of the threads: a barrier is missing, or two threads write one
        element.
        """
        return Kernel(self.py_func, checked=True)

    def __getitem__(self, sizes: tuple[Size, Size]) -> Callable[..., None]:
        if not isinstance(sizes, tuple) or len(sizes) != 2:
            raise TypeError(f"kernel {self.name} is launched as {self.name}[grid, block](...), got [{sizes!r}]")
        return lambda *arguments: self._launch(*sizes, arguments)

    def _launch(self, grid: Size, block: Size, arguments: tuple[Any, ...]) -> None:
        tensors = [each for each in arguments if isinstance(each, Tensor)]
        if not tensors:
            raise TypeError(f"kernel {self.name} works on tensors, and was given none")
        declaration = ", ".join(self._declare(number, each) for number, each in enumerate(arguments))
        plain = [each.array.data if isinstance(each, Tensor) else each for each in arguments]
        if SIMULATED:
            self._simulate(grid, block, plain)
            return
        backend = importlib.import_module("minigrad.backends.cuda.launch")
        if declaration not in self._declared:
            self._declared[declaration] = backend.Kernel(self.py_func, declaration)
        driver = _checking_driver() if self._checked else None
        backend.launch(self._declared[declaration], grid, block, tensors[0].device, *plain, driver=driver)

    def _declare(self, number: int, argument: Any) -> str:
        """The type of an argument in the words of a kernel's declaration."""
        if isinstance(argument, (bool, int, np.integer)):
            return "i8"
        if isinstance(argument, (float, np.floating)):
            return "f8"
        if not isinstance(argument, Tensor):
            given = type(argument).__name__
            raise TypeError(f"kernel {self.name}: argument {number} is neither a tensor nor a number, but a {given}")
        wanted = "cpu" if SIMULATED else "cuda"
        if argument.device.type != wanted:
            raise ValueError(
                f"kernel {self.name}: argument {number} is on {argument.device}, where no kernel runs; "
                f"bring it to {place().device} with .to()"
            )
        if not argument.ndim or argument.array.chwn:
            raise ValueError(
                f"kernel {self.name}: argument {number} is a tensor of shape {argument.shape} that is not stored in C "
                "order with one axis or more; make one with mg.tensor or mg.zeros"
            )
        return f"{argument.dtype.str[1:]}[{':,' * (argument.ndim - 1)}::1]"

    def _simulate(self, grid: Size, block: Size, arguments: list[Any]) -> None:
        cuda = importlib.import_module("numba.cuda")
        if not cuda.jit.__module__.startswith("numba.cuda.simulator"):
            raise RuntimeError("numba.cuda was imported before minigrad.kernels; import minigrad.kernels first")
        if self._checked:
            raise RuntimeError(f"kernel {self.name}: checks need an emulated GPU, this is Numba's simulator")
        cuda.jit(self.py_func)[grid, block](*arguments)


@cache
def _checking_driver() -> Any:
    """An emulated driver with checks, beside the one that holds the memory."""
    kind = place().kind
    if kind != "emulated":
        raise RuntimeError(f"checked kernels need emulated GPUs, these are {kind}; set MINIGRAD_CUDA=emulated")
    return importlib.import_module("minigrad.backends.cuda.emulator.checked").CheckedDriver()
