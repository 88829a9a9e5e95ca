"""Whether there is a GPU, in PyTorch's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.arrays import devices
from minigrad.not_offered import in_module

__all__ = ["is_available"]

if not TYPE_CHECKING:  # to a type checker, what is not offered is not there
    __getattr__ = in_module(__name__, "mg.cuda")


def is_available() -> bool:
    """Whether a device "cuda" is a GPU: emulated ones, of which there are always some, do not count."""
    return any(info.device.type == "cuda" and info.kind == "hardware" for info in devices())
