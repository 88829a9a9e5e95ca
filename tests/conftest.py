"""What all tests share: Hypothesis' profile and the devices to run on."""

from __future__ import annotations

from importlib.util import find_spec

import hypothesis
import pytest

import minigrad as mg

pytest.register_assert_rewrite("checks", "parity")

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
DEVICES = [
    "cpu:0",
    pytest.param("cuda:0", marks=pytest.mark.skipif(find_spec("numba_cuda") is None, reason="no numba-cuda here")),
    pytest.param("cuda:0 hardware", marks=pytest.mark.gpu),
]


@pytest.fixture(params=DEVICES, scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The name of each device on which every operation must give the same values and gradients."""
    name, _, kind = request.param.partition(" ")
    if kind:
        request.getfixturevalue("gpu")
    return name


@pytest.fixture(scope="session")
def gpu() -> None:
    """Skips where the first CUDA device is no real GPU."""
    if ("cuda:0", "hardware") not in [(str(info.device), info.kind) for info in mg.devices()]:
        pytest.skip("there is no CUDA GPU here")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random numbers, whichever tests ran before it."""
    mg.manual_seed(0)
