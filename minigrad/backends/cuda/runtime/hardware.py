"""The hardware driver, on numba-cuda: a stream and a pool of memory for each logical device.

Everything on a device is queued on its stream, so its order is that of the program, and the host waits only where it
reads. Two devices meet in copies alone, which are ordered by events. Logical devices may share a GPU:
`MINIGRAD_CUDA_DEVICES=2` on a machine with one gives cuda:0 and cuda:1, each with a stream of its own.

Only numba-cuda's public interface is used, which its simulator (NUMBA_ENABLE_CUDASIM=1) has as well, almost: what it
lacks is in `simulator.py`.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from numba import config, cuda, types
from numba.cuda.core.errors import NumbaPerformanceWarning

from minigrad.arrays import Device, DeviceInfo
from minigrad.backends.cuda.runtime import simulator
from minigrad.backends.cuda.runtime.memory import (
    Argument,
    ArrayView,
    DevicePool,
    Memory,
    device_count,
)
from minigrad.backends.cuda.runtime.signature import Dim3, Kernel, Variant
from minigrad.backends.host import free_host_memory, host_memory

__all__ = ["CudaError", "HardwareDriver", "available", "explain"]

SIMULATED = bool(config.ENABLE_CUDASIM)  # type: ignore[attr-defined]  # by Numba's simulator
STAGES = 2  # pinned buffers between two GPUs without peer access, so that one fills while the other empties

REMEDIES = (  # what the CUDA stack says, and what to tell
    (
        ("UNSUPPORTED_PTX_VERSION", "unsupported toolchain", "Unsupported .version", "INSUFFICIENT_DRIVER"),
        "the NVIDIA driver is older than the CUDA toolkit that compiles the kernels: update the driver, or install an "
        "older toolkit (pip install 'numba-cuda[cu12]')",
    ),
    (
        ("NO_BINARY_FOR_GPU", "no kernel image", "compute capability", "CCSupportError"),
        "this GPU is too old for the installed CUDA toolkit: install an older one (pip install 'numba-cuda[cu12]') or "
        "set MINIGRAD_CUDA=emulated",
    ),
    (
        ("NO_DEVICE", "no CUDA-capable device"),
        "there is no CUDA GPU that this process may use: look at CUDA_VISIBLE_DEVICES, or set MINIGRAD_CUDA=emulated",
    ),
    (
        ("libnvvm", "nvvm", "NVVM", "nvrtc", "NVRTC", "libdevice", "nvJitLink", "nvjitlink"),
        "the CUDA toolkit that compiles the kernels was not found: install it with pip install 'numba-cuda[cu12]' or "
        "'numba-cuda[cu13]', whichever fits the NVIDIA driver",
    ),
    (
        ("libcuda", "nvcuda", "driver library", "driver init", "SYSTEM_DRIVER_MISMATCH"),
        "there is no working NVIDIA driver: install or update it, or set MINIGRAD_CUDA=emulated to run without a GPU",
    ),
    (
        ("ILLEGAL_ADDRESS", "LAUNCH_FAILED", "MISALIGNED"),
        "a kernel accessed memory outside its arrays: run it with MINIGRAD_CUDA=emulated MINIGRAD_CUDA_CHECK=1 to see "
        "which and where",
    ),
)


class CudaError(RuntimeError):
    """What went wrong in the CUDA stack, with the remedy."""


def available() -> bool:
    """Whether there is a GPU, or a simulation of one, that numba-cuda can use."""
    try:
        return bool(cuda.is_available()) and len(cuda.gpus) > 0
    except Exception:  # a broken driver fails in many ways, and each means that there is none
        return False


def explain(error: BaseException) -> str:
    """An error of the CUDA stack in a sentence that says what to do."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    for signs, remedy in REMEDIES:
        if any(sign in words for sign in signs):
            return f"{remedy} [{words[:200]}]"
    return f"the CUDA stack failed: {words[:400]}"


@contextmanager
def _explained() -> Iterator[None]:
    """Turn errors of the CUDA stack into a sentence. Those of minigrad itself pass."""
    try:
        yield
    except (CudaError, MemoryError):
        raise
    except Exception as error:
        raise CudaError(explain(error)) from None


class _Logical:
    """A device as minigrad names it: the GPU that carries it out, its stream and its memory."""

    def __init__(self, device: Device, gpu: int, shared: bool) -> None:
        self.device = device
        self.gpu = gpu
        self._switch = shared
        with self.active():
            self.stream = cuda.stream()
        self.pool = DevicePool(device, self._reserve, self.memory)

    def active(self) -> AbstractContextManager[Any]:
        """Make the GPU the current one; where there is only one it always is."""
        gpu: AbstractContextManager[Any] = cuda.gpus[self.gpu] if self._switch else nullcontext()
        return gpu

    def _reserve(self, size: int) -> tuple[Any, int]:
        """Memory of the GPU as an array of bytes; kernels get at its address through Numba alone."""
        with _explained(), self.active():
            try:
                return cuda.device_array(size, np.uint8), 0
            except Exception as error:
                if "OUT_OF_MEMORY" in str(error):
                    raise MemoryError from None
                raise

    def memory(self) -> tuple[int, int]:
        """How many bytes of the GPU's memory are free, and how many there are."""
        if SIMULATED:  # whose devices have the host's memory
            return free_host_memory(), host_memory()
        with _explained(), self.active():
            free, total = cuda.current_context().get_memory_info()
            return int(free), int(total)


class HardwareDriver:
    """The GPUs of this machine; `MINIGRAD_CUDA_DEVICES` says how many logical ones share them, one each unless told."""

    most_blocks = 4096  # more than fill any GPU; the rest is done by grid-stride loops
    one_code = False

    def __init__(self) -> None:
        if SIMULATED:
            simulator.prepare()
        with _explained():
            gpus = len(cuda.gpus)
            if not gpus:
                raise CudaError(explain(RuntimeError("NO_DEVICE")))
            self._logical = tuple(
                _Logical(Device("cuda", index), index % gpus, gpus > 1) for index in range(device_count(gpus))
            )
        self._compiled: dict[tuple[Kernel, Variant, int], Any] = {}
        self._configured: dict[Any, Any] = {}
        self._peers: dict[tuple[int, int], bool] = {}
        self._stages: dict[tuple[int, int], list[tuple[Any, Any]]] = {}
        self._lock = threading.RLock()

    def devices(self) -> tuple[DeviceInfo, ...]:
        """The logical devices; devices that share a GPU share its memory."""
        kind = "emulated" if SIMULATED else "hardware"
        return tuple(DeviceInfo(each.device, each.memory()[1], kind) for each in self._logical)

    def take(self, device: Device, size: int) -> Memory:
        """That many bytes of a device's memory."""
        return self._logical[device.index].pool.take(size)

    def copy_from_host(self, target: ArrayView, source: np.ndarray) -> None:
        """Queue a copy; CUDA has taken the bytes of an ordinary array when it returns."""
        here = self._logical[target.device.index]
        with _explained(), here.active():
            _bytes(target).copy_to_device(source.reshape(-1).view(np.uint8), stream=here.stream)

    def copy_to_host(self, source: ArrayView, target: np.ndarray) -> None:
        """Copy, and wait for it."""
        here = self._logical[source.device.index]
        with _explained(), here.active():
            _bytes(source).copy_to_host(target.reshape(-1).view(np.uint8), stream=here.stream)
            here.stream.synchronize()

    def copy(self, target: ArrayView, source: ArrayView) -> None:
        """Queue a copy on the target's stream, after what is queued on the source's, which then waits for it."""
        there, here = (self._logical[view.device.index] for view in (target, source))
        with _explained(), self._lock:
            if there is here:
                with here.active():
                    _bytes(target).copy_to_device(_bytes(source), stream=here.stream)
            elif here.gpu == there.gpu or self._peer(here, there):
                _wait(there, here)
                with there.active():
                    _bytes(target).copy_to_device(_bytes(source), stream=there.stream)
                _wait(here, there)  # the source's memory may be used again only after the copy
            else:
                self._copy_staged(target, source)

    def prepare(self, kernel: Kernel, variant: Variant, device: Device) -> None:
        """Compile a kernel for the device's GPU."""
        here = self._logical[device.index]
        with _explained(), self._lock, here.active():
            self._compile(kernel, variant, here)

    def launch(
        self,
        kernel: Kernel,
        variant: Variant,
        grid: Dim3,
        block: Dim3,
        device: Device,
        arguments: tuple[Argument, ...],
    ) -> None:
        """Queue a kernel on the device's stream."""
        here = self._logical[device.index]
        with _explained(), self._lock, here.active():
            run = self._configure(kernel, variant, grid, block, here)
            run(*[_native(each) if isinstance(each, ArrayView) else each for each in arguments])

    def synchronise(self, device: Device) -> None:
        """Wait until the device's stream is empty."""
        here = self._logical[device.index]
        with _explained(), here.active():
            here.stream.synchronize()

    def _configure(self, kernel: Kernel, variant: Variant, grid: Dim3, block: Dim3, here: _Logical) -> Any:
        """The compiled kernel with its grid, kept for the next launch of the same size."""
        key = (kernel, variant, grid, block, here.device.index)
        run = self._configured.get(key)
        if run is None:
            compiled = self._compile(kernel, variant, here)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NumbaPerformanceWarning)  # small arrays make small grids
                run = compiled[grid, block, here.stream]
            if not SIMULATED:  # whose kernels hold one configuration at a time
                if len(self._configured) > 1 << 14:
                    self._configured.clear()
                self._configured[key] = run
        return run

    def _compile(self, kernel: Kernel, variant: Variant, here: _Logical) -> Any:
        """The kernel compiled for a GPU, kept for the next launch."""
        compiled = self._compiled.get((kernel, variant, here.gpu))
        if compiled is None:
            compiled = cuda.jit(types.void(*kernel.signature(*variant)))(kernel.py_func)
            self._compiled[kernel, variant, here.gpu] = compiled
        return compiled

    def _peer(self, here: _Logical, there: _Logical) -> bool:
        """Whether the second GPU can read the first one's memory; asked and enabled once."""
        pair = (here.gpu, there.gpu)
        if pair not in self._peers:
            with here.active():
                context = cuda.current_context()
            with there.active():
                current = cuda.current_context()
                self._peers[pair] = bool(current.can_access_peer(here.gpu))
                if self._peers[pair]:
                    try:
                        current.enable_peer_access(context.handle)
                    except Exception as error:
                        self._peers[pair] = "ALREADY_ENABLED" in str(error)
        return self._peers[pair]

    def _copy_staged(self, target: ArrayView, source: ArrayView) -> None:
        """Copy through pinned memory of the host: off one GPU on its stream, onto the other on its own."""
        there, here = (self._logical[view.device.index] for view in (target, source))
        stages = self._stages.setdefault((here.device.index, there.device.index), [])
        buffer, free = stages.pop(0) if len(stages) >= STAGES else (None, None)
        if free is not None:
            free.synchronize()  # long done, as a rule: it is the copy before the last
        with here.active():
            if buffer is None or buffer.size < source.nbytes:
                buffer = cuda.pinned_array(source.nbytes, np.uint8)
            part = buffer[: source.nbytes]
            _bytes(source).copy_to_host(part, stream=here.stream)
        _wait(there, here)
        with there.active():
            _bytes(target).copy_to_device(part, stream=there.stream)
            done = cuda.event()
            done.record(there.stream)
        stages.append((buffer, done))


def _wait(waiting: _Logical, other: _Logical) -> None:
    """What is queued on the one device from now on waits for what is queued on the other so far."""
    with other.active():
        event = cuda.event()
        event.record(other.stream)
    with waiting.active():
        event.wait(waiting.stream)


def _bytes(view: ArrayView) -> Any:
    """The view's memory as Numba's device array of bytes."""
    return view.memory.block[view.offset : view.offset + view.nbytes]


def _native(view: ArrayView) -> Any:
    """The view as Numba's device array, made once."""
    if view.native is None:
        if view.size:
            view.native = _bytes(view).view(view.dtype).reshape(view.shape)
        else:
            view.native = cuda.device_array(view.shape, view.dtype)
    return view.native
