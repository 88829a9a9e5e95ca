"""BLAS has one thread once the CPU's backend is loaded; the environment and a program's own wishes are respected."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[5]

PROGRAM = """
import os
import numpy as np

before = dict(os.environ)
import minigrad as mg
assert mg.devices()
(mg.randn(64, 64) @ mg.randn(64, 64)).numpy()
changed = {name for name in before.keys() | os.environ.keys() if before.get(name) != os.environ.get(name)}
assert not changed, changed

import threadpoolctl

def threads():
    return {info["num_threads"] for info in threadpoolctl.threadpool_info() if info["user_api"] == "blas"}

held = threads()
assert held <= {1}, held
with threadpoolctl.threadpool_limits(2, user_api="blas"):
    assert threads() == {2} or not held, threads()
assert threads() == held, threads()
"""


def test_blas_is_held_to_one_thread_and_nothing_else_changes() -> None:
    """Not even the variable that threadpoolctl sets when it is imported is in the environment afterwards."""
    environment = {name: value for name, value in os.environ.items() if name != "KMP_DUPLICATE_LIB_OK"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, done.stderr
