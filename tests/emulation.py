"""What the tests of CUDA devices share: arrays, launches, processes, and a few kernels that are right."""

from __future__ import annotations

import inspect
import math
import os
import subprocess
import sys
import textwrap
from functools import cache
from typing import Any

import numpy as np
import pytest
from numba import cuda

from minigrad.arrays import Device
from minigrad.backends.cuda import driver, strides
from minigrad.backends.cuda.launch import block_function, device_function, launch
from minigrad.backends.cuda.runtime.memory import ArrayView
from minigrad.backends.cuda.runtime.signature import Kernel, Signature

FIRST, SECOND = Device("cuda", 0), Device("cuda", 1)
TILE = 8
BARRIER = "cuda.syncthreads()"


def use(chosen: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a driver in the place of this machine's."""
    chosen._announced = True
    monkeypatch.setattr(driver, "current", lambda: chosen)
    monkeypatch.setattr(strides, "on_device", cache(strides.on_device.__wrapped__))  # what it keeps is another driver's
    return chosen


def all_signatures(kernel: Kernel) -> list[Signature]:
    """Every signature that a kernel may be launched with."""
    return [kernel.signature(*variant) for variant in kernel.variants()]


def on_device(array: np.ndarray, device: Device = FIRST) -> ArrayView:
    """A copy of an array on a device."""
    view = driver.allocate(array.shape, array.dtype, device)
    driver.copy_from_host(view, array)
    return view


def in_a_process(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter with these variables."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("MINIGRAD_CUDA", "NUMBA_"))}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=variables | environment, capture_output=True, text=True, timeout=120)


def second_device() -> Device:
    """Another device, where there is one."""
    if len(driver.devices()) < 2:
        pytest.skip("one CUDA device; MINIGRAD_CUDA_DEVICES=2 makes it two")
    return SECOND


def result_of(kernel: Kernel, grid: Any, block: Any, shape: tuple[int, ...], dtype: Any, *arguments: Any) -> np.ndarray:
    """What a kernel writes into its first argument, which begins as zeros."""
    target = on_device(np.zeros(shape, dtype))
    launch(kernel, grid, block, FIRST, target, *arguments)
    return driver.copy_to_host(target)


def rewritten_function(py_func: Any, old: str, new: str, which: int = 0) -> Any:
    """A copy of a function with a defect: other text where `old` stands for the first time, or after `which` others."""
    source = textwrap.dedent(inspect.getsource(py_func))
    pieces = source[source.index("def ") :].split(old)  # without the decorator, which would register the copy
    assert which < len(pieces) - 1, "the function reads otherwise now: seed another defect"
    source = old.join(pieces[: which + 1]) + new + old.join(pieces[which + 1 :])
    namespace = dict(py_func.__globals__)
    exec(compile(source, f"<{py_func.__name__} with a defect>", "exec"), namespace)
    return namespace[py_func.__name__]


def rewritten(kernel: Kernel, old: str, new: str, which: int = 0) -> Kernel:
    """A copy of a kernel with such a defect."""
    return Kernel(rewritten_function(kernel.py_func, old, new, which), kernel.declaration)


def break_barrier(function: Any, which: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out a barrier of a kernel, or of a function of all threads of a block, wherever modules mention it."""
    if isinstance(function, Kernel):
        broken: Any = rewritten(function, BARRIER, "pass", which)
    else:
        broken = block_function(rewritten_function(function.py_func, BARRIER, "pass", which))
    for name, module in list(sys.modules.items()):
        if name.startswith("minigrad.backends.cuda."):
            for attribute in [each for each, value in vars(module).items() if value is function]:
                monkeypatch.setattr(module, attribute, broken)


def random(*shape: int, dtype: str = "f8") -> np.ndarray:
    """The same random numbers every time."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def _product(c, a, b):
    a_tile = cuda.shared.array((TILE, TILE), a.dtype)
    b_tile = cuda.shared.array((TILE, TILE), b.dtype)
    j, i = cuda.grid(2)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    total = a.dtype.type(0)
    for k in range(0, a.shape[1], TILE):
        a_tile[y, x] = a[i, k + x] if i < a.shape[0] and k + x < a.shape[1] else 0
        b_tile[y, x] = b[k + y, j] if k + y < b.shape[0] and j < b.shape[1] else 0
        cuda.syncthreads()
        for step in range(TILE):
            total += a_tile[y, step] * b_tile[step, x]
        cuda.syncthreads()
    if i < c.shape[0] and j < c.shape[1]:
        c[i, j] = total


product = Kernel(_product, "float[:,::1], float[:,::1], float[:,::1]")


def multiply(a: np.ndarray, b: np.ndarray, kernel: Kernel = product) -> np.ndarray:
    """The product of two matrices through shared memory."""
    blocks = -(-b.shape[1] // TILE), -(-a.shape[0] // TILE)
    shape = (a.shape[0], b.shape[1])
    return result_of(kernel, blocks, (TILE, TILE), shape, a.dtype, on_device(a), on_device(b))


def _scale(x, y, factor):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i] * factor


scale = Kernel(_scale, "float[::1], float[::1], float")


def _convert(x, y):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i]


convert = Kernel(_convert, "any[::1], other[::1]")


def _own_element(out, x):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        out[i] = math.sqrt(x[i]) * 2 + i


own_element = Kernel(_own_element, "f8[::1], f8[::1]")


@device_function
def inner(x, i):
    return x[i] * cuda.blockDim.x


@device_function
def outer(x, i):
    return inner(x, i) + cuda.threadIdx.x, -x[i]


def _calls(out, x):
    i = cuda.grid(1)
    if i < x.size:
        first, second = outer(x, i)
        out[i] = first + second


calls = Kernel(_calls, "f8[::1], f8[::1]")
