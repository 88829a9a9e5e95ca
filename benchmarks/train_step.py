"""A step beside PyTorch's, in one run: python benchmarks/train_step.py --net paper --against torch

The contenders live in processes of their own and take turns, of a step or of a second's worth of short steps, so that
what else the machine does meets all of them alike. Ratios are of medians; the spread is that of the ratios of single
turns. The last line is no program: it is the time that the multiplications and additions of direct convolution would
take at the highest rate at which these cores make any, measured here.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from contenders import CONTENDERS, NETS

from alexnet.model import AlexNet, layer_table
from minigrad.backends.cpu.runtime.gemm import PANEL, ROWS, product
from minigrad.backends.cpu.runtime.jit import jitted
from minigrad.backends.cpu.runtime.simd import LANES, address
from minigrad.backends.threads import get_num_threads, parallel

WARM_UP = 2  # turns that are not counted: compilation, first pages
TURN = 1.0  # seconds that the steps of a turn should take together
PAUSE = 0.3  # seconds between turns, in which the threads of the last contender fall asleep


def direct_operations(net: str, batch: int, training: bool) -> int:
    """Multiplications and additions of a step of AlexNet, convolutions as they are written."""
    rows = layer_table(AlexNet(devices=("cpu",), image_size=NETS[net][1]))
    every = sum(row.multiply_adds for row in rows)
    first = next(row.multiply_adds for row in rows if row.name == "conv1")  # needs no gradient of the image
    return 2 * batch * (3 * every - first if training else every)


def peak_rate() -> float:
    """GFLOP/s of minigrad's product of matrices that stay in the first-level caches, on all threads."""
    threads = get_num_threads()
    rows, columns, depth, repeats = 8 * ROWS, PANEL, 128, 2000
    operands = [
        [np.ones((height, width), np.float32) for height, width in ((rows, depth), (depth, columns), (rows, columns))]
        for _ in range(threads)
    ]
    many_products(*operands[0], 1)
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        parallel(lambda part: many_products(*operands[part], repeats), threads)
        seconds.append(time.perf_counter() - start)
    return 2 * threads * repeats * rows * columns * depth / min(seconds) / 1e9


@jitted
def many_products(a, b, c, repeats):  # type: ignore[no-untyped-def]
    """c = a b, `repeats` times over."""
    rows, depth = a.shape
    first, last = (address(a), 4 * depth), (address(c), 4 * c.shape[1])
    for _ in range(repeats):
        product(first, address(b), last, (rows, c.shape[1], depth), PANEL // LANES, 0)


class Contender:
    """A process that makes a step when asked."""

    def __init__(self, name: str, net: str, batch: int, what: str) -> None:
        self.name = name
        command = [sys.executable, str(Path(__file__).with_name("contenders.py")), name, net, str(batch), what]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.steps = 1  # of a turn
        self.seconds: list[float] = []
        self.peak = 0.0

    def take_turn(self, counted: bool) -> None:
        """Some steps; the time of one is kept if it counts, and otherwise tells how many make a turn."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{self.steps}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended without an answer")
        seconds, _, self.peak = map(float, line.split())
        if counted:
            self.seconds.append(seconds)
        else:
            self.steps = max(1, round(TURN / seconds))

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


def measure(names: list[str], net: str, batch: int, turns: int, what: str) -> list[Contender]:
    """Let the contenders take turns."""
    contenders = [Contender(name, net, batch, what) for name in names]
    try:
        for turn in range(WARM_UP + turns):
            for contender in contenders:
                time.sleep(PAUSE)
                contender.take_turn(turn >= WARM_UP)
    finally:
        for contender in contenders:
            contender.stop()
    return contenders


def report(contenders: list[Contender], net: str, batch: int, what: str) -> str:
    """A table in Markdown."""
    first = contenders[0]
    lines = [
        f"{net}, {what}, batch {batch}, {len(first.seconds)} turns",
        "",
        "| | median step | images/s | minigrad is faster by | spread | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    for each in contenders:
        median = statistics.median(each.seconds)
        ratio = median / statistics.median(first.seconds)
        ratios = sorted(a / b for a, b in zip(each.seconds, first.seconds, strict=True))
        lines.append(
            f"| {each.name} | {1000 * median:.1f} ms | {batch / median:.1f} | {ratio:.2f} x "
            f"| {ratios[0]:.2f} to {ratios[-1]:.2f} | {each.peak:.0f} MB |"
        )
    if net.startswith("paper"):
        rate = peak_rate()
        seconds = direct_operations(net, batch, what == "training") / rate / 1e9
        ratio = seconds / statistics.median(first.seconds)
        lines.append(
            f"| direct, at {rate:.0f} GFLOP/s | {1000 * seconds:.1f} ms | {batch / seconds:.1f} | {ratio:.2f} x | | |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A step of minigrad, alone or beside PyTorch's.")
    parser.add_argument("--net", choices=NETS, default="paper")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=7, help="turns that count (default 7)")
    parser.add_argument("--against", choices=("torch",), help="measure PyTorch too, in both its memory formats")
    parser.add_argument("--inference", action="store_true", help="the forward pass of evaluation alone")
    args = parser.parse_args()
    what = "inference" if args.inference else "training"
    names = list(CONTENDERS) if args.against else ["minigrad"]
    print(report(measure(names, args.net, args.batch, args.turns, what), args.net, args.batch, what))


if __name__ == "__main__":
    main()
