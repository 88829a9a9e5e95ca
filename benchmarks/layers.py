"""Where the time of a training step goes, layer by layer: python benchmarks/layers.py --figure layers.png

Kernels are timed one by one as a step calls them, and shown by layer and pass; what is left of the step is Python.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
from contenders import minigrad_step

from minigrad.backends import cpu
from minigrad.backends.protocol import PRIMITIVES

LAYERS = {
    (3, 11): "conv1",
    (48, 5): "conv2",
    (256, 3): "conv3",
    (192, 3): "conv4 and 5",
    9216: "fc6",
    4096: "fc7 and 8",
}
PASSES = {
    "conv2d": "forward",
    "linear": "forward",
    "conv2d_grad_input": "gradient of the input",
    "linear_grad_input": "gradient of the input",
    "conv2d_grad_weight": "gradient of the weight",
    "sgd_update": "gradient of the weight",
}
AFTER = "ReLU, normalisation, pooling"  # which are made together
OTHERS = {"local_response_norm": AFTER, "max_pool2d": AFTER, "relu_bias": AFTER, "dropout": "dropout"}
COLOURS = {  # of Okabe and Ito, for every eye
    "forward": "#0072B2",
    "gradient of the input": "#E69F00",
    "gradient of the weight": "#009E73",
    "memory": "#999999",
    "Python": "#000000",
}

Times = dict[tuple[str, str], float]


def place(name: str, arguments: tuple[Any, ...]) -> tuple[str, str]:
    """Layer and pass of a kernel's call. The update of a large weight makes its gradient, and so counts as that."""
    kind = name.removesuffix("_grad")
    if kind in OTHERS:
        return OTHERS[kind], "memory"
    if name not in PASSES:
        return "the rest", "memory"
    shape = arguments[2] if name == "conv2d_grad_weight" else arguments[name != "sgd_update"].shape
    if len(shape) == 4:
        return LAYERS.get((shape[1], shape[2]), "the rest"), PASSES[name] if name != "sgd_update" else "memory"
    if len(shape) == 2:
        return LAYERS.get(shape[1], "the rest"), PASSES[name]
    return "the rest", "memory"


def timed(name: str, kernel: Callable[..., Any], times: Times) -> Callable[..., Any]:
    """The kernel, with its time added to the others."""

    def call(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = kernel(*arguments)
        times[place(name, arguments)] += time.perf_counter() - start
        return result

    return call


def measure(net: str, batch: int, steps: int) -> Times:
    """Seconds by layer and pass of the fastest of some steps."""
    times: Times = defaultdict(float)
    for name in PRIMITIVES:
        setattr(cpu, name, timed(name, getattr(cpu, name), times))
    step = minigrad_step(net, batch)
    step()
    fastest: tuple[float, Times] = (float("inf"), {})
    for _ in range(steps):
        times.clear()
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        fastest = min(fastest, (seconds, dict(times)), key=lambda pair: pair[0])
    seconds, times = fastest
    return {**times, ("Python", "Python"): seconds - sum(times.values())}


def draw(times: Times, title: str, path: Path) -> None:
    """A bar a layer, its passes one after the other."""
    layers = [*dict.fromkeys(LAYERS.values()), *dict.fromkeys(OTHERS.values()), "the rest", "Python"]
    figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
    ends = dict.fromkeys(layers, 0.0)
    for what, colour in COLOURS.items():
        widths = [1000 * times.get((layer, what), 0.0) for layer in layers]
        axes.barh(layers, widths, left=list(ends.values()), color=colour, label=what)
        ends = {layer: end + width for (layer, end), width in zip(ends.items(), widths, strict=True)}
    axes.invert_yaxis()
    axes.set(xlabel="milliseconds", title=title)
    axes.legend(frameon=False, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description="Where the time of a training step goes.")
    parser.add_argument("--net", choices=("paper", "paper-without-lrn"), default="paper")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=7, help="of which the fastest counts (default 7)")
    parser.add_argument("--figure", type=Path, help="draw it into this file")
    args = parser.parse_args()
    times = measure(args.net, args.batch, args.steps)
    print("| layer | pass | ms |\n|---|---|---|")
    for (layer, what), seconds in sorted(times.items()):
        print(f"| {layer} | {what} | {1000 * seconds:.1f} |")
    if args.figure:
        total = sum(times.values())
        draw(times, f"{args.net}, batch {args.batch}: {1000 * total:.0f} ms a training step", args.figure)


if __name__ == "__main__":
    main()
