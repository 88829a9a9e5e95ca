"""The benchmarks run, each for a moment. How fast anything is, no test asserts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PROGRAMS = {
    "train_step.py --net cifar10-80sec --batch 8 --turns 1": "| minigrad |",
    "train_step.py --net paper --batch 1 --turns 1 --inference": "| direct, at ",
    "layers.py --batch 1 --steps 1 --figure {folder}/layers.png": "| conv3 | gradient of the input |",
    "growth.py --batches 1 --threads 1": "| nothing compiled before |",
    "seeds.py --run shapes shapes 100 --seeds 1 --out {folder}/seeds.jsonl": "| 100 % | 1 of 1 | 1.00 (1.00 to 1.00) |",
    "small.py --turns 1 --only numbers lenet": "| lenet | ",
    "local.py --batch 8 --turns 1": "| 13pct local3 | gradient of the weight |",
    "memory.py --steps 120 -- --batch-size 8": "step 101: ",
    "emulator.py": "of the product's rate",
    "scaling.py --turns 1 --ranks 8 --batch 8": "| 100 | 8 | 64 | ",
}


@pytest.mark.slow
@pytest.mark.parametrize("line", PROGRAMS)
def test_it_prints_its_table(line: str, tmp_path: Path) -> None:
    program, *arguments = line.format(folder=tmp_path).split()
    command = [sys.executable, str(ROOT / "benchmarks" / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert PROGRAMS[line] in done.stdout
