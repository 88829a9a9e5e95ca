"""Compiling before the first step: all that the run needs, and nobody waits for it who wants to leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numba
import pytest

from alexnet.data import open_dataset
from alexnet.recipes import RECIPES
from alexnet.run import compiling
from alexnet.run.compiling import Compiling
from alexnet.run.folder import RunFolder
from alexnet.run.progress_line import ProgressLine
from alexnet.run.trainer import Trainer
from minigrad import compilation
from minigrad.backends.cpu.runtime.jit import Jitted
from minigrad.random import default_generator

ROOT = Path(__file__).parents[3]


def test_it_tells_how_far_it_is() -> None:
    go, told = threading.Semaphore(0), []

    def tell(done: int, total: int) -> None:
        told.append((done, total))
        go.release()

    assert Compiling([go.acquire] * 3).wait(tell, lambda: False)
    assert told[0] == (0, 3) and told == sorted(told) and len(told) >= 3


def test_a_task_that_fails_does_not_keep_the_others_from_being_done() -> None:
    done = []
    assert Compiling([lambda: 1 / 0, lambda: done.append(1)]).wait(lambda done, total: None, lambda: False)
    assert done == [1]


def test_who_is_told_to_stop_does_not_wait() -> None:
    go, done = threading.Event(), []
    compiling = Compiling([go.wait, lambda: done.append(1)])
    assert not compiling.wait(lambda done, total: None, lambda: True)
    go.set()
    compiling._thread.join()
    assert done == [] and compiling.done == 1


linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot go on as two")


@linux
@pytest.mark.parametrize("ending", ["works", "is slow", "dies", "hangs"])
def test_another_process_begins_with_the_last_tasks(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all of them are done here too, whatever becomes of it: those that it has begun, when it is through."""
    monkeypatch.setattr(compiling, "LOADING", 0.0)
    if ending == "hangs":
        monkeypatch.setattr(compiling, "PATIENCE", 0.2)
    here, done, begun, fork = os.getpid(), tmp_path / "done", [], os.fork
    monkeypatch.setattr("os.fork", lambda: begun.append(fork()) or begun[-1])
    last = {"works": 5, "is slow": 4, "dies": 2, "hangs": 2}[ending]  # of the other's, which the first here waits for

    def lines(where: str) -> list[str]:
        return [line for line in done.read_text().splitlines() if line.endswith(where)] if done.exists() else []

    def task(number: int) -> None:
        where = "here" if os.getpid() == here else "elsewhere"
        deadline = time.monotonic() + 60
        while where == "here" and len(lines(" elsewhere")) < last:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        if where == "elsewhere" and number == 1 and ending == "is slow":
            time.sleep(0.5)
        with done.open("a") as file:
            file.write(f"{number} {where}\n")
        if where == "elsewhere" and number == 4 and ending == "dies":
            os._exit(1)
        if where == "elsewhere" and number == 4 and ending == "hangs":
            time.sleep(3600)

    tasks = [lambda number=number: task(number) for number in range(6)]
    assert Compiling(tasks, second_process=True).wait(lambda done, total: None, lambda: False)
    theirs = (5, 4) if ending in ("dies", "hangs") else (5, 4, 3, 2, 1)
    assert lines(" here") == [f"{number} here" for number in range(6)]
    assert lines(" elsewhere") == [f"{number} elsewhere" for number in theirs]
    both = lines("")
    assert all(both.index(f"{number} elsewhere") < both.index(f"{number} here") for number in theirs)
    (process,) = begun
    with pytest.raises(ChildProcessError):  # it is no more
        os.waitpid(process, os.WNOHANG)


@linux
def test_two_processes_end_where_they_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way here is not begun elsewhere."""
    monkeypatch.setattr(compiling, "LOADING", 0.0)
    here, done = os.getpid(), tmp_path / "done"

    def task(number: int) -> None:
        if os.getpid() != here:
            with done.open("a") as file:
                file.write(f"{number} ")
            time.sleep(0.5)
        deadline = time.monotonic() + 60
        while not done.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    tasks = [lambda number=number: task(number) for number in range(4)]
    assert Compiling(tasks, second_process=True).wait(lambda done, total: None, lambda: False)
    assert done.read_text() == "3 "


@pytest.mark.parametrize("devices", [["cpu:0"], ["cpu:0", "cpu:1"]])
def test_a_run_calls_nothing_that_was_not_compiled_before(
    pictures: Path, devices: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Three whole batches and a rest in training, one and a rest in the validation."""
    recipe = RECIPES["small"].changed([("network_options.width", 0.0625), ("batch_size", 7), ("epochs", 1)])
    folder = RunFolder(tmp_path / "run")
    trainer = Trainer(recipe, open_dataset(str(pictures), 0), devices, 0, folder)
    noted, called = set(), set()
    note, carry_out = compilation.note, Jitted.__call__

    def noting(name: Any, compile: Any) -> None:
        noted.add(name)
        note(name, compile)

    def calling(loop: Jitted, *arguments: Any) -> None:
        if not compilation.rehearsing():
            called.add((loop, tuple(map(numba.typeof, arguments))))
        carry_out(loop, *arguments)

    monkeypatch.setattr(compilation, "note", noting)
    monkeypatch.setattr(Jitted, "__call__", calling)
    state = default_generator.state()
    trainer.compile()
    assert default_generator.state() == state and all(p.grad is None for p in trainer.model.parameters())
    trainer.measure()
    with folder.locked():
        folder.create({})
        trainer.run()
    assert len(called) > 8 and called <= noted


def test_signals_are_heard_while_the_compiler_works(pictures: Path, tmp_path: Path) -> None:
    """With nothing on disk it works for many seconds, beside which few pictures take none; the run can be resumed."""
    command = [sys.executable, "-m", "alexnet.train", "--recipe", "small", "--data", str(pictures), "--out", "run"]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "compiled"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[2].startswith("compiling ") and lines[2].endswith(" loops and kernels for this machine, once\n")
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130 and time.monotonic() - begin < 30
    assert "stopping as soon as what has been learned is saved" in rest and rest.endswith(
        "go on with: python -m alexnet.train --resume --out run\n"
    )
    assert (tmp_path / "run" / "recipe.json").exists()


def line_of(compile: ProgressLine, clock: list[float]) -> None:
    for done in range(30):
        clock[0] += 0.1
        compile.compile(done, 30)


def test_without_a_terminal_compiling_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    line = ProgressLine(lambda: clock[0])
    line.compile(0, 30)
    assert capsys.readouterr().out == ""  # what is only loaded takes no time
    line_of(line, clock)
    assert capsys.readouterr().out == "compiling 30 loops and kernels for this machine, once\n"


def test_on_a_terminal_compiling_is_told_of_as_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    clock = [0.0]
    line_of(ProgressLine(lambda: clock[0]), clock)
    assert "\rcompiling for this machine, once: 8 of 30" in capsys.readouterr().err


def test_whether_code_is_kept_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr("alexnet.run.progress_line.code_is_kept", lambda: not asked.append(True))
    clock = [0.0]
    line_of(ProgressLine(lambda: clock[0]), clock)
    assert asked == [True]


@pytest.mark.parametrize("terminal", [False, True])
def test_where_nothing_can_be_kept_it_says_so_once(
    terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    clock = [0.0]
    line_of(ProgressLine(lambda: clock[0]), clock)
    told, shown = capsys.readouterr()
    assert told.count("at every start, as ") == 1 and str(tmp_path / "file") in told
    assert ("\rcompiling for this machine: 29 of 30" in shown) == terminal  # short, so that it fits
