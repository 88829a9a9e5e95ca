"""What the local layers of cuda-convnet's CIFAR-10 nets cost: python benchmarks/local.py --against torch

Each pass of a layer beside the multiplications alone, a dense product a place by NumPy's `@`, and beside PyTorch's
`unfold` and `einsum`. They take turns in one process, on one thread unless told otherwise: PyTorch's threads go on
spinning for a while after a call, and take the cores from what comes next.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.backends.threads import parallel

SIDE, KERNEL = 6, 3
LAYERS = {  # channels, filters
    "13pct local3": (64, 32),
    "13pct, 11pct local4": (32, 32),
    "11pct local3": (64, 64),
}
PASSES = ("forward", "gradient of the input", "gradient of the weight")
LARGE = 2048  # side of the large product
GEOMETRY = (1, 1), (1, 1, 1, 1), 1  # stride, padding, groups

Call = Callable[[], object]


def arrays(channels: int, filters: int, batch: int) -> dict[str, np.ndarray]:
    """Images, weight, bias and the gradient of the result."""
    random = np.random.default_rng(0)
    shapes = {
        "x": (batch, channels, SIDE, SIDE),
        "weight": (SIDE, SIDE, channels, KERNEL, KERNEL, filters),
        "bias": (filters, SIDE, SIDE),
        "dy": (batch, filters, SIDE, SIDE),
    }
    return {name: random.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}


def of_minigrad(given: dict[str, np.ndarray]) -> list[Call]:
    """The passes as a step of training calls them: images and gradients as their neighbours leave them in memory."""
    backend = mg.device("cpu").backend
    on_device = {name: mg.tensor(array).array for name, array in given.items()}
    x, dy = (backend.reorder(on_device[name], True) for name in ("x", "dy"))
    weight, bias = on_device["weight"], on_device["bias"]
    return [
        lambda: backend.locally_connected2d(x, weight, bias, *GEOMETRY, True),
        lambda: backend.locally_connected2d_grad_input(dy, weight, x.shape, *GEOMETRY),
        lambda: backend.locally_connected2d_grad_weight(dy, x, weight.shape, *GEOMETRY),
    ]


def of_torch(given: dict[str, np.ndarray]) -> list[Call]:
    """The passes in PyTorch, its weight with one matrix a place."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(mg.get_num_threads())
    x, weight, bias, dy = (torch.from_numpy(given[name]) for name in ("x", "weight", "bias", "dy"))
    matrices = weight.reshape(SIDE * SIDE, -1, weight.shape[-1])

    def layer(x: Any, matrices: Any) -> Any:
        columns = torch.nn.functional.unfold(x, KERNEL, padding=1)
        y = torch.einsum("ndp,pdk->nkp", columns, matrices)
        return torch.relu(y.reshape(dy.shape) + bias)

    def gradient(of_x: bool) -> Call:
        inputs = x.clone().requires_grad_(of_x), matrices.clone().requires_grad_(not of_x)
        y = layer(*inputs)
        wanted = inputs[0] if of_x else inputs[1]
        return lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True)

    @torch.no_grad()
    def forward() -> Any:
        return layer(x, matrices)

    return [forward, gradient(True), gradient(False)]


def dense(channels: int, filters: int, batch: int) -> Call:
    """As many products of (filters x depth) by (depth x batch) as there are places."""
    random, depth = np.random.default_rng(0), channels * KERNEL**2
    a = random.standard_normal((SIDE**2, filters, depth), dtype=np.float32)
    b = random.standard_normal((depth, batch), dtype=np.float32)
    return lambda: parallel(lambda place: a[place] @ b, len(a))


def large() -> Call:
    """The product of two large matrices, by minigrad, which calls BLAS from all threads."""
    a, b = mg.randn(LARGE, LARGE), mg.randn(LARGE, LARGE)
    return lambda: a @ b


def seconds(calls: list[Call], turns: int) -> list[list[float]]:
    """Of each call, turn by turn, after one that is not counted."""
    for call in calls:
        call()
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(turns):
        for call, mine in zip(calls, taken, strict=True):
            start = time.perf_counter()
            call()
            mine.append(time.perf_counter() - start)
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What local layers cost, beside dense products and PyTorch.")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=30, help="of each pass and product (default: 30)")
    parser.add_argument("--threads", type=int, default=1, help="of minigrad, of products and of PyTorch (default: 1)")
    parser.add_argument("--against", choices=("torch",), help="measure PyTorch too")
    args = parser.parse_args()
    mg.set_num_threads(args.threads)
    rate = 2 * LARGE**3 / statistics.median(seconds([large()], args.turns)[0])
    print(f"Threads: {args.threads}. A product of {LARGE} x {LARGE} matrices: {rate / 1e9:.0f} GFLOP/s\n")
    beside = " PyTorch, ms | slower by (of turns) |" if args.against else ""
    print(f"| layer | pass | ms | GFLOP/s | dense products, GFLOP/s | of their rate |{beside}")
    print(f"|---|---|---|---|---|---|{'---|' * beside.count('|')}")
    for name, (channels, filters) in LAYERS.items():
        given = arrays(channels, filters, args.batch)
        operations = 2 * SIDE**2 * channels * KERNEL**2 * filters * args.batch  # those with padding, too
        contenders = [of_minigrad(given), *([of_torch(given)] if args.against else [])]
        for what, *calls in zip(PASSES, *contenders, strict=True):
            taken = seconds([dense(channels, filters, args.batch), *calls], args.turns)
            products, mine, *others = (statistics.median(each) for each in taken)
            row = [name, what, f"{1e3 * mine:.2f}", *(f"{operations / each / 1e9:.0f}" for each in (mine, products))]
            row.append(f"{products / mine:.2f}")
            for other in others:
                ratios = [theirs / ours for ours, theirs in zip(*taken[1:], strict=True)]
                row += [f"{1e3 * other:.2f}", f"{other / mine:.1f} x ({min(ratios):.1f} to {max(ratios):.1f})"]
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
