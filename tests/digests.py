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
from parity import CASES, Last, on, signed
from training_runs import run, state_of

import minigrad as mg
from minigrad.device import Device, DeviceArray

# Sizes at which the CPU takes its other algorithms: images, weight, stride, padding, groups.
LARGER = [
    ((32, 16, 13, 13), (32, 16, 3, 3), (1, 1), (1, 1, 1, 1), 1),
    ((33, 32, 12, 12), (64, 16, 5, 5), (1, 1), (2, 2, 2, 2), 2),
    ((16, 3, 67, 67), (24, 3, 11, 11), (4, 4), (0, 0, 0, 0), 1),
    ((2, 16, 13, 13), (40, 16, 3, 3), (1, 1), (1, 1, 1, 1), 1),
]


def larger() -> list[tuple[str, tuple[Any, ...]]]:
    """Primitives and arguments in sizes of networks."""
    scenarios: list[tuple[str, tuple[Any, ...]]] = []
    for number, (shape, weight, stride, padding, groups) in enumerate(LARGER):
        x, w, bias = signed(*shape, seed=number), signed(*weight, seed=1), signed(weight[0], seed=2)
        y = mg.functional.conv2d(mg.tensor(x), mg.tensor(w), None, stride, padding, groups)
        dy, geometry = signed(*y.shape, seed=3), (stride, padding, groups)
        scenarios += [
            ("conv2d", (x, w, bias, *geometry, True)),
            ("conv2d_grad_input", (Last(dy), w, shape, *geometry)),
            ("conv2d_grad_weight", (Last(dy), Last(x), weight, *geometry)),
            ("relu_bias_grad", (Last(dy), Last(dy.round(0)))),
        ]
    many, maps = signed(64, 100_000), signed(32, 48, 13, 13)
    return [
        *scenarios,
        ("linear", (signed(1, 9001), signed(50, 9001, seed=1), signed(50))),
        ("local_response_norm", (Last(maps), 5, 1.0, 0.75, 2.0)),
        ("local_response_norm_grad", (Last(maps), Last(maps[::-1]), 5, 1.0, 0.75, 2.0)),
        ("dropout", (Last(maps), 0.5, 2.0, 3, 4)),
        ("sum", (many, (1,), False)),
        ("softmax", (many, 1)),
        ("sgd_update", (many, many[::-1], signed(64, 100_000, seed=5), 0.01, 0.9, 0.0005)),
    ]


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
