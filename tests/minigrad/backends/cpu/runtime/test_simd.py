"""The small words of the processor's vectors, against NumPy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np

from minigrad.backends.cpu.runtime.simd import LANES, address, transpose_block

FLOAT = np.float32


@numba.njit
def run_transpose(source, target):  # type: ignore[no-untyped-def]
    transpose_block(address(source), 4 * source.shape[1], address(target), 4 * target.shape[1])


def test_transpose_block() -> None:
    source = np.arange(LANES * (LANES + 3), dtype=FLOAT).reshape(LANES, -1)
    target = np.full((LANES, LANES + 5), -1, FLOAT)
    run_transpose(source, target)
    np.testing.assert_array_equal(target[:, :LANES], source[:, :LANES].T)
    assert (target[:, LANES:] == -1).all()


def test_another_instruction_set_is_refused() -> None:
    environment = os.environ | {"MINIGRAD_ISA": "avx3"}
    command = [sys.executable, "-c", "import minigrad as mg; mg.ones(1)"]
    root = Path(__file__).parents[5]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root)
    assert done.returncode != 0 and "MINIGRAD_ISA is avx2" in done.stderr and "'avx3'" in done.stderr
