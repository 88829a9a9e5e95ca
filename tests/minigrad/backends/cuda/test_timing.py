"""How long each kernel takes on a real GPU: printed, never judged."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from emulation import use
from parity import CASES, check_primitive

import minigrad as mg
import minigrad.functional as F
from alexnet.model import AlexNet
from minigrad import optim
from minigrad.arrays import Device
from minigrad.backends.cuda import driver
from minigrad.backends.cuda.runtime.signature import REGISTRY, Kernel, Variant

BATCH = 128  # the paper's


class Timed:
    """A driver that waits for each kernel, and keeps how many seconds it took."""

    def __init__(self, inner: driver.Driver) -> None:
        self.inner = inner
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def launch(self, kernel: Kernel, variant: Variant, grid: Any, block: Any, device: Device, arguments: Any) -> None:
        self.inner.synchronise(device)
        start = time.perf_counter()
        self.inner.launch(kernel, variant, grid, block, device, arguments)
        self.inner.synchronise(device)
        self.seconds[kernel.name].append(time.perf_counter() - start)


def launch_every_kernel() -> None:
    """Training steps of the paper's network on one GPU, then the parity tests' launches for what it does not use."""
    net = AlexNet(devices=("cuda",))
    images = mg.randn(BATCH, 3, 224, 224, device="cuda")
    labels = mg.tensor(np.arange(BATCH), device="cuda")
    for momentum in (0.0, 0.9):
        optimizer = optim.SGD(net.parameters(), lr=0.01, momentum=momentum)
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()
    for name in CASES:
        check_primitive(name, np.float32, "cuda:0")


@pytest.mark.gpu
@pytest.mark.usefixtures("gpu")
def test_every_kernel_is_timed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    timed = use(Timed(driver.current()), monkeypatch)
    launch_every_kernel()
    timed.seconds.clear()  # they held compilation
    launch_every_kernel()
    with capsys.disabled():
        print(f"\n{'kernel':<28}{'launches':>10}{'median ms':>12}{'longest ms':>12}{'all ms':>12}")
        for name, seconds in sorted(timed.seconds.items(), key=lambda item: -sum(item[1])):
            times = [1e3 * each for each in (np.median(seconds), max(seconds), sum(seconds))]
            print(f"{name:<28}{len(seconds):>10}" + "".join(f"{each:>12.3f}" for each in times))
    assert {kernel.name for kernel in REGISTRY} == set(timed.seconds)
