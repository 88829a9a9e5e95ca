"""What is kept of an experiment that was judged, and the page of all: one file of HTML, and Markdown."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import minigrad as mg
from alexnet import figures
from alexnet.experiments.catalogue import EXPERIMENTS, IMAGENET, NOT_RUN, TABLES
from alexnet.experiments.experiment import Experiment, Finding, Judgement, Runs, Table
from alexnet.experiments.timing import machine
from alexnet.files import whole
from alexnet.recipes.typed import read_dataclass
from alexnet.run.folder import RunError
from alexnet.terminal import counted, duration

__all__ = ["command", "keep", "kept", "summary", "write"]

RESULT = "result.json"
PICTURE = re.compile(r"[a-z0-9-]+\.png")
TITLE = "The claims of the paper"
HEAD = ("what", "the paper", "measured", "verdict")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 90%; display: block; overflow-x: auto }
td, th { border-bottom: 1px solid #ccc; padding: .3em .7em; text-align: left; vertical-align: top }
th { border-bottom: 2px solid #888 } img { max-width: 100% }
figure { margin: 1em 0 } caption, figcaption { text-align: left; font-style: italic }
pre { background: #f3f3f3; padding: .7em; overflow-x: auto }
"""


@dataclass(frozen=True)
class Result:
    """What is kept of an experiment.

    Attributes:
        name: its own.
        findings, tables: as they were judged.
        pictures: names of files beside.
        runs: how many have begun.
        seeds: that are measured; 0 where nothing is trained.
        seconds: of training in all runs.
        machine, version: that judged them.
    """

    name: str
    findings: Sequence[Finding]
    tables: Sequence[Table]
    pictures: Sequence[str]
    runs: int
    seeds: int
    seconds: float
    machine: str
    version: str


def keep(runs: Runs, judgement: Judgement) -> Result:
    """Write the result and the pictures of an experiment into its folder."""
    trials = runs.all_trials()
    result = Result(
        name=runs.experiment.name,
        findings=judgement.findings,
        tables=judgement.tables,
        pictures=[f"{name}.png" for name in judgement.figures],
        runs=sum(bool(trial.errors()) for trial in trials),
        seeds=runs.seeds if trials else 0,
        seconds=sum(trial.seconds() for trial in trials),
        machine=machine(),
        version=mg.__version__,
    )
    runs.place.mkdir(parents=True, exist_ok=True)
    for name, figure in judgement.figures.items():
        figures.save_figure(figure, runs.place / f"{name}.png")
    with whole(runs.place / RESULT) as beside:
        beside.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    return result


def kept(out: Path, name: str) -> Result | None:
    """What `keep` wrote of an experiment; None where it was not run.

    Raises:
        RunError: the file is damaged.
    """
    path = out / name / RESULT
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        lacking = {each.name for each in fields(Result)} - set(values)
        if lacking or not isinstance(values, dict):
            raise ValueError(f"it lacks {', '.join(sorted(lacking))}")
        result = read_dataclass(values, Result)
        if result.name != name:
            raise ValueError(f"it is of the experiment {result.name}")
        if any(PICTURE.fullmatch(picture) is None for picture in result.pictures):
            raise ValueError("a picture is not a file beside it")
        return result
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, RecursionError) as error:
        raise RunError(f"{path} is damaged ({error}); remove it and run the experiment again") from error


def command(experiment: Experiment) -> str:
    """What runs it."""
    own = " --data DIR" if experiment.brings_no_data else ""
    return f"python -m alexnet.experiments {experiment.name}{own}"


def summary(result: Result) -> str:
    """The findings as lines of text."""
    lines = [f"{each.what}: {each.measured} (paper: {each.paper}): {each.verdict}" for each in result.findings]
    return "\n".join(lines or ["nothing can be said yet: no trial that is measured is at its end"])


def write(out: Path) -> list[Path]:
    """Write report.html and report.md of all that was run in a folder; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    results = {name: kept(out, name) for name in EXPERIMENTS}
    blocks = _page(out, results)
    written = []
    for name, page in (("report.html", _html(blocks)), ("report.md", _markdown(blocks, out))):
        with whole(out / name) as beside:
            beside.write_text(page, encoding="utf-8")
        written.append(out / name)
    return written


@dataclass(frozen=True)
class Text:
    """A heading ("h1", "h2"), a paragraph ("p") or lines of a program ("pre")."""

    kind: str
    text: str


Block = Text | Table | Path  # of which a page consists; a path is that of a picture


def _page(out: Path, results: dict[str, Result | None]) -> list[Block]:
    """All that there is to say, in order: the findings together, then each experiment, then ImageNet."""
    rows = [(name, *row) for name, result in results.items() for row in _rows(result, EXPERIMENTS[name])]
    blocks: list[Block] = [Text("h1", TITLE), Table("", ("experiment", *HEAD), rows)]
    for name, result in results.items():
        experiment = EXPERIMENTS[name]
        blocks += [
            Text("h2", f"{name}: {experiment.claim}"),
            Text("p", f"Section {experiment.section}. {experiment.paper}"),
            Text("pre", command(experiment)),
        ]
        if result is not None:
            blocks += [
                *(out / name / picture for picture in result.pictures),
                *(table for table in result.tables if table.rows),
            ]
            blocks.append(Text("p", _cost(result)))
    blocks += [Text("h2", "What only ImageNet answers"), *TABLES]
    for each in IMAGENET:
        blocks.append(Text("p", f"{each.claim} (section {each.section}): {each.paper}; {NOT_RUN}."))
        blocks.append(Text("pre", "\n".join(each.commands)))
    return blocks


def _rows(result: Result | None, experiment: Experiment) -> Sequence[Sequence[str]]:
    """The findings of an experiment, or that there are none."""
    found = [(each.what, each.paper, each.measured, each.verdict) for each in result.findings] if result else []
    return found or [(experiment.claim, "", "not finished" if result else NOT_RUN, "")]


def _cost(result: Result) -> str:
    """In a line: how long it took, on what, by which version, with how many seeds."""
    trained = (
        f"{counted(result.runs, 'run')}, {duration(result.seconds)} of training, {counted(result.seeds, 'seed')}; "
    )
    return f"{trained if result.runs else ''}{result.machine}; version {result.version}"


def _markdown(blocks: Sequence[Block], out: Path) -> str:
    """The page for a site; its pictures lie in folders beside it."""
    begin = {"h1": "# ", "h2": "## ", "p": "", "pre": "```\n"}
    parts = []
    for block in blocks:
        if isinstance(block, Text):
            parts.append(begin[block.kind] + block.text + ("\n```" if block.kind == "pre" else ""))
        elif isinstance(block, Path):
            parts.append(f"![{block.stem}]({block.relative_to(out).as_posix()})")
        else:
            lines = [block.head, ["---"] * len(block.head), *block.rows]
            table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
            parts.append(f"*{block.title}*\n\n{table}" if block.title else table)
    return "\n\n".join(parts) + "\n"


def _html(blocks: Sequence[Block]) -> str:
    """The page with its pictures in it."""
    parts = []
    for block in blocks:
        if isinstance(block, Text):
            parts.append(_element(block.kind, block.text))
        elif isinstance(block, Path):
            content = base64.b64encode(block.read_bytes()).decode()
            image = f'<img alt="{block.stem}" src="data:image/png;base64,{content}">'
            parts.append(f"<figure>{image}{_element('figcaption', block.stem.replace('-', ' '))}</figure>")
        else:
            rows = ["".join(_element("th", cell) for cell in block.head)]
            rows += ["".join(_element("td", cell) for cell in row) for row in block.rows]
            caption = _element("caption", block.title) if block.title else ""
            parts.append(f"<table>{caption}{''.join(f'<tr>{row}</tr>' for row in rows)}</table>")
    head = f'<meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _element(kind: str, text: str) -> str:
    return f"<{kind}>{html.escape(text)}</{kind}>"
