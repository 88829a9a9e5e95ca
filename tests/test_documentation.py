"""What the documentation says is true: its code runs, the files it names exist, the rooms are laid out as it says."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad as mg
from alexnet.data import sources
from minigrad import profiling

ROOT = Path(__file__).parent.parent
CUDA = "minigrad/backends/cuda/"
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_code_in_the_readme_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:minigrad|alexnet|tests|docs)/[\w/.]*)`", README + CONTRIBUTING)))
)
def test_files_named_in_the_documentation_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("picture", re.findall(r"!\[.*?\]\((.*?)\)", README))
def test_pictures_of_the_readme_exist(picture: str) -> None:
    assert (ROOT / picture).is_file()


@pytest.mark.parametrize("module", [mg, sources, profiling])
def test_examples_in_docstrings(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted and not result.failed


def imported(path: Path) -> set[str]:
    """Names of the modules that a file imports when it is imported itself, and (marked) inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    inside = {node for function in functions for node in ast.walk(function)}
    names = set()
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        names |= {f"{name} (inside)" if node in inside else name for name in modules}
    return names


@pytest.mark.parametrize(
    "path", sorted((ROOT / "minigrad").rglob("*.py")) + sorted((ROOT / "alexnet").rglob("*.py")), ids=str
)
def test_imports_go_down(path: Path) -> None:
    room = path.relative_to(ROOT).as_posix()
    names = imported(path)
    assert not [name for name in names if name.endswith("(inside)")]
    if room.startswith("minigrad/"):
        assert not [name for name in names if name.startswith("alexnet")]
    if room.startswith("minigrad/ops/"):
        assert not [
            name for name in names if name.startswith(("numba", "numpy", "minigrad.tensor", "minigrad.backends"))
        ]
    if room.startswith("minigrad/backends/"):
        allowed = ("backends", "compilation", "device", "display", "random")
        assert not [name for name in names if name.startswith("minigrad.") and name.split(".")[1] not in allowed]
    if room.startswith("alexnet/"):
        assert not [name for name in names if name.startswith("minigrad.backends")]
    if room.startswith(CUDA) and not room.endswith(("/launch.py", "/driver.py", "/__init__.py")):
        # no family knows what runs it; what runs kernels knows no family, and the hardware no emulator
        others = {"runtime": ["runtime"], "emulator": ["runtime", "emulator"]}.get(path.parent.name)
        rooms = {name.split(".")[3] for name in names if name.startswith("minigrad.backends.cuda.")}
        assert rooms <= set(others) if others else not rooms & {"runtime", "emulator"}


def test_importing_the_engine_compiles_and_loads_no_kernels() -> None:
    program = "import sys, minigrad; print('numba' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
