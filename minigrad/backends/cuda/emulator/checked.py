"""The emulator's checked mode, `MINIGRAD_CUDA_CHECK=1`: it finds what a GPU would pass over in silence.

- An index outside an array, negative ones included: reported with kernel, block, thread, array and index.
- Reading memory that was never written. Each byte of device memory has a shadow that says whether it was; fresh memory
  and the shared memory of each block hold bytes 0xFF (NaN), so that what is missed shows.
- A barrier that some threads of a block wait at while others have ended.
- A missing barrier, or two threads that write one element: each launch runs twice, its blocks and threads in order and
  in reverse, and the results must agree to the bit. `MINIGRAD_CUDA_SCHEDULE=forward` or `reverse` runs it one way only.
"""

from __future__ import annotations

import ctypes
import os
from typing import NamedTuple

import numpy as np

from minigrad.arrays import Device
from minigrad.backends.cuda.emulator.driver import EmulatedDriver, Program, host, reserve
from minigrad.backends.cuda.runtime.memory import Argument, ArrayView, Memory
from minigrad.backends.cuda.runtime.signature import Dim3, Kernel, Variant

__all__ = ["CheckedDriver", "KernelCheckError", "chosen"]

BOUNDS, UNWRITTEN, DIVERGED = 1, 2, 3


class KernelCheckError(RuntimeError):
    """A kernel did what it may not."""


def chosen() -> EmulatedDriver:
    """The emulated driver, with checks if the environment asks for them."""
    return CheckedDriver() if os.environ.get("MINIGRAD_CUDA_CHECK", "") not in ("", "0") else EmulatedDriver()


class Finding(NamedTuple):
    """The first thing that the checks of a launch found."""

    kind: int
    address: int
    place: int
    length: int
    axis: int
    thread: tuple[int, ...]
    block: tuple[int, ...]


class CheckedDriver(EmulatedDriver):
    """The emulated driver with checks: many times slower, one worker, for tests and for finding mistakes."""

    checked = True

    def __init__(self) -> None:
        self._shadows: dict[int, np.ndarray] = {}  # by the address of the memory
        super().__init__()

    def reserve(self, size: int) -> tuple[np.ndarray, int]:
        """Memory with a shadow that says which of its bytes were written."""
        block, address = reserve(size)
        self._shadows[address] = np.zeros(size, np.uint8)
        return block, address

    def take(self, device: Device, size: int) -> Memory:
        """Memory that holds NaN, never written."""
        memory = super().take(device, size)
        memory.block.fill(0xFF)
        self._shadows[memory.address].fill(0)
        return memory

    def copy_from_host(self, target: ArrayView, source: np.ndarray) -> None:
        """Copy, and mark it written."""
        super().copy_from_host(target, source)
        self._shadow(target).fill(1)

    def copy(self, target: ArrayView, source: ArrayView) -> None:
        """Copy, and with it what was written."""
        super().copy(target, source)
        self._shadow(target)[:] = self._shadow(source)

    def launch(
        self,
        kernel: Kernel,
        variant: Variant,
        grid: Dim3,
        block: Dim3,
        device: Device,
        arguments: tuple[Argument, ...],
    ) -> None:
        """Run a kernel both ways, or the one that was asked for, and complain about what it did wrong."""
        views = {
            parameter.name: argument
            for parameter, argument in zip(kernel.parameters, arguments, strict=True)
            if isinstance(argument, ArrayView)
        }
        with self._lock:
            program = self._program(kernel, variant)
            orders = (self.backwards,) if os.environ.get("MINIGRAD_CUDA_SCHEDULE") else (True, False)
            before = self._contents(views)
            results = []
            for backwards in orders:
                self._restore(before)
                finding = self._run(program, grid, block, arguments, views, backwards)
                if finding:
                    raise KernelCheckError(_describe(kernel.name, views, finding))
                results.append([np.array(host(view)) for view in views.values()])
        if len(results) == 2:
            _compare(kernel.name, list(views), *results)

    def _shadow(self, view: ArrayView) -> np.ndarray:
        """Of each byte of the view, whether it was written."""
        return self._shadow_of(view.memory)[view.offset : view.offset + view.nbytes]

    def _shadow_of(self, memory: Memory) -> np.ndarray:
        """Of each byte of the memory, whether it was written; what is not of this driver counts as written."""
        shadow = self._shadows.get(memory.address)
        if shadow is None or shadow.size != memory.capacity:
            shadow = self._shadows[memory.address] = np.ones(memory.capacity, np.uint8)
        return shadow

    def _contents(self, views: dict[str, ArrayView]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The bytes of the memory that a launch may change, each with a copy."""
        memories = {view.memory.address: view.memory for view in views.values()}
        arrays = [array for memory in memories.values() for array in (memory.block, self._shadow_of(memory))]
        return [(array, array.copy()) for array in arrays]

    @staticmethod
    def _restore(contents: list[tuple[np.ndarray, np.ndarray]]) -> None:
        for array, copy in contents:
            array[:] = copy

    def _run(
        self,
        program: Program,
        grid: Dim3,
        block: Dim3,
        arguments: tuple[Argument, ...],
        views: dict[str, ArrayView],
        backwards: bool,
    ) -> Finding | None:
        """Run the blocks one after another with the shadows at hand; what the checks found."""
        table = [
            word
            for view in views.values()
            for word in (view.address, view.address + view.nbytes, self._shadow(view).ctypes.data)
        ]
        words = (ctypes.c_int64 * len(table))(*table)
        ctypes.memmove(program.address("mg_arrays"), words, ctypes.sizeof(words))
        ctypes.c_int64.from_address(program.address("mg_count")).value = len(views)
        span = (ctypes.c_int64 * 2)(min(table[::3], default=0), max(table[1::3], default=0))
        ctypes.memmove(program.address("mg_span"), span, ctypes.sizeof(span))
        record = (ctypes.c_int64 * 11).from_address(program.address("mg_record"))
        ctypes.memset(record, 0, ctypes.sizeof(record))
        program.run_serially(grid, block, arguments, backwards)
        kind, address, place, length, axis, *ids = (int(word) for word in record)
        return Finding(kind, address, place, length, axis, tuple(ids[:3]), tuple(ids[3:])) if kind else None


def _describe(name: str, views: dict[str, ArrayView], found: Finding) -> str:
    """The finding in a sentence."""
    place = f"kernel {name}, block {found.block}, thread {found.thread}"
    if found.kind == DIVERGED:
        return f"kernel {name}, block {found.block}: some threads wait at a barrier that others never reach"
    for array, view in views.items():
        offset = found.address - view.address
        if 0 <= offset < max(view.nbytes, 1):
            if found.kind == BOUNDS:
                where = f"axis {found.axis} of {array}, which has the shape {view.shape}"
                return f"{place}: index {found.place} is out of bounds for {where}"
            index = tuple(int(each) for each in np.unravel_index(offset // view.dtype.itemsize, view.shape))
            return f"{place}: {array}[{', '.join(map(str, index))}] was read but never written"
    where = f"axis {found.axis}, of length {found.length}, of a shared or local array"
    return f"{place}: index {found.place} is out of bounds for {where}"


def _compare(name: str, arrays: list[str], backward: list[np.ndarray], forward: list[np.ndarray]) -> None:
    """Complain if the order of the threads made a difference."""
    for array, one, other in zip(arrays, forward, backward, strict=True):
        width = one.dtype.itemsize
        bits = [np.ascontiguousarray(each).reshape(-1).view(np.uint8).reshape(-1, width) for each in (one, other)]
        differs = np.flatnonzero((bits[0] != bits[1]).any(axis=1))
        if differs.size:
            index = tuple(int(each) for each in np.unravel_index(differs[0], one.shape))
            raise KernelCheckError(
                f"kernel {name}: {array}[{', '.join(map(str, index))}] is {one[index]} with the threads in order and "
                f"{other[index]} in reverse; a barrier is missing, or two threads write it"
            )
