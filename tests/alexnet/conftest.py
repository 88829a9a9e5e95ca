"""Pictures to train on for a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes, dark and bright, 12 training and 4 validation pictures each."""
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 4)):
        for name, light in (("dark", 60), ("bright", 190)):
            folder = tmp_path / "pictures" / split / name
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = np.clip(random.normal(light, 30, (40, 50, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "pictures"
