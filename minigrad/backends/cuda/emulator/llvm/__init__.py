"""The parts of the emulator that are written in LLVM's language, each in a file of its own."""

from __future__ import annotations

from pathlib import Path
from string import Template

__all__ = ["text"]


def text(name: str, **parts: str) -> str:
    """The text of `name`.ll, with each part where the text says $ and its name."""
    return Template((Path(__file__).parent / f"{name}.ll").read_text(encoding="utf-8")).substitute(parts)
