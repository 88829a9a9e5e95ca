"""Kernels of one's own, on whichever CUDA devices there are, and on Numba's simulator where there can be none."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda has no wheels for this platform")

from numba import cuda

import minigrad as mg
import minigrad.functional as F
from minigrad.kernels import jit, place

TILE = 8


@jit
def scale(x, y, factor):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = factor * x[i]


@jit
def reverse(x, y):
    shared = cuda.shared.array(64, np.float32)
    i = cuda.threadIdx.x
    shared[i] = x[i]
    cuda.syncthreads()
    y[i] = shared[63 - i]


@jit
def reverse_without_barrier(x, y):
    shared = cuda.shared.array(64, np.float32)
    i = cuda.threadIdx.x
    shared[i] = x[i]
    y[i] = shared[63 - i]


def on_gpu(array: np.ndarray) -> mg.Tensor:
    return mg.tensor(array, device=place().device)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
@pytest.mark.parametrize("factor", [3, 2.5, np.float32(0.5)])
def test_kernel_is_made_for_the_types_it_is_given(dtype: str, factor: float) -> None:
    x, y = on_gpu(np.arange(100, dtype=dtype)), on_gpu(np.zeros(100, dtype))
    scale[1, 128](x, y, factor)
    np.testing.assert_array_equal(y.numpy(), (np.arange(100) * factor).astype(dtype))


def test_whole_numbers_stay_whole() -> None:
    @jit
    def shift(x, y, by):
        i = cuda.grid(1)
        if i < x.size:
            y[i] = x[(i + by) % x.size]

    y = on_gpu(np.zeros(10, "f4"))
    shift[1, 32](on_gpu(np.arange(10, dtype="f4")), y, np.int32(3))
    np.testing.assert_array_equal(y.numpy(), (np.arange(10) + 3) % 10)


def test_grid_of_two_axes() -> None:
    @jit
    def transpose(x, y):
        i, j = cuda.grid(2)
        if i < x.shape[0] and j < x.shape[1]:
            y[j, i] = x[i, j]

    x = np.arange(30, dtype="f4").reshape(5, 6)
    y = on_gpu(np.zeros((6, 5), "f4"))
    transpose[(2, 2), (4, 4)](on_gpu(x), y)
    np.testing.assert_array_equal(y.numpy(), x.T)


@pytest.mark.skipif(place().kind != "emulated", reason="the checks are the emulator's")
def test_checks_find_what_a_gpu_passes_over() -> None:
    x, y = on_gpu(np.arange(64, dtype="f4")), on_gpu(np.zeros(64, "f4"))
    reverse.checked[1, 64](x, y)
    np.testing.assert_array_equal(y.numpy(), np.arange(63, -1, -1))
    with pytest.raises(RuntimeError, match=r"kernel reverse_without_barrier: .* a barrier is missing"):
        reverse_without_barrier.checked[1, 64](x, y)
    with pytest.raises(RuntimeError, match=r"block .*thread .*out of bounds"):
        reverse.checked[1, 65](x, y)


def test_mistakes_are_said_in_a_sentence() -> None:
    x = on_gpu(np.arange(8, dtype="f4"))
    with pytest.raises(ValueError, match="argument 1 is on cpu:0, where no kernel runs; bring it to cuda:0"):
        scale[1, 8](x, mg.zeros(8), 1)
    with pytest.raises(TypeError, match="argument 1 is neither a tensor nor a number, but a list"):
        scale[1, 8](x, [1.0], 1)
    with pytest.raises(TypeError, match="was given none"):
        scale[1, 8](1, 2, 3)
    with pytest.raises(TypeError, match=r"launched as scale\[grid, block\]"):
        scale[8](x, x, 1)
    with pytest.raises(ValueError, match="C order"):
        scale[1, 8](x.sum(), x, 1)
    with pytest.raises(ValueError, match="C order"):  # pooling returns CHWN order
        scale[1, 8](F.max_pool2d(mg.randn(2, 3, 4, 4, device=x.device), 2), x, 1)
    with pytest.raises(mg.DeviceMismatchError, match="cuda:1"):
        scale[1, 8](x, x.to("cuda:1"), 1)


SIMULATED = """
import os, sys
import numba
before = dict(os.environ)
sys.modules["numba_cuda"] = None  # as if it were not installed
sys.meta_path = [finder for finder in sys.meta_path if "numba_cuda" not in type(finder).__module__]
import minigrad as mg
import minigrad.functional as F
from minigrad.kernels import jit, place
from numba import cuda
import numpy as np

@jit
def reverse(x, y, factor):
    shared = cuda.shared.array(32, np.float32)
    i = cuda.threadIdx.x
    shared[i] = x[i]
    cuda.syncthreads()
    y[i] = factor * shared[31 - i]

x, y = mg.tensor(np.arange(32, dtype="f4")), mg.zeros(32)
reverse[1, 32](x, y, 2)
assert y.numpy().tolist() == list(range(62, -1, -2))
assert os.environ == before
print(place())
"""


def test_simulator_where_numba_cuda_is_not_installed() -> None:
    done = subprocess.run([sys.executable, "-c", SIMULATED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("cpu:0") and "simulated" in done.stdout
