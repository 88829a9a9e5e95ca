"""What small things cost, beside PyTorch: python benchmarks/small.py --against torch

The same program, with `T` for either library, on data too small for the processor to matter: what is measured is the
way from a line of Python to a loop. The two take turns within one process, each on one thread: waking another costs
more than it brings.
"""

# ruff: noqa: N803 - T is the library, as in `import torch as T`

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SECONDS = 0.05  # of one turn

Step = Callable[[], Any]


def numbers(T: Any) -> tuple[Step, int]:
    """A chain of operations on tensors without axes, forward and backward; how many there are."""
    x, length = T.tensor(1.001, requires_grad=True), 100

    def step() -> None:
        y = x
        for i in range(length):
            y = y * x + x if i % 2 else y - x
        y.backward()

    return step, length + length // 2


def numbers_and_functions(T: Any) -> tuple[Step, int]:
    """The same with numbers of Python's and with functions."""
    x, length = T.tensor(0.5, requires_grad=True), 50

    def step() -> None:
        y = x
        for _ in range(length):
            y = (y * 1.01 + 0.1).tanh()
        y.backward()

    return step, 3 * length


def line(T: Any) -> tuple[Step, int]:
    """Linear regression by hand."""
    x = T.tensor(np.linspace(-1, 1, 100, dtype=np.float32).reshape(100, 1))
    y = 3 * x + 1
    w, b = T.zeros(1, 1, requires_grad=True), T.zeros(1, requires_grad=True)

    def step() -> None:
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        with T.no_grad():
            for p in (w, b):
                p -= 0.1 * p.grad
                p.grad = None

    return step, 1


def trained(T: Any, net: Any, loss: Any, x: np.ndarray, target: np.ndarray, adam: bool = False) -> Step:
    """Steps of training."""
    inputs, targets = T.tensor(x), T.tensor(target)
    kind = T.optim.Adam if adam else T.optim.SGD
    optimizer = kind(net.parameters(), lr=0.01)

    def step() -> Any:
        optimizer.zero_grad()
        value = loss(net(inputs), targets)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def classifier(T: Any) -> tuple[Step, int]:
    """Two layers on 64 digits of 28 x 28, by SGD."""
    nn, random = T.nn, np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    x = random.standard_normal((64, 784), dtype=np.float32)
    return trained(T, net, nn.CrossEntropyLoss(), x, random.integers(0, 10, 64)), 1


def moons(T: Any) -> tuple[Step, int]:
    """Three layers on 100 points of a plane, by SGD."""
    nn, random = T.nn, np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
    x = random.standard_normal((100, 2), dtype=np.float32)
    return trained(T, net, nn.MSELoss(), x, np.sign(x[:, :1] * x[:, 1:])), 1


def autoencoder(T: Any) -> tuple[Step, int]:
    """Four layers on 32 digits, by Adam."""
    nn, random = T.nn, np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 16), nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 784), nn.Sigmoid()
    )
    x = random.random((32, 784), dtype=np.float32)
    return trained(T, net, nn.MSELoss(), x, x, adam=True), 1


def characters(T: Any) -> tuple[Step, int]:
    """Three characters predict a fourth: a table of vectors, two layers, 32 names."""
    random = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return T.tensor((0.1 * random.standard_normal(shape)).astype(np.float32), requires_grad=True)

    parameters = table, w1, b1, w2, b2 = draw(27, 10), draw(30, 200), draw(200), draw(200, 27), draw(27)
    x, target = T.tensor(random.integers(0, 27, (32, 3))), T.tensor(random.integers(0, 27, 32))

    def step() -> None:
        h = (table[x].view(-1, 30) @ w1 + b1).tanh()
        loss = T.nn.functional.cross_entropy(h @ w2 + b2, target)
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data -= 0.1 * p.grad

    return step, 1


def attention(T: Any) -> tuple[Step, int]:
    """One head of 16 numbers looks back over 32 places."""
    random = np.random.default_rng(0)
    nn = T.nn
    x = T.tensor(random.standard_normal((32, 16), dtype=np.float32))
    key, query, value = (nn.Linear(16, 16, bias=False) for _ in range(3))
    mask = T.tensor(np.triu(np.ones((32, 32), bool), 1))

    def step() -> None:
        scores = query(x) @ key(x).T / 4
        weights = T.where(mask, float("-inf"), scores).softmax(dim=1)
        (weights @ value(x)).sum().backward()

    return step, 1


def lenet(T: Any) -> tuple[Step, int]:
    """LeNet on 16 digits, by SGD."""
    nn, random = T.nn, np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2, 2), nn.Flatten(),
        nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip
    x = random.standard_normal((16, 1, 28, 28), dtype=np.float32)
    return trained(T, net, nn.CrossEntropyLoss(), x, random.integers(0, 10, 16)), 1


def statistic(T: Any) -> tuple[Step, int]:
    """Statistics and comparisons of 80 numbers, without gradients."""
    random = np.random.default_rng(0)
    x, y = T.tensor(random.standard_normal((8, 10), dtype=np.float32)), T.tensor(random.integers(0, 10, 8))

    def step() -> float:
        z = (x - x.mean(0, keepdim=True)) / (x.std(0, keepdim=True) + 1e-5)
        right = (z.argmax(1) == y).float().mean()
        return float(right + z.max() + z.abs().sum() + (z > 0).sum() + z[2:4, 1].exp().sum())

    return step, 1


PROGRAMS: dict[str, Callable[[Any], tuple[Step, int]]] = {
    each.__name__: each
    for each in (
        numbers, numbers_and_functions, line, moons, classifier, characters, attention, autoencoder, lenet, statistic,
    )
}  # fmt: skip


def turn(step: Step) -> float:
    """Seconds that one step takes, the mean of as many as fill a turn."""
    count, start = 0, time.perf_counter()
    while (now := time.perf_counter()) - start < SECONDS:
        step()
        count += 1
    return (now - start) / count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What small things cost, alone or beside PyTorch.")
    parser.add_argument("--turns", type=int, default=15, help="of each library, one after the other (default: 15)")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS), help="these programs")
    parser.add_argument("--against", choices=("torch",), help="measure PyTorch too")
    args = parser.parse_args()
    libraries = [importlib.import_module(name) for name in ("minigrad", args.against) if name]
    for library in libraries:
        library.set_num_threads(1)
    beside = " PyTorch, us | ratio of medians (of turns) |" if args.against else ""
    print(f"| program | minigrad, us |{beside}\n|---|---|{'---|' * beside.count('|')}")
    for name in args.only:
        steps = [PROGRAMS[name](library) for library in libraries]
        for step, _ in steps:
            step()
        seconds = [[turn(step) / parts for step, parts in steps] for _ in range(args.turns)]
        medians = [statistics.median(each) * 1e6 for each in zip(*seconds, strict=True)]
        row = [name, *(f"{each:.1f}" for each in medians)]
        if args.against:
            ratios = [mine / other for mine, other in seconds]
            row.append(f"{medians[0] / medians[1]:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
