"""How the cost of the paper's training step grows: python benchmarks/growth.py

Images per second and peak memory by batch and number of threads, and how long a process takes to its first step: with
nothing compiled before, and with everything.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NET = "paper"
STEPS = 4  # that count, after the first


class Run:
    """A process of contenders.py that makes some steps."""

    def __init__(self, batch: int, threads: int, **environment: str) -> None:
        script = str(Path(__file__).with_name("contenders.py"))
        settings = os.environ | {"MINIGRAD_THREADS": str(threads)} | environment
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, script, "minigrad", NET, str(batch), "training"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=settings,
        )
        assert process.stdin is not None and process.stdout is not None
        seconds = []
        for _ in range(1 + STEPS):
            process.stdin.write("1\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"no answer from a step of batch {batch} on {threads} thread(s)")
            if not seconds:
                first = time.perf_counter() - start
            step, _, self.peak = map(float, line.split())
            seconds.append(step)
        process.communicate()
        self.step = statistics.median(seconds[1:])
        self.start = first - self.step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How the cost of a training step grows with batch and threads.")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32, 128, 512])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    print("| batch | threads | step | images/s | peak memory |\n|---|---|---|---|---|")
    for threads in args.threads:
        for batch in args.batches:
            run = Run(batch, threads)
            print(
                f"| {batch} | {threads} | {1000 * run.step:.0f} ms | {batch / run.step:.1f} | {run.peak:.0f} MB |",
                flush=True,
            )
    print("\n| start of the process to the end of the first step, less one steady step | |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for what in ("nothing compiled before", "everything compiled before"):
            run = Run(max(args.batches[:4]), max(args.threads), NUMBA_CACHE_DIR=folder)
            print(f"| {what} | {run.start:.1f} s |", flush=True)


if __name__ == "__main__":
    main()
