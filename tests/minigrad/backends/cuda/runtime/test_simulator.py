"""The hardware driver under Numba's simulator, which must be switched on before Numba is imported: in processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed")


def simulated(program: str) -> str:
    """What a program prints with the hardware driver on two logical devices of Numba's simulator."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MINIGRAD_CUDA", "NUMBA_"))}
    environment = kept | {"NUMBA_ENABLE_CUDASIM": "1", "MINIGRAD_CUDA": "hardware", "MINIGRAD_CUDA_DEVICES": "2"}
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


DRIVER = """
import gc
import numpy as np
from numba import cuda
import minigrad as mg
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel
from minigrad.backends.cuda.launch import launch, launch_1d

first, second = (info.device for info in driver.devices())
assert isinstance(driver.current(), hardware.HardwareDriver)

def on_device(array, device=first):
    view = driver.allocate(array.shape, array.dtype, device)
    driver.copy_from_host(view, array)
    return view

for array in (np.arange(24.0).reshape(2, 3, 4), np.array(3.0), np.zeros((0, 3), "i8"), np.ones(5, "?")):
    assert (driver.copy_to_host(on_device(array)) == array).all()
view = on_device(np.arange(24, dtype="f4").reshape(4, 6))
assert driver.copy_to_host(view.part(1, 3).reshape(3, -1)).tolist() == np.arange(6, 18).reshape(3, 4).tolist()

def scale(x, y, factor):
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        y[i] = x[i] * factor

def reverse(x, y):
    shared = cuda.shared.array(32, x.dtype)
    i = cuda.threadIdx.x
    shared[i] = x[i]
    cuda.syncthreads()
    y[i] = shared[31 - i]

scale = Kernel(scale, "float[::1], float[::1], float")
reverse = Kernel(reverse, "any[::1], any[::1]")
x, y = on_device(np.arange(40.0)), on_device(np.zeros(40))
launch_1d(scale, 40, first, x, y, 2)
launch(scale, 1, 3, first, x.part(0, 0), y, 2.0)
assert driver.copy_to_host(y).tolist() == [2 * i for i in range(40)]
z = on_device(np.zeros(32))
launch(reverse, 1, 32, first, y.part(8, 40), z)
assert driver.copy_to_host(z).tolist() == [2 * i for i in range(39, 7, -1)]
driver.synchronise(first)

# Between devices: on one GPU, and as if there were two without peer access.
for gpu in (0, 1):
    driver.current()._logical[1].gpu = gpu
    driver.current()._peers[0, 1] = driver.current()._peers[1, 0] = False
    for _ in range(4):
        there, back = driver.allocate((40,), "f8", second), driver.allocate((5, 8), "f8", first)
        driver.copy(there, y)
        driver.copy(back, there)
        driver.copy(back.reshape(40), back)
        assert driver.copy_to_host(back).reshape(-1).tolist() == [2 * i for i in range(40)]
driver.current()._logical[1].gpu = 0

try:
    launch_1d(scale, 40, first, x, there, 2.0)
except mg.DeviceMismatchError as error:
    assert "cuda:0" in str(error) and "cuda:1" in str(error)
else:
    raise AssertionError

pool = driver.current()._logical[0].pool
pool.sort_in()
before, blocks = pool.used_bytes, pool.idle_bytes
held = [driver.allocate((1000,), "f8", first) for _ in range(3)]
assert pool.used_bytes == before + 3 * 8192
del held
gc.collect()
pool.sort_in()
assert pool.used_bytes == before

def full(*arguments):
    raise RuntimeError("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY")

device_array, cuda.device_array = cuda.device_array, full
try:
    mg.ones(1 << 20, device="cuda:1")
except MemoryError as error:
    assert "cuda:1 has no 4.0 MiB left" in str(error) and "are free" in str(error)
else:
    raise AssertionError
cuda.device_array = device_array
print(mg.devices())
"""


def test_driver() -> None:
    printed = simulated(DRIVER).splitlines()
    assert [line.split()[0] for line in printed[-3:]] == ["cuda:0", "cuda:1", "reference:0"]


TRAINING = """
import numpy as np
import minigrad as mg
import minigrad.functional as F

array = np.random.default_rng(0).standard_normal((2, 1, 5, 5)).astype("f4")

def step(left, right):
    "A training step of two columns that meet in the classifier, as the paper's do; what the next step sees."
    mg.manual_seed(0)
    columns = [mg.nn.Conv2d(1, 2, 3).to(left), mg.nn.Conv2d(1, 2, 3).to(right)]
    head = mg.nn.Linear(4, 3).to(left)
    parameters = [each for layer in (*columns, head) for each in layer.parameters()]
    optimiser = mg.optim.SGD(parameters, lr=0.1, momentum=0.9)
    for _ in range(1):
        optimiser.zero_grad()
        pooled = [F.max_pool2d(F.relu(c(mg.tensor(array, device=d))), 3) for c, d in zip(columns, (left, right))]
        features = mg.cat([pooled[0].reshape(2, 2), pooled[1].to(left).reshape(2, 2)], dim=1)
        loss = F.cross_entropy(head(features), mg.tensor(np.array([0, 2]), device=left))
        loss.backward()
        optimiser.step()
    return [loss.numpy(), *(each.numpy() for each in parameters)]

for ours, theirs in zip(step("cuda:0", "cuda:1"), step("cpu", "cpu")):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
print("trained")
"""


def test_training_step_on_two_devices() -> None:
    assert "trained" in simulated(TRAINING)
