"""Whether there is a GPU, in PyTorch's words."""

from __future__ import annotations

from minigrad.arrays import devices

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether a device "cuda" is a GPU: emulated ones, of which there are always some, do not count."""
    return any(info.device.type == "cuda" and info.kind == "hardware" for info in devices())
