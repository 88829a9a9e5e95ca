"""The house is laid out as CONTRIBUTING says: its list of rooms is the order in which imports go."""

from __future__ import annotations

import ast
import graphlib
import importlib
import inspect
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

(LIST,) = re.findall(r"```rooms\n(.*?)```", CONTRIBUTING, re.DOTALL)
RANKS = {room: rank for rank, line in enumerate(LIST.splitlines()) for room in line.split()}

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("minigrad", "alexnet")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def room(module: str) -> str:
    """The most particular entry of the list that a module belongs to."""
    rooms = [entry for entry in RANKS if f"{module}.".startswith(f"{entry}.")]
    assert rooms, f"CONTRIBUTING lists no room for {module}"
    return max(rooms, key=len)


@cache
def imported(module: str) -> tuple[set[str], set[str]]:
    """What a module imports when it is imported itself, and what inside functions. What types alone need is not in."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    skipped = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for_types = {inner for node in skipped for inner in ast.walk(node)}
    inside = {inner for node in functions for inner in ast.walk(node)}
    outer_names: set[str] = set()
    inner_names: set[str] = set()
    for node in set(ast.walk(tree)) - for_types:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports by a relative name"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in full]
        (inner_names if node in inside else outer_names).update(names)
    return outer_names, inner_names


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_the_list(module: str) -> None:
    outer, inner = imported(module)
    assert not inner, "an import inside a function hides where it goes"
    here = room(module)
    for name in outer & MODULES.keys():
        assert RANKS[here] < RANKS[room(name)] or room(name) == here, f"{module} imports {name}, which is not below it"


def test_no_room_imports_in_a_circle() -> None:
    graph = {module: imported(module)[0] & MODULES.keys() - {module} for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()


def test_the_list_names_nothing_else() -> None:
    assert all(any(f"{module}.".startswith(f"{entry}.") for module in MODULES) for entry in RANKS)


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("minigrad.ops.")])
def test_operations_know_arrays_alone(module: str) -> None:
    assert not [name for name in imported(module)[0] if name.split(".")[0] in ("numpy", "numba")]


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("alexnet")])
def test_the_paper_knows_no_backend(module: str) -> None:
    assert not [name for name in imported(module)[0] if name.startswith("minigrad.backends")]


FAMILIES = re.compile(r"minigrad\.backends\.cuda\.(?!launch$|driver$)[a-z_]+")


@pytest.mark.parametrize(
    "module", [name for name in MODULES if FAMILIES.fullmatch(name) and "__init__" not in str(MODULES[name])]
)
def test_a_reader_of_kernels_meets_no_machinery(module: str) -> None:
    hidden = ("minigrad.backends.cuda.runtime", "minigrad.backends.cuda.emulator")
    assert not [name for name in imported(module)[0] if name.startswith(hidden)]


def test_importing_the_engine_compiles_and_loads_no_kernels() -> None:
    program = "import sys, minigrad; print('numba' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


@pytest.mark.parametrize("module", [name for name in MODULES if "." in name and ".backends." not in name])
def test_no_module_has_the_name_of_what_its_package_exports(module: str) -> None:
    """`import minigrad.x as x` gives the attribute x of the package, whatever it is."""
    package, _, name = module.rpartition(".")
    exported = getattr(importlib.import_module(package), name, None)
    assert exported is None or inspect.ismodule(exported)
