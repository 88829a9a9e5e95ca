"""A program that prints a digest of the results of every primitive and of short trainings: the same in every process.

    python tests/digests.py [reversed] cpu:0 cuda:0

With `reversed`, another network is trained first, and the primitives come in reverse order: other loops are compiled,
or loaded, before them.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from parity import CASES, larger, on
from training_runs import run, state_of

import minigrad as mg
from minigrad.arrays import Device, DeviceArray


def bits(result: Any) -> bytes:
    """The elements of what a primitive gives."""
    arrays = result if isinstance(result, tuple) else (result,)
    return b"".join(
        each.device.backend.to_host(each).tobytes() if isinstance(each, DeviceArray) else each for each in arrays
    )


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def training(*arguments: object) -> str:
    """The digest of the checkpoint of some steps."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        assert run("--seed", 1, "--steps", 5, "--batch-size", 16, "--out", out, *arguments) == 0
        return digest(b"".join(array.tobytes() for _, array in sorted(state_of(out).items())))


def digests(devices: list[Device], backwards: bool) -> dict[str, str]:
    """The digest of each scenario by its name, made in that order or in reverse."""
    scenarios = [
        (f"{name} {np.dtype(dtype)} {number}", dtype, name, arguments)
        for name, cases in CASES.items()
        for number, arguments in enumerate(cases())
        for dtype in (np.float32, np.float64)
    ]
    scenarios += [(f"{name} larger {number}", np.float32, name, case) for number, (name, case) in enumerate(larger())]
    result = {}
    for device in devices:
        for scenario, dtype, name, arguments in scenarios[::-1] if backwards else scenarios:
            made = getattr(device.backend, name)(*(on(each, device, dtype) for each in arguments))
            result[f"{device} {scenario}"] = digest(bits(made))
    return result


def main(words: list[str]) -> None:
    """Print the digests as JSON, after what else is printed."""
    devices = [mg.device(word) for word in words if ":" in word]
    if "reversed" in words:
        training("--devices", devices[0], "--set", "network_options.width=0.125")
    result = digests(devices, "reversed" in words)
    print(json.dumps(result | {f"training on {device}": training("--devices", device) for device in devices}))


if __name__ == "__main__":
    main(sys.argv[1:])
