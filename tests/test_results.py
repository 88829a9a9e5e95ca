"""Results that are kept: whole, and told in the README as they were measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alexnet.experiments import report
from alexnet.experiments.catalogue import EXPERIMENTS

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"
NAMES = sorted(folder.name for folder in RESULTS.iterdir() if folder.is_dir())
ROWS = re.findall(r"^\| `([a-z0-9-]+)` \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", (ROOT / "README.md").read_text(), re.M)


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_whole(name: str) -> None:
    """Of an experiment that there is, with its pictures and nothing else, and in the README's table."""
    result = report.kept(RESULTS, name)
    assert name in EXPERIMENTS and result is not None and result.findings
    assert {file.name for file in (RESULTS / name).iterdir()} == {"result.json", *result.pictures}
    assert any(row[0] == name for row in ROWS)


def test_the_readme_tells_what_was_measured() -> None:
    told = [row for row in ROWS if row[0] in NAMES]
    assert told
    for name, *cells in told:
        result = report.kept(RESULTS, name)
        assert result is not None
        assert cells in [[each.what, each.paper, each.measured, each.verdict] for each in result.findings], name
