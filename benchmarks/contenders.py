"""The same step in minigrad and in PyTorch, one process each.

Run by train_step.py: `python contenders.py CONTENDER NET BATCH PASS`, with the pass "training" or "inference". For
every line that it reads, a number, it makes so many steps and answers with a line: seconds a step, loss (or a logit),
and the process's peak memory in MB.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from alexnet.model import AlexNet
from alexnet.recipes import RECIPES, build_network
from minigrad import functional as F
from minigrad import nn, no_grad, optim, tensor

NETS = {  # channels, side and classes
    "paper": (3, 227, 1000),
    "paper-without-lrn": (3, 227, 1000),
    "cifar10-80sec": (3, 32, 10),
    "cifar10-13pct": (3, 24, 10),
    "cifar10-11pct": (3, 24, 10),
}
CONTENDERS = ("minigrad", "torch", "torch-channels-last")
RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4


def batch_for(net: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Random images, float32 (batch, channels, side, side), and labels."""
    channels, side, classes = NETS[net]
    random = np.random.default_rng(0)
    images = 50 * random.standard_normal((batch, channels, side, side), dtype=np.float32)
    return images, random.integers(0, classes, batch)


def minigrad_model(net: str) -> nn.Module:
    """The network, on one CPU device."""
    if net in RECIPES and net != "paper":
        channels, _, classes = NETS[net]
        return build_network(RECIPES[net], classes, channels, ("cpu",))
    return AlexNet(devices=("cpu",), image_size=NETS[net][1], lrn=net == "paper")


def minigrad_step(net: str, batch: int, training: bool = True) -> Callable[[], float]:
    """A function that makes one step and returns the loss, or what inference gives first."""
    images, labels = batch_for(net, batch)
    model = minigrad_model(net).train(training)
    if not training:

        @no_grad()
        def infer() -> float:
            return float(model(tensor(images)).numpy()[0, 0])

        return infer
    optimizer = optim.SGD(model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)

    def step() -> float:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(tensor(images)), tensor(labels))
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def torch_step(net: str, batch: int, training: bool, channels_last: bool) -> Callable[[], float]:
    """The same in PyTorch, in either memory format; the columns of AlexNet are groups there."""
    torch = importlib.import_module("torch")
    images, labels = (torch.from_numpy(array) for array in batch_for(net, batch))
    if net == "cifar10-80sec":
        model = torch_cifar(torch.nn)
    elif net in ("cifar10-13pct", "cifar10-11pct"):
        model = torch_cifar_local(torch, net == "cifar10-11pct")
    else:
        model = torch_alexnet(torch.nn, net == "paper")
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    model.train(training)
    if not training:

        @torch.inference_mode()
        def infer() -> float:
            return float(model(images)[0, 0])

        return infer
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def torch_alexnet(t: Any, lrn: bool) -> Any:
    """Figure 2 with groups of 2."""

    def norm() -> list[Any]:
        return [t.LocalResponseNorm(5, 5e-4, 0.75, 2.0)] if lrn else []

    return t.Sequential(
        *(t.Conv2d(3, 96, 11, 4), t.ReLU(inplace=True), *norm(), t.MaxPool2d(3, 2)),
        *(t.Conv2d(96, 256, 5, padding=2, groups=2), t.ReLU(inplace=True), *norm(), t.MaxPool2d(3, 2)),
        *(t.Conv2d(256, 384, 3, padding=1), t.ReLU(inplace=True)),
        *(t.Conv2d(384, 384, 3, padding=1, groups=2), t.ReLU(inplace=True)),
        *(t.Conv2d(384, 256, 3, padding=1, groups=2), t.ReLU(inplace=True), t.MaxPool2d(3, 2), t.Flatten()),
        *(t.Linear(9216, 4096), t.ReLU(inplace=True), t.Dropout()),
        *(t.Linear(4096, 4096), t.ReLU(inplace=True), t.Dropout()),
        t.Linear(4096, 1000),
    )


def torch_cifar(t: Any) -> Any:
    """The 80sec net of cuda-convnet."""

    def average() -> Any:
        return t.AvgPool2d(3, 2, ceil_mode=True, count_include_pad=False)

    return t.Sequential(
        *(t.Conv2d(3, 32, 5, padding=2), t.MaxPool2d(3, 2, ceil_mode=True), t.ReLU(inplace=True)),
        *(t.Conv2d(32, 32, 5, padding=2), t.ReLU(inplace=True), average()),
        *(t.Conv2d(32, 64, 5, padding=2), t.ReLU(inplace=True), average(), t.Flatten()),
        *(t.Linear(1024, 64), t.ReLU(inplace=True), t.Linear(64, 10)),
    )


def torch_cifar_local(torch: Any, normalised: bool) -> Any:
    """The 13 % net of cuda-convnet, or the 11 % net, which is normalised: two convolutions and two local layers."""
    t = torch.nn

    class Local(t.Module):  # type: ignore[misc]
        """A convolution 3 x 3 of 6 x 6 maps whose places share no weights."""

        def __init__(self, channels: int, filters: int) -> None:
            super().__init__()
            self.weight = t.Parameter(0.04 * torch.randn(36, 9 * channels, filters))
            self.bias = t.Parameter(torch.zeros(filters, 6, 6))

        def forward(self, x: Any) -> Any:
            windows = t.functional.unfold(x, 3, padding=1)
            return torch.einsum("nkp,pkf->nfp", windows, self.weight).unflatten(2, (6, 6)) + self.bias

    def norm() -> list[Any]:
        return [t.LocalResponseNorm(9, 0.001, 0.75, 1.0)] if normalised else []

    def pool() -> Any:
        return t.MaxPool2d(3, 2, ceil_mode=True)

    first = 64 if normalised else 32  # maps of the first local layer
    return t.Sequential(
        *(t.Conv2d(3, 64, 5, padding=2), t.ReLU(inplace=True), pool(), *norm()),
        *(t.Conv2d(64, 64, 5, padding=2), t.ReLU(inplace=True), *norm(), pool()),
        *(Local(64, first), t.ReLU(inplace=True), Local(first, 32), t.ReLU(inplace=True), t.Flatten()),
        t.Linear(36 * 32, 10),
    )


def peak_memory() -> float:
    """Most memory that this process has had, in MB."""
    resource = importlib.import_module("resource")  # not on Windows
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(used / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def main() -> None:
    """Answer each line of standard input with a step."""
    contender, net, batch, training = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "training"
    if contender == "minigrad":
        step = minigrad_step(net, batch, training)
    else:
        step = torch_step(net, batch, training, contender == "torch-channels-last")
    for line in sys.stdin:
        count = int(line)
        start = time.perf_counter()
        for _ in range(count):
            loss = step()
        print((time.perf_counter() - start) / count, loss, peak_memory(), flush=True)


if __name__ == "__main__":
    main()
