"""What a run's checkpoint holds. The names of its arrays are written down here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

__all__ = ["GENERATOR", "LOG_BYTES", "MODEL", "PROGRESS", "RUN", "STATISTICS", "VELOCITY", "part", "under"]

MODEL = "model/"  # followed by the path of a parameter
VELOCITY = "velocity/"  # followed by its number in the optimizer
PROGRESS = "progress/"  # followed by a field of Progress
STATISTICS = "statistics/"  # followed by an array of Statistics
GENERATOR = "generator"  # of random numbers: seed and counter, int64 (2,)
RUN = "run"  # recipe and seed, as text
LOG_BYTES = "log_bytes"  # how long log.jsonl was

Value = TypeVar("Value")


def under(prefix: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Values by names that begin with a prefix."""
    return {prefix + name: value for name, value in values.items()}


def part(state: Mapping[str, Value], prefix: str) -> dict[str, Value]:
    """What `under` has put there."""
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
