"""im2col in many parts, which small images do not need."""

from __future__ import annotations

import numpy as np
import pytest
from parity import check_arguments, convolutions

NAMES = {"value": "conv2d", "input": "conv2d_grad_input", "weight": "conv2d_grad_weight"}


@pytest.mark.parametrize("workspace", [1, 500, 3000])
@pytest.mark.parametrize("kind", NAMES)
def test_convolution_through_a_small_workspace(workspace: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The columns made one position, a part of a row or a few rows at a time."""
    for name, value in (("WORKSPACE", workspace), ("LEAST_COLUMNS", 1), ("FEW_COLUMNS", 0)):
        monkeypatch.setattr(f"minigrad.backends.cpu.convolution.im2col.{name}", value)
    for arguments in convolutions(kind)[::2]:
        check_arguments(NAMES[kind], arguments, np.float64, "cpu:0")
