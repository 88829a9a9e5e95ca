"""The emulated driver: the kernels, compiled for the host, on as many emulated GPUs as asked for.

A launch runs at once, its blocks handed out to a worker a core. Each worker has a compiled instance of the kernel of
its own, since shared memory and the special registers are globals of an instance. Each emulated GPU has memory of its
own: a launch that is given another's array is refused by `launch`.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from minigrad.arrays import Device, DeviceInfo
from minigrad.backends.cuda.emulator.compile import compiled, load
from minigrad.backends.cuda.runtime.memory import (
    Argument,
    ArrayView,
    DevicePool,
    Memory,
    device_count,
)
from minigrad.backends.cuda.runtime.signature import Dim3, Kernel, Variant
from minigrad.backends.host import free_host_memory, host_memory
from minigrad.backends.threads import get_num_threads, parallel
from minigrad.display import in_jupyter

__all__ = ["EmulatedDriver", "Program", "host", "reserve"]

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
WORTH_A_WORKER = 1e-4  # seconds of work: for less, waking another worker does not pay
CHUNKS = 8  # pieces of work for each worker, so that none waits long for the last
LIMITS = ((1024, 1024, 64), (2**31 - 1, 65535, 65535))  # of a block and of a grid, on every CUDA GPU
MAX_THREADS = 1024  # of a block, on every CUDA GPU, and in `llvm/coroutines.ll`

_RUN = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int64, ctypes.c_int64)


class EmulatedDriver:
    """As many GPUs as `MINIGRAD_CUDA_DEVICES` says, two unless told, in the host's memory."""

    checked = False  # whether kernels are compiled with checks
    one_code = True
    most_blocks = 65535  # one thread per element: neighbouring threads, which run one after another, share cache lines

    def __init__(self) -> None:
        count = device_count(2)
        self.backwards = _schedule()
        self._pools = tuple(DevicePool(Device("cuda", index), self.reserve, self.memory) for index in range(count))
        self._programs: dict[tuple[Kernel, Variant], Program] = {}
        self._lock = threading.RLock()  # a launch uses all instances, so launches take turns
        self._announced = False

    def devices(self) -> tuple[DeviceInfo, ...]:
        """The emulated devices, which share the host's memory."""
        return tuple(DeviceInfo(pool.device, host_memory(), "emulated") for pool in self._pools)

    def take(self, device: Device, size: int) -> Memory:
        """That many bytes of an emulated device's memory."""
        if not self._announced:
            self._announced = True
            stream = sys.stdout if in_jupyter() else sys.stderr  # which Jupyter shows as an alarm
            print(f"minigrad: no CUDA GPU is used; {len(self._pools)} are emulated on the CPU", file=stream)
        return self._pools[device.index].take(size)

    def copy_from_host(self, target: ArrayView, source: np.ndarray) -> None:
        """Copy at once."""
        np.copyto(host(target), source)

    def copy_to_host(self, source: ArrayView, target: np.ndarray) -> None:
        """Copy at once."""
        np.copyto(target, host(source))

    def copy(self, target: ArrayView, source: ArrayView) -> None:
        """Copy at once."""
        np.copyto(host(target).reshape(-1), host(source).reshape(-1))

    def synchronise(self, device: Device) -> None:
        """There is nothing to wait for."""

    def prepare(self, kernel: Kernel, variant: Variant, device: Device) -> None:
        """Compile a kernel, or load it from disk."""
        with self._lock:
            self._program(kernel, variant)

    def launch(
        self,
        kernel: Kernel,
        variant: Variant,
        grid: Dim3,
        block: Dim3,
        device: Device,
        arguments: tuple[Argument, ...],
    ) -> None:
        """Run a kernel to its end."""
        with self._lock:
            self._program(kernel, variant).run(grid, block, arguments, self.backwards)

    def reserve(self, size: int) -> tuple[np.ndarray, int]:
        """Memory of a device: (its handle, the address)."""
        return reserve(size)

    def memory(self) -> tuple[int, int]:
        """How many bytes of memory are free, and how many there are: the host's, which the devices share."""
        return free_host_memory(), host_memory()

    def _program(self, kernel: Kernel, variant: Variant) -> Program:
        program = self._programs.get((kernel, variant))
        if program is None:
            program = self._programs[kernel, variant] = Program(kernel, variant, self.checked)
        return program


class Program:
    """A kernel compiled for the host: object code, loaded once for each worker.

    Args:
        kernel: the kernel.
        variant: the dtypes it is compiled for.
        checked: whether accesses are checked.
    """

    def __init__(self, kernel: Kernel, variant: Variant, checked: bool = False) -> None:
        self.kernel = kernel
        self._pack = struct.Struct(_layout(kernel, variant)).pack
        self._code = compiled(kernel, variant, checked)
        self._engines: list[llvm.ExecutionEngine] = []
        self._runs: list[Callable[..., None]] = []
        self._addresses: dict[str, int] = {}
        self._seconds = 1e-5  # a block; a guess, then what was last measured
        self._extend(1)

    def _extend(self, count: int) -> None:
        """Have at least that many instances."""
        while len(self._runs) < count:
            engine = load(self._code)
            self._engines.append(engine)
            self._runs.append(_RUN(engine.get_function_address("run_blocks")))

    def run(self, grid: Dim3, block: Dim3, arguments: tuple[Argument, ...], backwards: bool = False) -> None:
        """Run the blocks of a grid, on all workers if it takes long enough."""
        blocks = grid[0] * grid[1] * grid[2]
        workers = min(get_num_threads(), blocks, 1 + int(blocks * self._seconds / WORTH_A_WORKER))
        if workers == 1:
            began = time.perf_counter()
            self.run_serially(grid, block, arguments, backwards)
            self._seconds = (time.perf_counter() - began) / blocks
            return
        packed, dims = self.pack(arguments), self._dims(grid, block, backwards)
        self._extend(workers)
        step = max(blocks // (workers * CHUNKS), 1)
        ticket = itertools.count(0, step)  # its next() is one step under the GIL

        def work(worker: int) -> None:
            while (start := next(ticket)) < blocks:
                self._runs[worker](packed, dims, start, min(start + step, blocks))

        began = time.perf_counter()
        parallel(work, workers)
        self._seconds = (time.perf_counter() - began) * workers / blocks

    def run_serially(self, grid: Dim3, block: Dim3, arguments: tuple[Argument, ...], backwards: bool) -> None:
        """Run the blocks of a grid one after another."""
        self._runs[0](self.pack(arguments), self._dims(grid, block, backwards), 0, grid[0] * grid[1] * grid[2])

    def address(self, name: str) -> int:
        """Where the first instance has a global of that name."""
        if name not in self._addresses:
            self._addresses[name] = int(self._engines[0].get_global_value_address(name))
        return self._addresses[name]

    def _dims(self, grid: Dim3, block: Dim3, backwards: bool) -> bytes:
        """The launch's sizes as compiled code takes them."""
        _check_limits(self.kernel.name, grid, block)
        return struct.pack("=7i", *block, *grid, backwards)

    def pack(self, arguments: tuple[Argument, ...]) -> bytes:
        """The arguments as a compiled kernel takes them, eight bytes a field."""
        fields: list[Any] = []
        for argument in arguments:
            if isinstance(argument, ArrayView):
                fields += argument.native or _fields(argument)
            else:
                fields.append(argument)
        try:
            return self._pack(*fields)
        except struct.error as error:
            raise TypeError(f"kernel {self.kernel.name}: a number does not fit its declaration ({error})") from None


def reserve(size: int) -> tuple[np.ndarray, int]:
    """Memory of the host, aligned for vectors."""
    buffer = np.empty(size + ALIGNMENT, np.uint8)
    address = buffer.ctypes.data
    start = -address % ALIGNMENT
    return buffer[start : start + size], address + start


def host(view: ArrayView) -> np.ndarray:
    """The view as an ndarray in the host's memory."""
    block: np.ndarray = view.memory.block
    return block[view.offset : view.offset + view.nbytes].view(view.dtype).reshape(view.shape)


def _fields(view: ArrayView) -> tuple[int, ...]:
    """An array as kernels take it: two unused pointers, elements, bytes of one, address, shape, strides."""
    view.native = (0, 0, view.size, view.dtype.itemsize, view.address, *view.shape, *view.strides)
    result: tuple[int, ...] = view.native
    return result


def _schedule() -> bool:
    """Whether blocks and threads run in reverse, which must make no difference."""
    schedule = os.environ.get("MINIGRAD_CUDA_SCHEDULE") or "forward"
    if schedule not in ("forward", "reverse"):
        raise ValueError(f"MINIGRAD_CUDA_SCHEDULE is 'forward' or 'reverse', got {schedule!r}")
    return schedule == "reverse"


def _layout(kernel: Kernel, variant: Variant) -> str:
    """The format of `struct` for the arguments."""
    result = "="
    for parameter, dtype in zip(kernel.parameters, kernel.dtypes(variant), strict=True):
        if parameter.ndim is not None:
            result += "QQqqQ" + "qq" * parameter.ndim
        else:
            char = {"i8": "q", "u8": "Q", "i4": "i", "u4": "I"}.get(dtype.str[1:], dtype.char)
            result += char + f"{8 - dtype.itemsize}x"
    return result


def _check_limits(name: str, grid: Dim3, block: Dim3) -> None:
    """Refuse what a GPU would refuse."""
    threads = block[0] * block[1] * block[2]
    fits = all(
        0 < size <= limit
        for sizes, limits in zip((block, grid), LIMITS, strict=True)
        for size, limit in zip(sizes, limits, strict=True)
    )
    if not fits or threads > MAX_THREADS:
        raise ValueError(f"kernel {name}: no GPU takes a grid of {grid} blocks of {block} threads")
