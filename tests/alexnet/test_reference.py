"""The whole command on the device that computes by definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from training_runs import cifar, state_of


def test_training_on_the_reference_follows_the_cpu(tmp_path: Path, pictures: Path) -> None:
    """A program runs on it unchanged; with its numbers, its random ones among them, but for rounding."""
    for device in ("reference:0", "cpu:0"):
        assert cifar(pictures, "--devices", device, "--steps", 3, "--out", tmp_path / device[:3]) == 0
    found, expected = state_of(tmp_path / "ref"), state_of(tmp_path / "cpu")
    assert found.keys() == expected.keys()
    weights = [name for name, value in expected.items() if value.dtype == np.float32]
    assert weights
    for name in weights:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5, err_msg=name)
