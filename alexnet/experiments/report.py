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
from alexnet.experiments.catalogue import EXPERIMENTS, IMAGENET
from alexnet.experiments.experiment import Experiment, Finding, Judgement, Runs, Table
from alexnet.experiments.timing import machine
from alexnet.files import whole
from alexnet.recipes.typed import read_dataclass
from alexnet.run.folder import RunError
from alexnet.terminal import duration

__all__ = ["command", "keep", "kept", "summary", "write"]

RESULT = "result.json"
PICTURE = re.compile(r"[a-z0-9-]+\.png")
NOT_RUN = "not run here"
HEAD = ("what", "the paper", "measured", "verdict")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 90%; display: block; overflow-x: auto }
td, th { border-bottom: 1px solid #ccc; padding: .3em .7em; text-align: left; vertical-align: top }
th { border-bottom: 2px solid #888 } img { max-width: 100% } caption { text-align: left; font-style: italic }
code { background: #f3f3f3; padding: .1em .3em } pre { background: #f3f3f3; padding: .7em; overflow-x: auto }
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


def command(name: str) -> str:
    """What runs an experiment."""
    return f"python -m alexnet.experiments {name}"


def summary(result: Result) -> str:
    """The findings as lines of text."""
    lines = [f"{each.what}: {each.measured} (paper: {each.paper}): {each.verdict}" for each in result.findings]
    return "\n".join(lines or ["nothing can be said yet: no trial that is measured is at its end"])


def write(out: Path) -> list[Path]:
    """Write report.html and report.md of all that was run in a folder; returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    results = {name: kept(out, name) for name in EXPERIMENTS}
    written = []
    for name, page in (("report.html", _html(out, results)), ("report.md", _markdown(results))):
        with whole(out / name) as beside:
            beside.write_text(page, encoding="utf-8")
        written.append(out / name)
    return written


def _rows(result: Result | None, experiment: Experiment) -> Sequence[Sequence[str]]:
    """The findings of an experiment, or that there are none."""
    if result is None:
        return [(experiment.claim, experiment.paper, NOT_RUN, "")]
    rows = [(each.what, each.paper, each.measured, each.verdict) for each in result.findings]
    return rows or [(experiment.claim, experiment.paper, "not finished", "")]


def _cost(result: Result) -> str:
    """In a line: how long it took, on what, by which version, with how many seeds."""
    trained = f"{result.runs} runs, {duration(result.seconds)} of training, {result.seeds} seeds; "
    return f"{trained if result.runs else ''}{result.machine}; version {result.version}"


def _markdown(results: dict[str, Result | None]) -> str:
    """The page for a site; its pictures lie beside it."""
    parts = ["# The claims of the paper"]
    for name, result in results.items():
        experiment = EXPERIMENTS[name]
        parts += [f"## {name}: {experiment.claim}", f"Section {experiment.section}. {experiment.paper}"]
        parts += [_markdown_table(HEAD, _rows(result, experiment)), f"`{command(name)}`"]
        if result is not None:
            parts += [f"![{name}]({name}/{picture})" for picture in result.pictures]
            for table in result.tables:
                parts += [f"*{table.title}*", _markdown_table(table.head, table.rows)]
            parts.append(_cost(result))
    parts.append("## What only ImageNet answers")
    for each in IMAGENET:
        parts.append(f"**{each.claim}** (section {each.section}): {each.paper}; {NOT_RUN}.")
        parts.append("\n".join(["```", *each.commands, "```"]))
    return "\n\n".join(parts) + "\n"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _html(out: Path, results: dict[str, Result | None]) -> str:
    """The page with its pictures in it."""
    parts = ["<h1>The claims of the paper</h1>"]
    for name, result in results.items():
        experiment = EXPERIMENTS[name]
        parts.append(f"<h2>{html.escape(f'{name}: {experiment.claim}')}</h2>")
        parts.append(f"<p>Section {html.escape(f'{experiment.section}. {experiment.paper}')}</p>")
        parts += [_html_table("", HEAD, _rows(result, experiment)), f"<p><code>{command(name)}</code></p>"]
        if result is not None:
            parts += [_picture(out / name / picture, name) for picture in result.pictures]
            parts += [_html_table(table.title, table.head, table.rows) for table in result.tables]
            parts.append(f"<p>{html.escape(_cost(result))}</p>")
    parts.append("<h2>What only ImageNet answers</h2>")
    for each in IMAGENET:
        told = f"(section {each.section}): {each.paper}; {NOT_RUN}."
        parts.append(f"<p><b>{html.escape(each.claim)}</b> {html.escape(told)}</p>")
        parts.append(f"<pre>{html.escape(chr(10).join(each.commands))}</pre>")
    body = "\n".join(parts)
    head = f'<meta charset="utf-8"><title>The claims of the paper</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _html_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    caption = f"<caption>{html.escape(title)}</caption>" if title else ""
    lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table>{caption}{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _picture(path: Path, name: str) -> str:
    """A PNG in the page itself."""
    return f'<p><img alt="{name}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"></p>'
