"""What all tests share: Hypothesis' profile, the devices to run on, and a cache folder of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest

import minigrad as mg
from minigrad.folders import cache_folder

pytest.register_assert_rewrite("checks", "alexnet_checks", "layer_checks", "parity")

_settings = hypothesis.settings(
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("minigrad", _settings, derandomize=True, max_examples=25)
# A long look with new examples: pytest --hypothesis-profile thorough
hypothesis.settings.register_profile("thorough", _settings, derandomize=False, max_examples=400)
hypothesis.settings.load_profile("minigrad")

# Real GPUs or emulated ones, whichever this process has; with -m gpu real ones only.
FAST_DEVICES = [
    "cpu:0",
    pytest.param("cuda:0", marks=pytest.mark.skipif(find_spec("numba_cuda") is None, reason="no numba-cuda here")),
    pytest.param("cuda:0 hardware", marks=pytest.mark.gpu),
]


def _name(request: pytest.FixtureRequest) -> str:
    name, _, kind = request.param.partition(" ")
    if kind:
        request.getfixturevalue("gpu")
    return str(name)


@pytest.fixture(params=[*FAST_DEVICES, "reference:0"], scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The name of each device on which every operation must give the same values and gradients."""
    return _name(request)


@pytest.fixture(params=FAST_DEVICES, scope="session")
def fast_device(request: pytest.FixtureRequest) -> str:
    """The name of each device that is held against the reference, which is not among them."""
    return _name(request)


@pytest.fixture(scope="session")
def gpu() -> None:
    """Skips where the first CUDA device is no real GPU."""
    if ("cuda:0", "hardware") not in [(str(info.device), info.kind) for info in mg.devices()]:
        pytest.skip("there is no CUDA GPU here")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is measured on data goes into a folder of the tests' own; compiled code, which takes minutes, does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR") or str(cache_folder()))
        for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
            patch.setenv(name, str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder that no other test has seen, for compiled code too; where minigrad's own things go in it."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return cache_folder()


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random numbers, whichever tests ran before it."""
    mg.manual_seed(0)
