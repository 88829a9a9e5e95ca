"""What all tests share: Hypothesis' profile and the devices to run on."""

from __future__ import annotations

import hypothesis
import pytest

import minigrad as mg

pytest.register_assert_rewrite("checks")

_settings = hypothesis.settings(
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("minigrad", _settings, derandomize=True, max_examples=25)
# A long look with new examples: pytest --hypothesis-profile thorough
hypothesis.settings.register_profile("thorough", _settings, derandomize=False, max_examples=400)
hypothesis.settings.load_profile("minigrad")

DEVICES = ["cpu:0"]


@pytest.fixture(params=DEVICES, scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """The name of each device on which every operation must give the same values and gradients."""
    return request.param


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random numbers, whichever tests ran before it."""
    mg.manual_seed(0)
