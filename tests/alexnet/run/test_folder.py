"""The folder of a run: its name, its lock and its files, and how Jupyter shows it."""

from __future__ import annotations

import base64
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from training_runs import cifar, log, run, state_of

from alexnet import train
from alexnet.run import folder
from alexnet.run.folder import RunFolder, free_folder, latest_folder


def test_jupyter_shows_a_run(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 7, "--out", "run") == 0
    folder = RunFolder(Path("run"))
    html = folder._repr_html_()
    assert "run: recipe cifar10-80sec" in html and "7 of 7 epochs" in html
    best = min(folder.epochs(), key=lambda line: line["val_top1"])
    assert html.count(">best<") == 1 and f"{best['val_top1']:.2f} %" in html
    assert 6 <= html.count("<tr>") <= 7  # the names, the last five, and the best if it is none of them
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert picture and base64.b64decode(picture[1]) == Path("run/curves.png").read_bytes()


def test_jupyter_shows_a_folder_without_a_run() -> None:
    assert "nothing: no run yet" in RunFolder(Path("nothing"))._repr_html_()


def test_the_default_folder_is_the_next_free_one(pictures: Path) -> None:
    for _ in range(2):
        assert cifar(pictures, "--steps", 1) == 0
    assert {path.name for path in Path("runs").iterdir()} == {"cifar10-80sec", "cifar10-80sec-2"}
    assert run("--recipe", "cifar10-80sec", "--resume", "--steps", 1) == 0
    assert [line["event"] for line in log(Path("runs/cifar10-80sec-2"))] == ["saved", "resumed", "saved"]


def test_runs_that_start_together_get_a_folder_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them find the same one free at first."""
    together, first = threading.Barrier(4), threading.local()

    def free(name: str) -> Path:
        path = free_folder(name)
        if not hasattr(first, "done"):
            first.done = True
            together.wait(60)
        return path

    monkeypatch.setattr(folder, "free_folder", free)
    folders = [RunFolder(Path("none")) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda folder: folder.make_free("shapes"), folders))
    names = {"shapes", "shapes-2", "shapes-3", "shapes-4"}
    assert {folder.path.name for folder in folders} == names == {path.name for path in Path("runs").iterdir()}
    assert {folder.log.parent for folder in folders} == {folder.path for folder in folders}


def test_where_the_next_folder_cannot_be_made(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").write_text("")
    assert cifar(pictures, "--steps", 1) == 2
    assert "runs is a file, and a run is a folder; choose a folder with --out" in capsys.readouterr().err


def test_a_large_run_says_how_large_it_will_be(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--steps", 1, "--out", "small") == 0
    assert "into small\n" in capsys.readouterr().out
    monkeypatch.setattr(train, "LARGE", 10**6)
    assert cifar(pictures, "--steps", 1, "--out", "run") == 0
    size = Path("run/checkpoint.npz").stat().st_size
    words = re.search(r"into run, which will take (\d+) MB \(3 checkpoints of (\d+) MB, and", capsys.readouterr().out)
    assert words and abs(int(words[2]) - size / 1e6) < 1 and abs(int(words[1]) - 4 * size / 1e6) < 1


def test_a_disk_without_room_for_a_run_is_told_of_before_it_starts(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage(Path())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_900_000))
    assert cifar(pictures, "--steps", 1, "--out", "deep/in/run") == 2
    error = capsys.readouterr().err
    assert "run would take 5 MB (3 checkpoints of 1 MB, and one more while" in error and "has 2 MB free" in error
    assert not Path("deep").exists()


@pytest.mark.parametrize("out", ["file", "file/run"])
def test_a_file_is_no_folder_of_a_run(out: str, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("kept")
    assert cifar(pictures, "--steps", 1, "--out", out) == 2
    assert "file is a file, and a run is a folder; choose a folder with --out" in capsys.readouterr().err
    assert Path("file").read_text() == "kept"


def test_a_second_run_into_a_folder_is_refused(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--steps", 1, "--out", "run") == 0
    before = state_of(Path("run"))
    assert cifar(pictures, "--steps", 1, "--seed", 5, "--out", "run") == 2
    assert "--resume" in capsys.readouterr().err
    assert state_of(Path("run")).keys() == before.keys()


def test_files_that_a_run_would_overwrite_are_kept(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    Path("run/best.npz").write_text("mine")
    assert cifar(pictures, "--steps", 1, "--out", "run") == 2
    assert "best.npz" in capsys.readouterr().err and Path("run/best.npz").read_text() == "mine"


def test_a_damaged_log_names_its_line(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", "run") == 0
    path = Path("run/log.jsonl")
    path.write_text(path.read_text().replace("val_top1", "val_top0"))
    assert run("--resume", "--out", "run", "--epochs", 2) == 2
    assert "log.jsonl, line 1" in capsys.readouterr().err


def test_a_gap_in_the_numbers_of_runs_is_no_gap_in_the_runs() -> None:
    for name in ("shapes-2", "shapes-7", "shapes-old", "other"):
        Path("runs", name).mkdir(parents=True)
    assert latest_folder("shapes") == Path("runs/shapes-7")
    assert free_folder("shapes") == Path("runs/shapes-8")
