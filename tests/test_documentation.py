"""What the documentation says is true: its code runs, and the files that it names exist."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import minigrad as mg
from alexnet.data import sources
from minigrad import profiling

ROOT = Path(__file__).parent.parent
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
