"""Emulated GPUs for the tests here; nothing is collected where numba-cuda is not installed."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import pytest

collect_ignore_glob = ["*test_*.py"] if find_spec("numba_cuda") is None else []


def _use(name: str, made: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A driver in the place of this machine's; loaded here, since it cannot be under Numba's simulator."""
    module = importlib.import_module(f"minigrad.backends.cuda.{name}")
    return importlib.import_module("emulation").use(getattr(module, made)(), monkeypatch)


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fresh emulated driver in the place of this machine's."""
    for name in ("MINIGRAD_CUDA_SCHEDULE", "MINIGRAD_CUDA_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return _use("emulator.driver", "EmulatedDriver", monkeypatch)


@pytest.fixture(params=["forward", "reverse"])
def schedule(request: pytest.FixtureRequest, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Threads and blocks in order, and in reverse."""
    monkeypatch.setenv("MINIGRAD_CUDA_SCHEDULE", request.param)
    _use("emulator.driver", "EmulatedDriver", monkeypatch)
    return str(request.param)


@pytest.fixture
def checked(emulated: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The checked mode, which runs both ways."""
    return _use("emulator.checked", "CheckedDriver", monkeypatch)
