"""Every page of the walk through the paper runs from the top and says what it was kept with; its exercises can be done.

The conventions that pages follow are in notebooks/README.md.
"""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "notebooks").glob("*.ipynb"))
TAGS = {"exercise", "check", "solution", "timing", "varies"}
NOT_COMPARED = {"timing", "varies"}
MOST_BYTES = 1_000_000
SECONDS = 300  # for one cell: a page takes two minutes at most, but machines may be slow or busy

SOLUTION = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.DOTALL)
NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d*)?(?:e[-+]?\d+)?")
PLACES = re.compile(r"(?:^|[\s'\"(])(?:/(?:home|tmp|root|opt|usr|Users|work|private|var)/|[A-Z]:\\)")
QUIET = ["--IPKernelApp.log_level=ERROR"]  # newer kernels warn that they talk over TCP, as they do on every machine
WIDGET = "application/vnd.jupyter.widget-view+json"  # a progress bar: it lives, and is not kept

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def tags(cell: Any) -> set[str]:
    return set(cell.metadata.get("tags", []))


def streams(cell: Any, name: str) -> str:
    return "".join(out.text for out in cell.outputs if out.output_type == "stream" and out.name == name)


def said(cell: Any) -> str:
    """What a cell says in words: what it printed and what its results are as text."""
    results = [out.data.get("text/plain", "") for out in cell.outputs if "data" in out and WIDGET not in out.data]
    return "\n".join([streams(cell, "stdout"), *results])


def same(kept: str, fresh: str) -> bool:
    """Equal words, and numbers equal to a thousandth or to one in the last digit that is shown."""
    if NUMBER.sub("#", kept) != NUMBER.sub("#", fresh):
        return False
    pairs = zip(NUMBER.findall(kept), NUMBER.findall(fresh), strict=True)
    return all(abs(number(a) - number(b)) <= max(1e-3 * abs(number(a)), 1.01 * last_digit(a)) for a, b in pairs)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def last_digit(text: str) -> float:
    """What one in the last digit is worth: 0 for whole numbers, which are counts."""
    mantissa, _, exponent = text.partition("e")
    _, point, decimals = mantissa.partition(".")
    return 10.0 ** (int(exponent or 0) - len(decimals)) if point or exponent else 0.0


def test_numbers_are_compared_as_they_are_shown() -> None:
    assert same("loss 2.302, 10 maps", "loss 2.303, 10 maps")
    assert same("60,965,224", "60,965,224") and same("1.21e-07", "1.2e-07")
    assert not same("loss 2.302", "loss 2.312") and not same("10 maps", "11 maps") and not same("10 maps", "10 units")


@each_page
def test_page_is_kept_clean_with_its_outputs(path: Path) -> None:
    page = read(path)
    assert path.stat().st_size < MOST_BYTES
    assert set(page.metadata) <= {"kernelspec", "language_info"}
    code = [cell for cell in page.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    for cell in page.cells:
        assert set(cell.metadata) <= {"tags"} and tags(cell) <= TAGS
    for cell in code:
        assert not [out for out in cell.outputs if out.output_type == "error"]
        assert not streams(cell, "stderr")  # warnings, which Jupyter shows in red
        assert not PLACES.search(said(cell))


@each_page
def test_exercises_come_with_a_check_and_a_solution(path: Path) -> None:
    cells = read(path).cells
    exercises = [at for at, cell in enumerate(cells) if "exercise" in tags(cell)]
    assert 2 <= len(exercises) <= 3
    assert sum(bool(tags(cell) & {"check", "solution"}) for cell in cells) == 2 * len(exercises)
    for at in exercises:
        exercise, check, solution = cells[at : at + 3]
        assert "..." in exercise.source
        assert "check" in tags(check) and said(check).startswith("Not yet")
        assert "solution" in tags(solution) and SOLUTION.search(solution.source)


def test_the_table_lists_the_pages() -> None:
    """Every page has its row: its question, the sections of the paper, and the minutes it takes."""
    readme = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| \[([\w-]+)\]\(([\w-]+\.ipynb)\) \| (.+?) \| (.+?) \| (\d+) \|$", re.MULTILINE)
    rows = row.findall(readme)
    assert [link for _, link, *_ in rows] == [path.name for path in PAGES]
    assert [name[:2] for name, *_ in rows] == [f"{number:02d}" for number in range(1, 13)]
    for (name, link, question, sections, minutes), path in zip(rows, PAGES, strict=True):
        assert link == f"{name}.ipynb"
        assert read(path).cells[0].source.splitlines()[0] == f"# {question}"
        assert sections == "(before it)" or re.fullmatch(r"\d(\.\d)?(, \d(\.\d)?)*", sections), name
        assert 1 <= int(minutes) <= 2, name


@each_page
def test_page_asks_draws_and_goes_on(path: Path) -> None:
    """The question first; pictures; at the end what to try, and the way to the next page."""
    cells = read(path).cells
    assert cells[0].cell_type == cells[-1].cell_type == "markdown" and cells[0].source.startswith("# ")
    kinds = [kind for cell in cells for out in cell.get("outputs", []) for kind in out.get("data", ())]
    assert kinds.count("image/png") + kinds.count("image/jpeg") >= 2
    following = [*(page.name for page in PAGES[1:]), "README.md"][PAGES.index(path)]
    assert "## What to try next" in cells[-1].source and f"]({following})" in cells[-1].source


@each_page
def test_page_uses_the_public_interface(path: Path) -> None:
    """What a page imports is in the module's __all__ or a module itself, and no private attribute is touched."""
    for cell in read(path).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_") or node.attr.endswith("__"), node.attr
            if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] not in ("minigrad", "alexnet"):
                continue
            module = importlib.import_module(node.module or "")
            for name in (alias.name for alias in node.names):
                assert "backends" not in f"{node.module}.{name}", name
                assert name in getattr(module, "__all__", ()) or (Path(module.__path__[0]) / f"{name}.py").exists(), (
                    name
                )


def with_solutions(page: Any) -> Any:
    """The page with each exercise done, and checked once more, right after its check."""
    cells = []
    for at, cell in enumerate(page.cells):
        cells.append(cell)
        if "check" in tags(cell):
            solution = SOLUTION.search(page.cells[at + 1].source)
            assert solution
            cells.append(nbformat.v4.new_code_cell(solution[1]))
            cells.append(nbformat.v4.new_code_cell(cell.source, metadata={"tags": ["solved"]}))
    return nbformat.v4.new_notebook(cells=cells, metadata=page.metadata)


@pytest.mark.notebooks
@pytest.mark.filterwarnings("default")  # what the Jupyter packages warn of is theirs
@each_page
def test_page_runs_and_says_what_it_was_kept_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    page = with_solutions(read(path))
    place = {"metadata": {"path": path.parent}}
    client = NotebookClient(page, timeout=SECONDS, kernel_name="python3", resources=place, extra_arguments=QUIET)
    client.execute()
    fresh = {cell.id: cell for cell in page.cells}
    for cell in read(path).cells:
        if cell.cell_type == "code":
            assert not streams(fresh[cell.id], "stderr"), cell.source
            assert tags(cell) & NOT_COMPARED or same(said(cell), said(fresh[cell.id])), cell.source
    for cell in page.cells:
        assert "solved" not in tags(cell) or said(cell).startswith("Right"), cell.source
