"""Whether a run's memory stays flat: python benchmarks/memory.py --steps 2000 -- --batch-size 8

Trains with `python -m alexnet.train` and the flags after `--` into a folder that is thrown away, and prints the
resident memory of that process on the way. Linux, for it reads /proc.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FIRST = 100  # steps until everything that is kept is there
ROWS = 20


def resident(process: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(match[1]) * 1024 / 1e6 if match else 0.0


def measure(steps: int, flags: list[str], folder: str) -> dict[int, float]:
    """Resident memory in MB by step."""
    command = [sys.executable, "-m", "alexnet.train", *flags, "--steps", str(steps), "--out", f"{folder}/run"]
    found = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            match = re.match(r"step +(\d+) ", line)
            if match:
                found[int(match[1])] = resident(process.pid)
            else:
                print(line, end="")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("flags", nargs="*", help="of alexnet.train, after --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(args.steps, args.flags, folder)
    print("\n| step | resident, MB |\n|---|---|")
    every = max(1, args.steps // ROWS)
    for step, size in found.items():
        if step == 1 or step % every == 0:
            print(f"| {step} | {size:.1f} |")
    later = [size for step, size in found.items() if step > FIRST]
    if later:
        print(f"\nstep {FIRST + 1}: {later[0]:.1f} MB; most later: {max(later):.1f} MB; last: {later[-1]:.1f} MB")


if __name__ == "__main__":
    main()
