"""The emulated GPUs: threads, barriers and shared memory give what they give on a GPU; what they lack is refused."""

from __future__ import annotations

import inspect
import io
import math
import re
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from checks import complains
from emulation import (
    FIRST,
    SECOND,
    calls,
    inner,
    multiply,
    on_device,
    outer,
    own_element,
    random,
    result_of,
    use,
)
from numba import cuda, float64, int64, types, uint32, uint64

import minigrad as mg
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.launch import REGISTRY, device_function, launch, launch_1d
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel
from minigrad.compilation import needed_by

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)

from minigrad.backends.cuda.emulator import barriers, cache, compile, lowering
from minigrad.backends.cuda.emulator import driver as emulator
from minigrad.backends.cuda.emulator.refused import UnsupportedKernelError

pytestmark = pytest.mark.usefixtures("emulated")


# Threads and what they know


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


# Barriers and shared memory


@pytest.mark.usefixtures("schedule")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("height", "depth", "width"), [(8, 8, 8), (1, 1, 1), (17, 23, 9), (64, 64, 64), (5, 100, 33)])
def test_product_through_shared_memory(dtype: str, height: int, depth: int, width: int) -> None:
    a, b = random(height, depth, dtype=dtype), random(depth, width, dtype=dtype)
    tolerance = {"f4": 1e-5, "f8": 1e-13}[dtype]
    np.testing.assert_allclose(multiply(a, b), a @ b, rtol=tolerance, atol=tolerance * 10)


def _tree(out, x):
    """The sum of each block's stretch of x in a tree, and how it went for odd threads in a local array."""
    parts = cuda.shared.array(64, float64)
    own = cuda.local.array(3, float64)
    thread = cuda.threadIdx.x
    for each in range(3):
        own[each] = x[cuda.blockIdx.x * 64 + thread] * each
    parts[thread] = x[cuda.blockIdx.x * 64 + thread]
    cuda.syncthreads()
    half = 32
    while half > 0:
        if thread < half:
            parts[thread] += parts[thread + half]
        cuda.syncthreads()
        half //= 2
    out[cuda.blockIdx.x, thread] = parts[0] + own[thread % 3]


@pytest.mark.usefixtures("schedule")
def test_tree_of_barriers_and_local_memory_over_them() -> None:
    x = random(5 * 64).reshape(5, 64)
    out = result_of(Kernel(_tree, "f8[:,::1], f8[::1]"), 5, 64, (5, 64), "f8", on_device(x.reshape(-1)))
    np.testing.assert_allclose(out, x.sum(1, keepdims=True) + x * (np.arange(64) % 3), rtol=1e-13, atol=1e-13)


def test_a_barrier_becomes_what_the_documentation_shows() -> None:
    words = inspect.cleandoc(barriers.coroutine.__doc__ or "")
    before, after = (textwrap.dedent(each) for each in re.findall(r"((?:^    .*\n)+)", words, re.M))
    assert after in barriers.coroutine(before)


def _waits(out, rounds):
    """Barriers in a loop in a branch, values alive over them, and threads that leave after different work."""
    shared = cuda.shared.array(32, int64)
    thread = cuda.threadIdx.x
    total = int64(0)
    for number in range(rounds):
        if number % 2 == 0:
            shared[thread] = number * 32 + thread
            cuda.syncthreads()
            total += shared[31 - thread]
            cuda.syncthreads()
        else:
            for extra in range(thread % 3):
                total += extra
    if thread % 2:
        return
    out[thread] = total


@pytest.mark.usefixtures("schedule")
def test_barriers_in_branches_and_loops() -> None:
    out = result_of(Kernel(_waits, "i8[::1], i8"), 1, 32, (32,), "i8", 7)
    thread = np.arange(32)
    expected = sum(number * 32 + 31 - thread for number in range(0, 7, 2)) + 3 * (thread % 3 == 2)
    np.testing.assert_array_equal(out, np.where(thread % 2, 0, expected))


@pytest.mark.usefixtures("schedule")
def test_workers_share_a_grid_and_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.abs(random(100_000))
    results = []
    for workers in (1, 2, 5):
        monkeypatch.setattr(emulator, "THREADS", workers)
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


# Device functions and mathematics


@pytest.mark.usefixtures("schedule")
def test_device_functions_read_arrays_and_places() -> None:
    x = random(50)
    out = result_of(calls, 4, 16, (50,), "f8", on_device(x))
    np.testing.assert_allclose(out, x * 16 + np.arange(50) % 16 - x, rtol=1e-15)


UNARY: dict[str, tuple[Any, Any]] = {
    **{name: (getattr(math, name), getattr(np, name)) for name in (
        "exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "floor",
        "ceil", "fabs", "isnan", "isinf", "isfinite"
    )},
    "asin": (math.asin, np.arcsin), "acos": (math.acos, np.arccos), "atan": (math.atan, np.arctan),
    "erf": (math.erf, np.vectorize(math.erf)), "lgamma": (math.lgamma, np.vectorize(math.lgamma)),
    "abs": (abs, np.abs), "round": (round, np.round),
}  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_mathematics_of_one_argument(name: str, dtype: str) -> None:
    function, reference = UNARY[name]

    def each(out, x):
        i = cuda.grid(1)
        if i < x.size:
            out[i] = function(x[i])

    x = np.linspace(0.01, 0.99, 40).astype(dtype)
    out = result_of(Kernel(each, "float[::1], float[::1]"), 1, 64, x.shape, dtype, on_device(x))
    np.testing.assert_allclose(out, reference(x), rtol={"f4": 2e-6, "f8": 1e-13}[dtype])


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u4"])
def test_mathematics_of_two_arguments(dtype: str) -> None:
    def each(out, x, y):
        i = cuda.grid(1)
        if i < x.size:
            out[0, i], out[1, i], out[2, i] = min(x[i], y[i]), max(x[i], y[i]), abs(x[i])
            out[3, i], out[4, i] = x[i] % y[i], x[i] // y[i]

    x, y = np.arange(3, 33).astype(dtype), np.arange(1, 31)[::-1].astype(dtype)
    out = result_of(Kernel(each, "any[:,::1], any[::1], any[::1]"), 1, 32, (5, 30), dtype, on_device(x), on_device(y))
    np.testing.assert_array_equal(out, [np.minimum(x, y), np.maximum(x, y), np.abs(x), x % y, x // y])


def test_powers_of_every_kind() -> None:
    def each(out, x):
        i = cuda.grid(1)
        if i < x.size:
            out[0, i], out[1, i], out[2, i] = x[i] ** 2, x[i] ** 0.75, math.pow(x[i], -1.5)
            out[3, i], out[4, i] = math.atan2(x[i], 2.0), math.hypot(x[i], 1.0)

    x = np.linspace(0.1, 3, 20)
    out = result_of(Kernel(each, "f8[:,::1], f8[::1]"), 1, 32, (5, 20), "f8", on_device(x))
    np.testing.assert_allclose(out, [x**2, x**0.75, x**-1.5, np.arctan2(x, 2), np.hypot(x, 1)], rtol=1e-14)


def test_words_wrap_around_and_products_are_wide() -> None:
    def each(out, x):
        i = cuda.grid(1)
        if i < x.size:
            wide = uint64(x[i]) * uint64(0xD2511F53)
            out[0, i] = uint32(wide >> uint64(32)) ^ uint32(wide)
            out[1, i] = x[i] * x[i] + uint32(0x9E3779B9)

    x = np.random.default_rng(0).integers(0, 2**32, 50, dtype="u4")
    wide = x.astype("u8") * np.uint64(0xD2511F53)
    out = result_of(Kernel(each, "u4[:,::1], u4[::1]"), 1, 64, (2, 50), "u4", on_device(x))
    np.testing.assert_array_equal(out[0], (wide >> 32).astype("u4") ^ wide.astype("u4"))
    np.testing.assert_array_equal(out[1], x * x + np.uint32(0x9E3779B9))


def test_infinities_and_nan_come_through() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 1.0, 0.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            result_of(own_element, 1, 32, (5,), "f8", on_device(x)), np.sqrt(x) * 2 + np.arange(5)
        )


# Memory of its own


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


# What is refused


@device_function
def _barrier_inside():
    cuda.syncthreads()


def _calls_a_barrier(x):
    _barrier_inside()
    x[0] = 1


def _adds(x):
    cuda.atomic.add(x, 0, 1)


def _compares(x):
    cuda.atomic.compare_and_swap(x, 0, 1)


def _shuffles(x):
    x[0] = cuda.shfl_sync(0xFFFFFFFF, x[1], 1)


def _votes(x):
    x[0] = cuda.all_sync(0xFFFFFFFF, x[1])


def _who_is_active(x):
    x[0] = cuda.activemask()


def _lane(x):
    x[0] = cuda.laneid


def _counts(x):
    x[0] = cuda.syncthreads_count(x[0])


def _prints(x):
    print(x[0])


def _takes_dynamic(x):
    shared = cuda.shared.array(0, int64)
    x[0] = shared[1]


def _cooperates(x):
    cuda.cg.this_grid().sync()


def _takes_much(x):
    shared = cuda.shared.array(8192, int64)
    shared[cuda.threadIdx.x] = 1
    x[0] = shared[3]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_calls_a_barrier, "a barrier inside a device function"),
        (_adds, "atomic"),
        (_compares, "atomic"),
        (_shuffles, "warp"),
        (_votes, "warp"),
        (_who_is_active, "warp"),
        (_lane, "warp"),
        (_counts, "syncthreads_count"),
        (_prints, "print"),
        (_takes_dynamic, "dynamic shared memory"),
        (_cooperates, "cooperative group"),
        (_takes_much, "65536 bytes of shared memory"),
    ],
)
def test_what_is_not_emulated_is_refused_by_name(function: Callable[..., None], words: str) -> None:
    kernel = Kernel(function, "i8[::1]")
    with pytest.raises(UnsupportedKernelError, match=words) as caught:
        launch(kernel, 1, 1, FIRST, on_device(np.zeros(4, "i8")))
    assert kernel.name in str(caught.value) and "\n" not in str(caught.value)


def test_barrier_in_a_function_that_numba_inlines_is_fine() -> None:
    inlined = cuda.jit(device=True, inline="always")(_barrier_inside.py_func)

    def swap(out, x):
        shared = cuda.shared.array(8, float64)
        shared[cuda.threadIdx.x] = x[cuda.threadIdx.x]
        inlined()
        out[cuda.threadIdx.x] = shared[7 - cuda.threadIdx.x]

    out = result_of(Kernel(swap, "f8[::1], f8[::1]"), 1, 8, (8,), "f8", on_device(np.arange(8.0)))
    assert out.tolist() == list(range(7, -1, -1))


@pytest.mark.parametrize("version", ["0.29.9", "0.30.3", "0.31.0", "1.0"])
def test_other_versions_of_numba_cuda_are_refused_in_a_sentence(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lowering.check_version()
    monkeypatch.setattr(lowering.numba_cuda, "__version__", version)
    with complains(version, "'numba-cuda>=0.30.4,<0.31'", error=RuntimeError):
        lowering.check_version()


def test_numba_cuda_is_left_as_it_was() -> None:
    before = lowering.dispatcher.get_current_device, lowering.arrayobj.load_item, lowering.cgutils.do_boundscheck
    result_of(calls, 4, 16, (50,), "f8", on_device(np.ones(50)))
    lowering.lower(calls.py_func, calls.signature(), checked=True)
    after = lowering.dispatcher.get_current_device, lowering.arrayobj.load_item, lowering.cgutils.do_boundscheck
    assert before == after
    assert not outer.overloads and not inner.overloads


def test_jupyter_is_told_of_the_emulation_in_a_plain_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes to the error stream it shows on red."""

    class Stream(io.StringIO):
        __module__ = "ipykernel.iostream"

    stream = Stream()
    monkeypatch.setattr("sys.stdout", stream)
    emulator.EmulatedDriver().take(FIRST, 4)
    assert stream.getvalue().startswith("minigrad: no CUDA GPU is used") and capsys.readouterr().err == ""


# The cache on disk


def test_compiled_code_is_kept_and_used_again(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    x = np.abs(random(10))
    first = result_of(Kernel(own_element.py_func, own_element.declaration), 1, 32, (10,), "f8", on_device(x))
    files = list(tmp_path.rglob("*"))
    assert len([path for path in files if path.is_file()]) == 1 and files[-1].suffix == ".compiled"
    monkeypatch.setattr(compile, "lower", None)
    again = result_of(Kernel(own_element.py_func, own_element.declaration), 1, 32, (10,), "f8", on_device(x))
    assert first.tobytes() == again.tobytes()


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


FACTOR = 2.0


@device_function
def _scaled(x):
    return x * FACTOR


def _uses_it(out, x):
    out[cuda.grid(1)] = _scaled(x[cuda.grid(1)])


def _looks_the_same(out, x):
    out[cuda.grid(1)] = x[cuda.grid(1)] * 2.0


def test_key_of_the_cache_follows_everything_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(_uses_it, "float[::1], float[::1]")
    single, double = kernel.all_signatures()
    keys = [cache.digest(_uses_it, single, False), cache.digest(_uses_it, double, False)]
    keys.append(cache.digest(_uses_it, single, True))
    assert keys[0] == cache.digest(_uses_it, single, False)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    keys.append(cache.digest(_uses_it, single, False))
    keys.append(cache.digest(_looks_the_same, single, False))
    monkeypatch.setattr(cache.lowering, "check_version", lambda: "another")
    keys.append(cache.digest(_looks_the_same, single, False))
    assert len(set(keys)) == len(keys) and None not in keys
    monkeypatch.setitem(globals(), "FACTOR", object())
    assert cache.digest(_uses_it, single, False) is None


# Speed


def test_launches_are_fast() -> None:
    x, out = on_device(np.ones(1)), on_device(np.ones(1))
    launch(own_element, 1, 1, FIRST, out, x)
    best = math.inf
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(50):
            launch(own_element, 1, 1, FIRST, out, x)
        best = min(best, (time.perf_counter() - start) / 50)
    assert best < 1e-4, f"a launch takes {best * 1e6:.0f} microseconds"


def test_types_of_every_registered_kernel_are_numba_types() -> None:
    for kernel in REGISTRY:
        for signature in kernel.all_signatures():
            assert all(isinstance(each, types.Type) for each in signature)
