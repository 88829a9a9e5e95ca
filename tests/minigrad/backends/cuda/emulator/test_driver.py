"""The emulated GPUs: every thread knows its place, workers share a grid, and each device has memory of its own."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
from checks import complains, notebook
from emulation import FIRST, SECOND, all_signatures, multiply, on_device, own_element, random, result_of, use
from numba import cuda, types

import minigrad as mg
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.launch import REGISTRY, launch, launch_1d
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel
from minigrad.compilation import needed_by

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)

from minigrad.backends.cuda.emulator import driver as emulator

pytestmark = pytest.mark.usefixtures("emulated")


def _places(out):
    x, y, z = cuda.grid(3)
    width, height, _ = cuda.gridsize(3)
    at = (z * height + y) * width + x
    out[at, 0], out[at, 1], out[at, 2] = cuda.threadIdx.x, cuda.threadIdx.y, cuda.threadIdx.z
    out[at, 3], out[at, 4], out[at, 5] = cuda.blockIdx.x, cuda.blockIdx.y, cuda.blockIdx.z
    out[at, 6], out[at, 7], out[at, 8] = cuda.blockDim.x, cuda.blockDim.y, cuda.blockDim.z
    out[at, 9], out[at, 10], out[at, 11] = cuda.gridDim.x, cuda.gridDim.y, cuda.gridDim.z


@pytest.mark.usefixtures("schedule")
@pytest.mark.parametrize(
    ("grid", "block"), [((3, 2, 2), (4, 3, 2)), ((1, 1, 1), (7, 1, 1)), ((5,), (1, 6)), (4, 3), ((1, 5), (2, 1, 4))]
)
def test_every_thread_knows_its_place(grid: Any, block: Any) -> None:
    grid3, block3 = (tuple(np.append(np.atleast_1d(each), [1, 1])[:3].tolist()) for each in (grid, block))
    size = [g * b for g, b in zip(grid3, block3, strict=True)]
    out = result_of(Kernel(_places, "i8[:,::1]"), grid, block, (math.prod(size), 12), "i8")
    for z, y, x in np.ndindex(*reversed(size)):
        thread, place = [], []
        for index, length in zip((x, y, z), block3, strict=True):
            thread.append(index % length)
            place.append(index // length)
        assert out[(z * size[1] + y) * size[0] + x].tolist() == [*thread, *place, *block3, *grid3]


@pytest.mark.parametrize(
    ("grid", "block"), [(1, 1025), (1, (32, 33)), (1, (1, 1, 65)), ((1, 65536), 1), ((1, 1, 65536), 1), (1, 0)]
)
def test_sizes_that_no_gpu_takes_complain(grid: Any, block: Any) -> None:
    with complains("places", error=ValueError):
        result_of(Kernel(_places, "i8[:,::1]"), grid, block, (2, 12), "i8")


@pytest.mark.usefixtures("schedule")
def test_workers_share_a_grid_and_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.abs(random(100_000))
    results = []
    for workers in (1, 2, 5):
        monkeypatch.setattr(emulator, "get_num_threads", partial(int, workers))
        monkeypatch.setattr(emulator, "WORTH_A_WORKER", 1e-12)
        for _ in range(3):
            results.append(result_of(own_element, 300, 128, x.shape, "f8", on_device(x)))
            results.append(multiply(x[:10000].reshape(100, 100), x[:10000].reshape(100, 100)))
    np.testing.assert_array_equal(results[0], np.sqrt(x) * 2 + np.arange(x.size))
    for one, other in zip(results[2:], results, strict=False):
        assert one.tobytes() == other.tobytes()


def test_launches_from_several_threads() -> None:
    a = random(40, 40)
    expected = multiply(a, a)
    results: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: results.extend(multiply(a, a) for _ in range(10)))  #
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40 and all(result.tobytes() == expected.tobytes() for result in results)


def test_devices_do_not_share_memory() -> None:
    x = on_device(np.ones(100))
    y = on_device(np.zeros(100), SECOND)
    first, second = sorted((x, y), key=lambda each: each.memory.address)
    assert first.memory.address + first.memory.capacity <= second.memory.address and x.device != y.device
    with complains("own_element", "x", "cuda:1", "cuda:0", error=mg.DeviceMismatchError):
        launch_1d(own_element, 100, FIRST, x, y)
    driver.copy(y, x)
    assert driver.copy_to_host(y).tolist() == [1] * 100
    assert [info.kind for info in driver.devices()] == ["emulated"] * 2


def test_column_left_on_the_other_device_is_noticed() -> None:
    layer = mg.nn.Conv2d(2, 3, 3).to("cuda:1")
    with complains("conv2d", "cuda:0", "cuda:1", error=mg.DeviceMismatchError):
        layer(mg.ones(1, 2, 5, 5, device="cuda:0"))


class Small(emulator.EmulatedDriver):
    """Emulated devices with little memory."""

    limit = 4 << 20

    def reserve(self, size: int) -> tuple[Any, int]:
        if size > self.memory()[0]:
            raise MemoryError
        return super().reserve(size)

    def memory(self) -> tuple[int, int]:
        return self.limit - sum(pool.used_bytes + pool.idle_bytes for pool in self._pools), self.limit


def test_memory_that_runs_out_is_said_with_what_was_asked_what_is_free_and_which_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(Small(), monkeypatch)
    model = mg.nn.Sequential(mg.nn.Flatten(), mg.nn.Linear(4, 1000)).to("cuda")
    x = mg.ones(5000, 4, device="cuda")
    for _ in range(2):
        with complains("1: cuda:0 has no 19.1 MiB left", "of 4.0 MiB are free", "smaller batch", error=MemoryError):
            model(x)
    assert model(x[:500]).shape == (500, 1000)


def test_jupyter_is_told_of_the_emulation_in_a_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes to the error stream it shows on red."""
    stream = notebook(monkeypatch)
    emulator.EmulatedDriver().take(FIRST, 4)
    assert stream.getvalue().startswith("minigrad: no CUDA GPU is used") and capsys.readouterr().err == ""


def test_a_rehearsal_notes_kernels_and_launches_none() -> None:
    kernel, out, x = Kernel(own_element.py_func, own_element.declaration), on_device(np.zeros(1)), on_device(np.ones(1))
    own = emulator.EmulatedDriver()

    def program() -> None:
        for _ in range(2):
            launch(kernel, 1, 32, FIRST, out, x, driver=own)

    (prepare,) = needed_by(program)
    assert driver.copy_to_host(out).tolist() == [0] and not own._programs
    prepare()
    assert len(own._programs) == 1
    program()
    assert driver.copy_to_host(out).tolist() == [2] and len(own._programs) == 1


def test_types_of_every_registered_kernel_are_numba_types() -> None:
    for kernel in REGISTRY:
        for signature in all_signatures(kernel):
            assert all(isinstance(each, types.Type) for each in signature)
