"""What docs/pytorch.md says is true: both columns of its table compute the same, and what differs, differs so."""

from __future__ import annotations

import ast
import copy
import math
import re
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "pytorch.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)

# They need a GPU or a compiler.
NOT_RUN = ("x.cuda()", "net.cuda()", "torch.compile(net)")


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=[theirs for theirs, _ in ROWS])
def test_a_row_is_true(theirs: str, ours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numbers are drawn, shapes are compared, else values; left out is what has no code here."""
    monkeypatch.chdir(tmp_path)
    here = results(ours, "minigrad")
    assert here or "left out" in ours
    if not find_spec("torch"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = results(theirs, "torch")
    if len(here) != len(there):  # several lines there are one here, or the other way round
        here, there = here[-1:], there[-1:]
    drawn = "rand" in ours or "empty" in theirs
    for one, other in zip(here, there, strict=False):
        one, other = (value[0] if isinstance(value, list) and value else value for value in (one, other))
        if hasattr(one, "numpy") and hasattr(other, "numpy"):
            assert tuple(one.shape) == tuple(other.shape)
            if not drawn:
                np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-4, atol=1e-5)


# What the page says is computed or shared differently: a program, what its last line gives here, and in PyTorch
DIFFERENT = {
    "x = T.tensor([2.0, 2.0], requires_grad=True); x.max().backward(); x.grad.tolist()": ([1, 0], [0.5, 0.5]),
    "x = T.tensor([2.0, 2.0], requires_grad=True); x.max(0).values.backward(); x.grad.tolist()": ([1, 0], [1, 0]),
    "((T.tensor([1.0, 2.0]) > 1) - 1).tolist()": ([-1, 0], RuntimeError),
    "str(T.tensor([np.float64(1)]).dtype)": ("float32", "torch.float64"),
    "T.ones(2, 3).sum(()).numel()": (6, 1),
    "w = T.ones(1, requires_grad=True); s = T.optim.SGD([w], 1); w.sum().backward(); w.requires_grad = False; "
    "s.step(); w.item()": (1, 0),
    "n = T.nn.Linear(1, 1); n.weight.sum().backward(); copy.deepcopy(n).weight.grad is None": (False, True),
    "T.nn.Conv2d(1, 6, 5).stride": (1, (1, 1)),
    "x = T.zeros(2); y = x.view(2); y += 1; x.tolist()": ([1, 1], [1, 1]),
    "x = T.zeros(2); x.view(2) is x": (True, False),
    "w = T.ones(1, requires_grad=True); y = w * w; w.data *= 3; y.backward(); w.grad.item()": (2, 6),
    "np.exp(T.zeros(1)).item()": (TypeError, 1),
    "(T.ones(1) + np.ones(1)).item()": (TypeError, 2),
    "T.arange(3)[::-1].tolist()": ([2, 1, 0], ValueError),
    "x = T.ones(1, requires_grad=True); y = x + 2; y.backward(); y.backward(); x.grad.item()": (RuntimeError, 2),
    "x = T.zeros(2); y = x[1:]; y += 1; x.tolist()": ([0, 0], [0, 1]),
    "x = T.zeros(2); y = x.view(2, 1); y += 1; x.tolist()": ([0, 0], [1, 1]),
    "x = T.zeros(2); y = x.detach(); y += 1; x.tolist()": ([0, 0], [1, 1]),
    "x = T.zeros(2); y = x.numpy(); y += 1; x.tolist()": ([0, 0], [1, 1]),
    "x = T.zeros(2); d = x.data; d += 1; x.tolist()": ([1, 1], [1, 1]),
    "x = T.zeros(2); d = x.data; x.data = T.ones(2); d.tolist()": ([1, 1], [0, 0]),
    "T.ones(2, requires_grad=True).numpy().tolist()": ([1, 1], RuntimeError),
    "T.ones(2, 3).T.view(-1).tolist()": ([1] * 6, RuntimeError),
    "x = T.ones(1, requires_grad=True); y = x.exp(); y += 1; y.backward(); int(x.grad)": (2, RuntimeError),
    "n = T.nn.Linear(1, 1); s = n.state_dict(); n.weight.data.zero_(); s['weight'].item() == 0": (False, True),
    "x = T.ones(1); x.foo = 1; x.foo": (AttributeError, 1),
    "copy.deepcopy(T.ones(1, requires_grad=True) * 2)": (RuntimeError, RuntimeError),
    "T.nn.functional.mse_loss(T.zeros(2, 1), T.zeros(2)).item()": (ValueError, 0),
    "T.cat([T.zeros(1), T.zeros(1, dtype=T.int64)]).tolist()": (TypeError, [0, 0]),
    "tuple(T.zeros(2, 3, 4).T.shape)": (RuntimeError, (4, 3, 2)),
    "(T.tensor([1, 2]) & T.tensor([3, 3])).tolist()": (TypeError, [1, 2]),
    "T.zeros(2).reshape(3)": (ValueError, RuntimeError),
    "T.zeros(2, dtype=T.float64) @ T.zeros(2)": (TypeError, RuntimeError),
    "T.nn.Linear(1, 1).load_state_dict({})": (KeyError, RuntimeError),
    "str(T.zeros(1).device), str(T.float32), T.float32 == np.float32": (
        ("cpu:0", "float32", True),
        ("cpu", "torch.float32", False),
    ),
}


@pytest.mark.parametrize("program", DIFFERENT)
def test_differences_are_as_they_are_told(program: str) -> None:
    for library, told in zip(("minigrad", "torch"), DIFFERENT[program], strict=True):
        if not find_spec(library):
            continue
        *lines, last = program.split("; ")
        known = {"T": import_module(library), "np": np, "copy": copy}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(told, type):
                with pytest.raises(told):
                    exec("\n".join([*lines, last]), known)
            else:
                exec("\n".join(lines), known)
                assert eval(last, known) == told


def results(cell: str, library: str) -> list[Any]:
    """What the code of a cell gives: values, and of statements what they assign."""
    known, values = variables(library), []
    for code in re.findall("`([^`]+)`", cell):
        if code in NOT_RUN:
            continue
        statement = ast.parse(code).body[0]
        code = code.replace('"cuda"', '"cpu:1"')
        if isinstance(statement, ast.Expr):
            values.append(eval(code, known))
        else:
            exec(code, known)
            values.append(known.get(assigned(statement)))
    return values


def assigned(statement: ast.stmt) -> str:
    """The name of what an assignment changes; nobody's, of other statements."""
    target: Any = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else ""


def variables(library: str) -> dict[str, Any]:
    T, rng = import_module(library), np.random.default_rng(0)
    known: dict[str, Any] = {"math": math, "np": np, "mg": T, "torch": T, "nn": T.nn, "F": T.nn.functional, "d": "cpu"}
    import_module(f"{library}.nn.functional")
    for name, shape in {"x": (3, 4), "y": (3, 4), "a": (4,), "b": (3, 2, 4), "c": (3, 4, 5), "p": (3, 4)}.items():
        numbers = rng.uniform(0.1, 0.9, shape) if name == "p" else rng.standard_normal(shape)
        known[name] = T.tensor(numbers.astype(np.float32))
    net = T.nn.Linear(4, 2)
    net.weight.data = T.tensor(rng.standard_normal((2, 4)).astype(np.float32))
    net(known["x"]).sum().backward()
    known |= {"n": rng.standard_normal(3), "t": T.tensor([2, 0, 1]), "net": net}
    return known | {"sgd": T.optim.SGD(net.parameters(), lr=0.1)}
