"""The command, what it keeps, and the page."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet import evaluate, train
from alexnet.experiments import __main__ as command
from alexnet.experiments import catalogue, report, timing
from alexnet.experiments.experiment import Arm, Experiment, Finding, Judgement, Runs, Table
from alexnet.figures import errors
from alexnet.recipes import RECIPES


def judge(runs: Runs) -> Judgement:
    measured = [trial.errors()[-1] for trial in runs.seeded(runs.experiment.arms[0]) if trial.over()]
    found = [Finding("a <what>", "1 | 2", f"{len(measured)} seeds", "seen")] if measured else []
    return Judgement(found, [Table("all", ("head",), [("cell",)])], {"curves": errors({"a": [measured]}, {})})


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, pictures: Path) -> Path:
    """Two experiments, one of which takes a second."""
    arm = Arm("arm", "cifar10-80sec", (("batch_size", 5), ("epochs", 2)))
    quick = Experiment("quick", "a <claim>", "1", "one & two", (arm,), judge, str(pictures), 24, seeds=2)
    other = replace(quick, name="other")
    monkeypatch.setattr(timing, "_seconds_a_picture", lambda recipe, device: 1.0)
    for name, experiment in (("quick", quick), ("other", other)):
        monkeypatch.setitem(catalogue.EXPERIMENTS, name, experiment)
    for name in set(catalogue.EXPERIMENTS) - {"quick", "other"}:
        monkeypatch.delitem(catalogue.EXPERIMENTS, name)
    return pictures


def run(*arguments: object) -> int:
    return command.main([str(each) for each in arguments])


def test_the_list_says_what_there_is_and_what_has_been_run(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("quick"))
    assert re.fullmatch(rf"quick +a <claim> +1 +{re.escape(str(tiny))} +2 +not yet", line)
    assert run("quick") == 0
    capsys.readouterr()
    assert run() == 0
    assert "2 runs" in capsys.readouterr().out


def test_an_experiment_is_run_kept_and_reported(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quick", "--out", "here", "--seeds", 1) == 0
    assert "a <what>: 1 seeds (paper: 1 | 2): seen" in capsys.readouterr().out
    result = json.loads(Path("here/quick/result.json").read_text())
    assert result["runs"] == result["seeds"] == 1 and result["seconds"] > 0 and result["machine"]
    assert run("report", "--out", "here") == 0
    page, text = Path("here/report.html").read_text(), Path("here/report.md").read_text()
    assert "a &lt;what&gt;" in page and "one &amp; two" in page and "<claim>" not in page
    assert 'src="data:image/png;base64,' in page and not re.search(r'(src|href)="(?!data:)', page)
    assert "| quick | a <what> | 1 / 2 | 1 seeds | seen |" in text and "![curves](quick/curves.png)" in text
    for each in (page, text):
        in_tables = sum("not run here" in row[-1] for one in catalogue.TABLES for row in one.rows)
        assert each.count("not run here") == 1 + in_tables + len(catalogue.IMAGENET) and in_tables == 5
        assert "Table 1: test errors" in each and "Table 2: errors" in each
        assert "python -m alexnet.experiments other" in each and result["version"] in each


def test_what_the_budget_leaves_out_is_told(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quick", "--budget", "0.001s", "--out", "a b", "--seeds", 3, "--devices", "cpu:1") == 0
    out = capsys.readouterr().out
    assert "nothing can be said yet" in out
    assert "go on with: python -m alexnet.experiments quick --seeds 3 --out 'a b' --devices cpu:1" in out


def test_data_of_ones_own_are_asked_for(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(catalogue.EXPERIMENTS, "other", replace(catalogue.EXPERIMENTS["quick"], name="other", data=""))
    assert run("other") == 2
    assert "other brings no data; say where yours is with --data PATH" in capsys.readouterr().err
    assert run("other", "--data", tiny, "--seeds", 1) == 0
    assert run() == 0
    assert re.search("other .*your own", capsys.readouterr().out)
    assert report.command(catalogue.EXPERIMENTS["other"]) == "python -m alexnet.experiments other --data DIR"


@pytest.mark.parametrize("wrong", [("figure9",), ("quick", "--budget", "3"), ("quick", "--budget", "0m")])
def test_what_is_wrong_is_told(tiny: Path, wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*wrong)
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"name": "other"}', "RUNS", "NAME", "PICTURE"])
def test_a_damaged_result_is_told(tiny: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quick", "--out", "here", "--budget", "0.001s") == 0
    whole = Path("here/quick/result.json").read_text()
    changed = {"RUNS": whole.replace('"runs": 0', '"runs": "none"'), "NAME": whole.replace("quick", "other")}
    changed["PICTURE"] = whole.replace("curves.png", "../curves.png")
    Path("here/quick/result.json").write_text(changed.get(content, content))
    assert run("report", "--out", "here") == 2
    assert "result.json is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("line", [line for each in catalogue.IMAGENET for line in each.commands])
def test_the_commands_for_imagenet_are_commands(line: str) -> None:
    python, flag, module, *words = shlex.split(line)
    assert (python, flag) == ("python", "-m")
    if module == "alexnet.train":
        args = train.parser().parse([each.replace("cuda", "cpu") for each in words])
        RECIPES[args.recipe].changed(args.changes)
    else:
        assert module == "alexnet.evaluate" and evaluate.parser().parse(words).views == 10


def test_a_step_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = []
    monkeypatch.setattr(timing, "_timed", lambda recipe, device: timed.append(recipe.name) or 128.0)
    experiment = Experiment("quick", "", "", "", (Arm("arm", "cifar10-80sec"),), judge, "", 100, seeds=2)
    runs = Runs(experiment, Path("out"), "", 2)
    for _ in range(2):
        assert timing.estimated_seconds(runs) == 2 * 10 * 100 * 1.0
    assert timed == ["cifar10-80sec"]
    assert timing.estimated_seconds(Runs(replace(experiment, arms=()), Path("out"), "", 2)) == 0
