"""Programs in PyTorch's words (tests/idioms), run under minigrad and, where it is installed, under PyTorch.

The word minigrad is all that is changed in a program, into torch. What it prints must be the same, and so must all that
its names hold in the end: tensors, their gradients, the weights of modules, numbers, texts, shapes and dtypes.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad as mg

PROGRAMS = sorted((Path(__file__).parent / "idioms").glob("*.py"))

# Both libraries sum float32 in orders of their own. That is a relative 1e-7 in one sum, and what some dozens of steps
# of training make of it stays below this; a rule that differs shows in the first three digits.
RELATIVE, ABSOLUTE = 2e-4, 2e-5
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|nan|inf")


@pytest.mark.parametrize("program", PROGRAMS, ids=[program.stem for program in PROGRAMS])
def test_a_program_gives_the_same_numbers_as_under_pytorch(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # for what it saves
    ours = run(program, "minigrad"), capsys.readouterr().out
    if find_spec("torch"):
        theirs = run(program, "torch"), capsys.readouterr().out
        assert list(ours[0]) == list(theirs[0])
        differences = list(compared(program.stem, ours, theirs))
        assert not differences, "\n".join(differences)


def test_what_is_not_the_same_is_told() -> None:
    """Numbers, shapes, dtypes, types, flags, gradients and texts that differ are found; what float32 rounds is not."""
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    no_gradient = mg.tensor([1.0, 2.0], requires_grad=True)
    others = [x.detach(), x.reshape(1, 2), x.to(np.float64), x * 1.001, no_gradient]
    assert all(list(compared("x", plain(x), plain(other))) for other in others)
    for value, other in ((1, 1.0), (1, True), (1, 2), (0.1, 0.1001), ("a 1.0", "b 1.0"), ("1.0", "1.1"), ([1], [1, 1])):
        assert list(compared("value", plain(value), plain(other))), (value, other)
    for value, other in ((0.1, 0.100001), ("loss 0.12345", "loss 0.12346"), (x, x), ((1, 2), [1, 2])):
        assert not list(compared("value", plain(value), plain(other))), (value, other)


def run(program: Path, library: str) -> dict[str, Any]:
    """The names that a program leaves behind, and what they hold in plain Python and NumPy."""
    source = program.read_text(encoding="utf-8").replace("minigrad", library)
    names: dict[str, Any] = {"__name__": program.stem}
    exec(compile(source, f"{program.stem}.py under {library}", "exec"), names)
    return {name: plain(value) for name, value in names.items() if not (name.startswith("__") or is_means(value))}


def is_means(value: Any) -> bool:
    """Whether a program computes with this, and it is not compared: a function, a class, an optimizer, a device.

    The groups of an optimizer are settings, of which each library has its own.
    """
    return (
        isinstance(value, (type, types.ModuleType, np.random.Generator))
        or (callable(value) and not hasattr(value, "state_dict"))
        or hasattr(value, "param_groups")
        or (isinstance(value, dict) and "params" in value)
        or type(value).__name__ in ("device", "Device")
    )


def plain(value: Any) -> Any:
    """A value without the library that made it."""
    if hasattr(value, "state_dict"):
        return {name: plain(parameter) for name, parameter in value.named_parameters()}
    if hasattr(value, "requires_grad"):
        gradient = plain(value.grad) if value.requires_grad and value.grad_fn is None else None
        return {"array": np.asarray(value.detach().cpu()), "recorded": value.requires_grad, "gradient": gradient}
    if isinstance(value, (np.ndarray, np.generic)):
        return {"array": np.asarray(value), "recorded": False, "gradient": None}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if type(value).__name__ == "dtype" or isinstance(value, np.dtype):
        return f"dtype {str(value).removeprefix('torch.')}"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"how is a {type(value).__name__} compared?")


def compared(path: str, ours: Any, theirs: Any) -> Iterator[str]:
    """A sentence for each difference between two values that `plain` gave."""
    if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            yield f"{path}: {ours.dtype} of shape {ours.shape}, not {theirs.dtype} of shape {theirs.shape}"
        elif not alike(ours, theirs):
            yield f"{path}: {ours}, not {theirs}"
    elif type(ours) is not type(theirs):
        yield f"{path}: {ours!r}, not {theirs!r}"
    elif isinstance(ours, dict) and ours.keys() == theirs.keys():
        for key in ours:
            yield from compared(f"{path}[{key!r}]", ours[key], theirs[key])
    elif isinstance(ours, (list, tuple)) and len(ours) == len(theirs):
        for at, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from compared(f"{path}[{at}]", one, other)
    elif isinstance(ours, str) and NUMBER.sub("#", ours) == NUMBER.sub("#", theirs):
        numbers = ([float(number) for number in NUMBER.findall(text)] for text in (ours, theirs))
        if not np.allclose(*numbers, rtol=1e-3, atol=1e-4, equal_nan=True):  # the last digit may be rounded either way
            yield f"{path}: {ours!r}, not {theirs!r}"
    elif not (alike(ours, theirs) if isinstance(ours, float) else ours == theirs):
        yield f"{path}: {ours!r}, not {theirs!r}"


def alike(ours: Any, theirs: Any) -> bool:
    """Whether numbers agree: floating-point ones within the tolerance, integers and booleans exactly."""
    if np.asarray(ours).dtype.kind != "f":
        return bool(np.array_equal(ours, theirs))
    return np.allclose(ours, theirs, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
