"""The rooms of alexnet: imports go down only, and nothing but the doors knows of command lines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "alexnet"
DOORS = ("train", "evaluate", "predict", "prepare", "__main__")
# top to bottom
ROOMS = (
    *DOORS,
    "run",
    "inference",
    "recipes",
    "model",
    "cuda_convnet",
    "data",
    "figures",
    "cli",
    "scores",
    "terminal",
    "files",
)
DATA = (
    "sources",
    "loader",
    "store",
    "reading",
    "rescaling",
    "augmentation",
    "statistics",
    "sets",
    "formats",
    "keyed",
    "ahead",
    "splits",
)


def imported(path: Path) -> list[str]:
    """The modules that a file imports, or the names where they come from a package."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [
        f"{node.module}.{alias.name}" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    return names + [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path: Path) -> None:
    room, *more = path.relative_to(PACKAGE).with_suffix("").parts
    names = [name.split(".")[1:] for name in imported(path) if name.startswith("alexnet.")]
    if room == "__init__":
        assert not names
        return
    below = ROOMS[len(DOORS) if room in DOORS else ROOMS.index(room) :]
    if room in DOORS or more == ["__main__"]:
        below = (*below, "cli")
    elif room != "cli":
        below = tuple(each for each in below if each != "cli")
    assert not [name for name in names if name[0] not in below]
    if room == "data" and more[0] != "__init__":
        below = DATA[DATA.index(more[0]) :]
        assert not [name for name in names if name[0] == "data" and name[1] not in below]
