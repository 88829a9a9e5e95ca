"""What the emulated GPUs lack is refused by the name that a kernel's author knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from emulation import FIRST, on_device
from numba import cuda, int64

from minigrad.backends.cuda.launch import device_function, launch
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)

from minigrad.backends.cuda.emulator.refused import UnsupportedKernelError

pytestmark = pytest.mark.usefixtures("emulated")


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
