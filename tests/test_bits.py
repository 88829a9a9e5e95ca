"""The same seed gives the same bits, whatever was compiled before, and in which order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def digests(cache: Path, *words: str) -> dict[str, str]:
    """What the program prints in a process of its own, with that folder for compiled code."""
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "XDG_CACHE_HOME": str(cache), "PYTHONPATH": paths}
    command = [sys.executable, str(ROOT / "tests/digests.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu:0", "cuda:0"])
def test_bits_do_not_depend_on_what_was_compiled_before(device: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as both:
        cold = both.submit(digests, tmp_path / "first", device)
        reverse = both.submit(digests, tmp_path / "second", "reversed", device)
    expected = cold.result()
    assert len(expected) > 1000
    for found in (
        reverse.result(),
        digests(tmp_path / "first", device),
        digests(tmp_path / "first", "reversed", device),
        digests(tmp_path / "second", device),
    ):
        assert [name for name, value in expected.items() if found[name] != value] == []
