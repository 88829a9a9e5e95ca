"""Compiled kernels are kept under a name that follows all that they depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emulation import all_signatures, on_device, own_element, random, result_of
from numba import cuda

from minigrad.backends.cuda.launch import device_function
from minigrad.backends.cuda.runtime import hardware
from minigrad.backends.cuda.runtime.signature import Kernel

if hardware.SIMULATED:
    pytest.skip("Numba's simulator replaces the compiler that the emulator uses", allow_module_level=True)

from minigrad.backends.cuda.emulator import cache as emulator_cache
from minigrad.backends.cuda.emulator import compile

pytestmark = pytest.mark.usefixtures("emulated")


def test_compiled_code_is_kept_and_used_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.abs(random(10))
    first = result_of(Kernel(own_element.py_func, own_element.declaration), 1, 32, (10,), "f8", on_device(x))
    files = list(cache.rglob("*"))
    assert len([path for path in files if path.is_file()]) == 1 and files[-1].suffix == ".compiled"
    monkeypatch.setattr(compile, "lower", None)
    again = result_of(Kernel(own_element.py_func, own_element.declaration), 1, 32, (10,), "f8", on_device(x))
    assert first.tobytes() == again.tobytes()


FACTOR = 2.0


@device_function
def _scaled(x):
    return x * FACTOR


def _uses_it(out, x):
    out[cuda.grid(1)] = _scaled(x[cuda.grid(1)])


def _looks_the_same(out, x):
    out[cuda.grid(1)] = x[cuda.grid(1)] * 2.0


def test_key_of_the_cache_follows_everything_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(_uses_it, "float[::1], float[::1]")
    single, double = all_signatures(kernel)
    keys = [emulator_cache.digest(_uses_it, single, False), emulator_cache.digest(_uses_it, double, False)]
    keys.append(emulator_cache.digest(_uses_it, single, True))
    assert keys[0] == emulator_cache.digest(_uses_it, single, False)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    keys.append(emulator_cache.digest(_uses_it, single, False))
    keys.append(emulator_cache.digest(_looks_the_same, single, False))
    monkeypatch.setattr(emulator_cache.lowering, "check_version", lambda: "another")
    keys.append(emulator_cache.digest(_looks_the_same, single, False))
    assert len(set(keys)) == len(keys) and None not in keys
    monkeypatch.setitem(globals(), "FACTOR", object())
    assert emulator_cache.digest(_uses_it, single, False) is None
