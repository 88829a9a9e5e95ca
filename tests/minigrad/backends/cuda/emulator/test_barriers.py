"""Barriers and shared memory give what they give on a GPU."""

from __future__ import annotations

import inspect
import re
import textwrap

import numpy as np
import pytest
from emulation import multiply, on_device, random, result_of
from numba import cuda, float64, int64

from minigrad.backends.cuda.launch import device_function
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)

from minigrad.backends.cuda.emulator import barriers

pytestmark = pytest.mark.usefixtures("emulated")


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


@device_function
def _barrier_inside():
    cuda.syncthreads()


def test_barrier_in_a_function_that_numba_inlines_is_fine() -> None:
    inlined = cuda.jit(device=True, inline="always")(_barrier_inside.py_func)

    def swap(out, x):
        shared = cuda.shared.array(8, float64)
        shared[cuda.threadIdx.x] = x[cuda.threadIdx.x]
        inlined()
        out[cuda.threadIdx.x] = shared[7 - cuda.threadIdx.x]

    out = result_of(Kernel(swap, "f8[::1], f8[::1]"), 1, 8, (8,), "f8", on_device(np.arange(8.0)))
    assert out.tolist() == list(range(7, -1, -1))
