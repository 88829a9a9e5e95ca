"""What the emulated GPUs can do: python benchmarks/emulator.py

Against Numba's own simulator on a textbook product through shared memory; the rate of minigrad's product of matrices
with one worker and with several; and how much of that rate a whole training step of AlexNet keeps.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from numba import cuda

import minigrad as mg
import minigrad.functional as F
from alexnet.model import AlexNet, layer_table
from minigrad import optim
from minigrad.arrays import Device
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.launch import launch
from minigrad.backends.cuda.runtime.signature import Kernel

SIDE, TILE = 64, 8
DEVICE = Device("cuda", 0)


def shared_product(c, a, b):  # type: ignore[no-untyped-def]
    """One thread per element of c = a b; blocks of TILE x TILE through shared memory."""
    a_tile = cuda.shared.array((TILE, TILE), a.dtype)
    b_tile = cuda.shared.array((TILE, TILE), b.dtype)
    j, i = cuda.grid(2)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    total = a.dtype.type(0)
    for k in range(0, a.shape[1], TILE):
        a_tile[y, x] = a[i, k + x]
        b_tile[y, x] = b[k + y, j]
        cuda.syncthreads()
        for step in range(TILE):
            total += a_tile[y, step] * b_tile[step, x]
        cuda.syncthreads()
    c[i, j] = total


def best(function: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest call, after one that is not counted."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def emulated_seconds() -> float:
    """The textbook product on the emulated GPU."""
    kernel = Kernel(shared_product, "float[:,::1], float[:,::1], float[:,::1]")
    random = np.random.default_rng(0)
    arrays = []
    for _ in range(3):
        view = driver.allocate((SIDE, SIDE), np.dtype(np.float32), DEVICE)
        driver.copy_from_host(view, random.standard_normal((SIDE, SIDE)).astype(np.float32))
        arrays.append(view)
    return best(lambda: launch(kernel, (SIDE // TILE,) * 2, (TILE, TILE), DEVICE, *arrays), 50)


def simulated_seconds() -> float:
    """The same in Numba's simulator, where one thread of the host plays each thread; called with it switched on."""
    arrays = [np.random.default_rng(0).standard_normal((SIDE, SIDE)).astype(np.float32) for _ in range(3)]
    return best(lambda: cuda.jit(shared_product)[(SIDE // TILE,) * 2, (TILE, TILE)](*arrays), 1)


def product_rate() -> float:
    """GFLOP/s of a product of 512 x 512 matrices by minigrad's kernel."""
    a, b = mg.randn(512, 512).to("cuda:0"), mg.randn(512, 512).to("cuda:0")
    return float(2 * 512**3 / best(lambda: a @ b, 10) / 1e9)


def step_rate(batch: int = 32) -> tuple[float, float]:
    """Seconds an image and GFLOP/s of a training step of the whole network on two devices."""
    net = AlexNet(devices=("cuda:0", "cuda:1"))
    optimizer = optim.SGD(net.parameters(), 1e-4, 0.9, weight_decay=5e-4)
    images, labels = mg.randn(batch, 3, 224, 224).to("cuda:0"), mg.tensor(np.arange(batch)).to("cuda:0")

    def step() -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        float(loss)

    rows = layer_table(net)
    first = next(row.multiply_adds for row in rows if row.name == "conv1")
    multiply_adds = 3 * sum(row.multiply_adds for row in rows) - first  # conv1 needs no gradient of the image
    seconds = best(step, 3)
    return seconds / batch, 2 * multiply_adds * batch / seconds / 1e9


def in_process(part: str, **environment: str) -> list[float]:
    """The numbers that a part prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, part], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return [float(word) for word in done.stdout.split()]


PARTS: dict[str, Callable[[], object]] = {
    "emulated": emulated_seconds,
    "simulated": simulated_seconds,
    "product": product_rate,
    "step": lambda: " ".join(map(str, step_rate())),
}


def main() -> None:
    """Measure and print a table; or one part, named by an argument, alone."""
    if len(sys.argv) > 1:
        print(PARTS[sys.argv[1]]())
        return
    cores = str(os.cpu_count())
    (emulated,) = in_process("emulated", MINIGRAD_CUDA="emulated")
    (simulated,) = in_process("simulated", NUMBA_ENABLE_CUDASIM="1")
    (one,) = in_process("product", MINIGRAD_CUDA="emulated", MINIGRAD_THREADS="1")
    (several,) = in_process("product", MINIGRAD_CUDA="emulated", MINIGRAD_THREADS=cores)
    seconds, rate = in_process("step", MINIGRAD_CUDA="emulated", MINIGRAD_THREADS=cores)
    print("| | |\n|---|---|")
    print(f"| textbook product, {SIDE} x {SIDE} x {SIDE}, Numba's simulator | {simulated:.2f} s |")
    print(f"| the same, emulated | {1000 * emulated:.2f} ms, {simulated / emulated:,.0f} times faster |")
    print(f"| 512 x 512 x 512, 1 worker | {one:.1f} GFLOP/s |")
    print(f"| 512 x 512 x 512, {cores} workers | {several:.1f} GFLOP/s |")
    print(f"| training step of the paper's net, two devices | {seconds:.2f} s an image, {rate:.1f} GFLOP/s |")
    print(f"| of the product's rate | {100 * rate / several:.0f} % |")


if __name__ == "__main__":
    main()
