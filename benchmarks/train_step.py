"""A training step beside PyTorch's, in one run: python benchmarks/train_step.py --net paper --against torch

The contenders live in processes of their own and take turns, step by step, so that what else the machine does meets
all of them alike. Ratios are of medians; the spread is that of the ratios of single turns.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from contenders import CONTENDERS, NETS

WARM_UP = 2  # turns that are not counted: compilation, first pages
PAUSE = 0.3  # seconds between turns, in which the threads of the last contender fall asleep


class Contender:
    """A process that makes a step when asked."""

    def __init__(self, name: str, net: str, batch: int) -> None:
        self.name = name
        command = [sys.executable, str(Path(__file__).with_name("contenders.py")), name, net, str(batch)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seconds: list[float] = []
        self.peak = 0.0

    def step(self, counted: bool) -> None:
        """One step; its time is kept if it counts."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended without an answer")
        seconds, _, self.peak = map(float, line.split())
        if counted:
            self.seconds.append(seconds)

    def stop(self) -> None:
        """End the process."""
        self.process.communicate()


def measure(names: list[str], net: str, batch: int, turns: int) -> list[Contender]:
    """Let the contenders take turns."""
    contenders = [Contender(name, net, batch) for name in names]
    try:
        for turn in range(WARM_UP + turns):
            for contender in contenders:
                time.sleep(PAUSE)
                contender.step(turn >= WARM_UP)
    finally:
        for contender in contenders:
            contender.stop()
    return contenders


def report(contenders: list[Contender], net: str, batch: int) -> str:
    """A table in Markdown."""
    first = contenders[0]
    lines = [
        f"{net}, batch {batch}, {len(first.seconds)} turns",
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
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A training step of minigrad, alone or beside PyTorch's.")
    parser.add_argument("--net", choices=NETS, default="paper")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=7, help="steps that count (default 7)")
    parser.add_argument("--against", choices=("torch",), help="measure PyTorch too, in both its memory formats")
    args = parser.parse_args()
    names = list(CONTENDERS) if args.against else ["minigrad"]
    print(report(measure(names, args.net, args.batch, args.turns), args.net, args.batch))


if __name__ == "__main__":
    main()
