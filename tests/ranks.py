"""Programs that mpiexec starts, where there is one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from training_runs import environment

MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason='needs mpiexec and mpi4py: pip install "minigrad[mpi]"',
)


def start(ranks: int, *words: object) -> subprocess.Popen[str]:
    """So many processes of a Python program, with a thread each."""
    assert MPIEXEC is not None
    command = [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, words)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), "MINIGRAD_THREADS": "1"},
    )  # closed by communicate


def together(ranks: int, *words: object) -> tuple[int, str, str]:
    """Their exit status, and what they printed on stdout and stderr."""
    process = start(ranks, *words)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err
