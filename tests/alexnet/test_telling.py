"""What a run tells: its line on the terminal, its log, its status; and what commands say of wrong flags."""

from __future__ import annotations

import gc
import io
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from training_runs import cifar, log, run

from alexnet import commands, evaluate, figures, model, predict, prepare, recipes, train
from alexnet.runs import RunFolder
from alexnet.terminal import ProgressLine, duration


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# the terminal


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0:00"), (0.4, "0:00"), (59.6, "1:00"), (754, "12:34"), (3600, "1:00:00"), (172799, "47:59:59")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_durations_of_days() -> None:
    assert duration(172800) == "2 d 0 h" and duration(6 * 86400 - 1) == "5 d 23 h"


class Clock:
    """Time that passes when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def steps(line: ProgressLine, clock: Clock, count: int, seconds: float, images: int, waited: float) -> None:
    for _ in range(count):
        clock.now += seconds
        line.step(0.5, images, waited)


def test_without_a_terminal_there_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """100 steps an epoch of 2 seconds, of which half a second is waiting; evaluations of 10 seconds."""
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/3", 100, 0, 2)
    steps(line, clock, 14, 2, 64, 0.5)
    assert capsys.readouterr().out == ""  # nothing in the first half minute
    steps(line, clock, 86, 2, 64, 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("epoch 1/3  step 15/100  loss 0.500  9:30 left  32 images/s  2:50 left in the epoch  ")
    assert lines[0].endswith("25 % waiting for data")
    for done in range(6):
        line.evaluate(done, 5)
        clock.now += 2 * (done < 5)
    capsys.readouterr()
    line.start("epoch 2/3", 100, 0, 1)
    steps(line, clock, 15, 2, 64, 0)
    last = capsys.readouterr().out.splitlines()[-1]
    # 85 and 100 steps of 2 seconds and two evaluations of 10
    assert (
        last.startswith("epoch 2/3  step 15/100") and "  6:30 left  " in last and "2:50 left in the epoch  0 %" in last
    )


def test_on_a_terminal_one_line_is_rewritten(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((40, 20)))
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/2", 100, 50, 1)
    steps(line, clock, 3, 1, 64, 0)
    out, error = capsys.readouterr()
    assert out == "" and "\n" not in error
    shown = error.split("\r")[1:]
    assert shown == [f"epoch 1/2  step {step}/100  loss 0.500" for step in (51, 52, 53)]  # no room for more
    line.say("epoch 1 is done")
    out, error = capsys.readouterr()
    assert out == "epoch 1 is done\n" and error == "\r" + " " * 34 + "\r"


@pytest.mark.parametrize(
    ("columns", "rest"),
    [(60, "  2:27 left"), (80, "  2:27 left  64 images/s"), (100, "  2:27 left  64 images/s  0:47 left in the epoch")],
)
def test_a_narrow_terminal_shows_what_matters_most(
    columns: int, rest: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 20)))
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 11/12", 100, 50, 1)
    steps(line, clock, 3, 1, 64, 0)
    assert capsys.readouterr().err.split("\r")[-1] == "epoch 11/12  step 53/100  loss 0.500" + rest


def test_in_jupyter_the_line_is_rewritten_below_the_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stream(io.StringIO):
        """As the kernel's, which is no terminal."""

        __module__ = "ipykernel.iostream"

    stream = Stream()
    monkeypatch.setattr("sys.stdout", stream)
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/2", 100, 50, 1)
    steps(line, clock, 3, 1, 64, 0)
    line.say("epoch 1 is done")
    shown = stream.getvalue().split("\r")
    assert shown[1] == "epoch 1/2  step 51/100  loss 0.500" and "waiting for data" in shown[3]  # not cut
    assert shown[4:] == [" " * len(shown[3]), "epoch 1 is done\n"]
    assert capsys.readouterr().err == ""


def test_what_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def isatty(self) -> bool:
            return True

        def write(self, text: str) -> None:
            raise OSError(5, "Input/output error")

        flush = write

    for name in ("sys.stdout", "sys.stderr"):
        monkeypatch.setattr(name, Gone())
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/2", 100, 50, 1)
    steps(line, clock, 3, 1, 64, 0)
    line.say("something")


# the log and the status


def test_a_saved_event_tells_loss_and_speed(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 1, "--steps", 4, "--out", "run") == 0
    (saved,) = log(Path("run"))
    assert (saved["event"], saved["epoch"], saved["step"]) == ("saved", 1, 4)
    assert 0 < saved["train_loss"] < 5 and saved["images_per_second"] > 0


def status(folder: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What --status prints, and that it leaves everything as it was."""
    before = {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in Path(folder).iterdir()}
    capsys.readouterr()
    assert run("--status", folder) == 0
    after = {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in Path(folder).iterdir()}
    assert after == before
    return capsys.readouterr().out


def test_the_status_of_stopped_and_finished_runs(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--epochs", 2, "--steps", 3, "--out", "run") == 0
    out = status("run", capsys)
    assert "run: recipe cifar10-80sec, data " in out and ", on cpu:0" in out
    assert "stopped: epoch 1 of 2, after step 3; go on with: python -m alexnet.train --resume --out run" in out
    assert "no epoch is finished yet" in out and "last written 0:0" in out and "left" not in out
    assert run("--resume", "--out", "run") == 0
    out = status("run", capsys)
    last = log(Path("run"))[-1]
    assert "finished: 2 epochs, 10 steps" in out and "resumed in epoch 1, after step 3" in out
    assert (
        f"last epoch   2: top-1 error {last['val_top1']:.2f} %" in out
        and "best epoch   1: " in out
        and "rate 0.001" in out
    )


def test_the_status_of_a_run_that_trains(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its lock is held; half a line is being written. The time left follows from the speed and the steps."""
    assert cifar(pictures, "--epochs", 1, "--steps", 3, "--out", "run") == 0
    with RunFolder(Path("run")).locked():
        path = Path("run/log.jsonl")
        saved = {**log(Path("run"))[0], "images_per_second": 0.01}
        path.write_text(json.dumps(saved) + '\n{"epoch": 1, "st')
        out = status("run", capsys)
        assert f"process {os.getpid()} is training it: epoch 1 of 1, after step 3 or later" in out
        assert "about 16:" in out  # two batches of 5 at 0.01 images a second
        path.write_text("")
        assert "time left: not known before the first epoch or checkpoint" in status("run", capsys)
    assert "process" not in status("run", capsys)


def test_the_status_tells_what_happened(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cifar(pictures, "--epochs", 4, "--steps", 3, "--out", "run") == 0
    for line in (
        {"event": "rate", "epoch": 2, "step": 5, "from": 0.01, "to": 0.001},
        *({"event": "rejected", "epoch": epoch, "step": 7, "image": "dark/1.png"} for epoch in (1, 2)),
        {"event": "flat", "epoch": 2, "step": 8, "reason": "it does not learn"},
        {"event": "failed", "epoch": 2, "step": 9, "reason": "the disk is full"},
    ):
        RunFolder(Path("run")).append(line)
    out = status("run", capsys)
    assert "stopped (the disk is full): epoch 1 of 4, after step 9" in out
    for words in (
        "rate 0.01 to 0.001 in epoch 2",
        "1 picture could not be read, 2 times in all: dark/1.png",
        "epoch 2, step 8: it does not learn",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ({"recipe.json": None}, "holds no run"),
        ({"recipe.json": '{"recipe": {}}'}, "is not the recipe of a run (data is missing"),
        ({"recipe.json": "[1]"}, "recipe.json"),
        ({"log.jsonl": None}, "log.jsonl cannot be read"),
        ({"log.jsonl": "nonsense\n"}, "log.jsonl, line 1 is damaged"),
    ],
)
def test_the_status_of_damaged_runs_is_one_sentence(
    damage: dict[str, str | None], words: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cifar(pictures, "--epochs", 1, "--out", "run") == 0
    for name, text in damage.items():
        Path("run", name).unlink()
        if text is not None:
            Path("run", name).write_text(text)
    assert run("--status", "run") == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and words in error[0]
    assert run("--status", "nowhere") == 2 and not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("recipe", [], "recipe is a table; got []"),
        ("recipe", {"network": []}, "network is text; got []"),
        ("data", 3, "data is text; got 3"),
        ("seed", True, "seed is a whole number; got True"),
        ("devices", 3, "devices is a list of names, as [...]; got 3"),
        ("ids", None, "ids is missing"),
        ("classes", [1], "each of classes is text; got 1"),
        ("channels", "x", "channels is a whole number; got 'x'"),
        ("pictures", 3, "pictures is a table; got 3"),
    ],
)
def test_a_wrong_value_in_recipe_json_is_one_sentence_of_every_command(
    name: str, value: object, words: str, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(Path("run"))
    folder.path.mkdir()
    folder.log.write_text("")
    settings = {"recipe": recipes.RECIPES["shapes"].to_json(), "data": "shapes", "seed": 0, "devices": ["cpu:0"]}
    settings |= {"ids": ["a", "b"], "classes": ["a", "b"], "channels": 3}
    folder.write_settings(settings)
    assert folder.read_settings() == settings
    settings[name] = value
    folder.write_settings({key: each for key, each in settings.items() if each is not None})
    for command, arguments in (
        (train, ["--status", "run"]),
        (train, ["--resume", "--out", "run"]),
        (evaluate, ["run"]),
        (predict, ["run", "--filters", "f.png"]),
    ):
        assert command.main(arguments) == 2
        (error,) = capsys.readouterr().err.splitlines()
        assert f"is not the recipe of a run ({words}" in error and error.endswith("); restore it")


def test_a_run_that_does_not_say_how_many_pictures_it_had_goes_on(pictures: Path) -> None:
    assert cifar(pictures, "--epochs", 1, "--steps", 1, "--out", "run") == 0
    folder = RunFolder(Path("run"))
    folder.write_settings({**folder.read_settings(), "pictures": {}})
    assert run("--resume", "--out", "run", "--steps", 1) == 0
    assert "data" not in [line["event"] for line in log(folder.path)]


def test_curves_mark_where_the_rate_changes() -> None:
    line = dict.fromkeys(("train_loss", "val_loss", "val_top1", "val_top5"), 1.0)
    rates = [0.1, 0.1, 0.01, 0.01, 0.02]
    drawn = figures.curves([{**line, "epoch": epoch, "lr": lr} for epoch, lr in enumerate(rates, 1)], "title")
    for axes in drawn.axes:
        marks = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
        assert marks == [2.5, 4.5] and "rate changes" in axes.get_xlabel()


def test_curves_of_one_epoch_are_no_stranger_than_those_of_many() -> None:
    line = {"epoch": 1, "lr": 0.1, "train_loss": 2.5, "val_loss": 2.3, "val_top1": 90.0, "val_top5": 50.0}
    loss, error = figures.curves([line], "title").axes
    for axes, highest in ((loss, 2.5), (error, 90.0)):
        low, high = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1]
        bottom, top = axes.get_ylim()
        assert bottom == 0 and 1.02 * highest < top < 1.2 * highest  # the marks are whole


def test_figure_3_shows_every_filter_in_its_colours() -> None:
    """Stretched to the full range, with 0 at middle grey; side by side in rows of 16, with a gap between them."""
    weights = np.zeros((17, 3, 2, 2))
    weights[0, 0] = 0.25  # red alone
    weights[1, 1] = -8  # less green
    weights[16, 2, 0, 1] = 1  # in the second row: one blue pixel
    drawn = figures.filters([("conv1", weights), ("conv2", weights[:, :1])])
    colour, grey = (axes.images[0].get_array() for axes in drawn.axes)
    assert colour.shape == (5, 47, 3) and grey.shape == (5, 47)
    half = [0.5, 0.5, 0.5]
    assert colour[0, :4].tolist() == [[1, 0.5, 0.5], [1, 0.5, 0.5], [1, 1, 1], [0.5, 0, 0.5]]
    assert colour[3:, :3].tolist() == [[half, [0.5, 0.5, 1], [1, 1, 1]], [half, half, [1, 1, 1]]]
    assert (colour[2] == 1).all() and grey[0, :4].tolist() == [1, 1, 1, 0.5]
    assert [axes.get_title() for axes in drawn.axes] == ["17 filters of conv1", "17 filters of conv2"]


LONG = "a name of several words that is long"


@pytest.mark.parametrize("classes", [("0", "1"), [str(digit) for digit in range(10)], [LONG] * 30, ["x"] * 100])
def test_the_confusion_is_drawn_whole(classes: Sequence[str], tmp_path: Path) -> None:
    nothing_cut(figures.confusion(np.eye(len(classes), dtype=int), classes), tmp_path)


def test_the_other_figures_are_drawn_whole(tmp_path: Path) -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    labels = [(LONG, 0.9), ("b", 0.1)]
    nothing_cut(figures.seen([figures.Seen(LONG, picture, labels, [(picture, LONG)] * 6)] * 2), tmp_path)
    nothing_cut(figures.mistakes([figures.Mistake(picture, LONG, LONG, 0.9)] * 7), tmp_path)
    columns = [(f"column{number}.conv1, cuda:{number}", np.ones((48, 3, 11, 11))) for number in range(2)]
    nothing_cut(figures.filters(columns), tmp_path)
    line = dict.fromkeys(("lr", "train_loss", "val_loss", "val_top1", "val_top5"), 123.0)
    nothing_cut(figures.curves([{**line, "epoch": 1}, {**line, "epoch": 2}], f"recipe {LONG}, data {LONG}"), tmp_path)


def nothing_cut(figure: Figure, folder: Path) -> None:
    """All that is drawn lies within the picture, at the resolution that it is saved with."""
    figure.set_dpi(120)
    figures.save_figure(figure, folder / "figure.png")
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    drawn = [axes.get_tightbbox(renderer) for axes in figure.axes]
    assert min(min(box.x0, box.y0) for box in drawn) >= 0
    assert max(box.x1 for box in drawn) <= figure.bbox.width and max(box.y1 for box in drawn) <= figure.bbox.height


def test_no_figure_outlives_its_file(pictures: Path) -> None:
    gc.disable()  # it might come at the right moment by chance
    try:
        assert cifar(pictures, "--epochs", 2, "--out", "run") == 0
        assert not [each for each in gc.get_objects() if isinstance(each, Figure)]
    finally:
        gc.enable()


# memory


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit on Windows")
@pytest.mark.parametrize(("command", "arguments"), [(train, []), (evaluate, ["run"]), (predict, ["run", "a.png"])])
def test_too_little_memory_for_the_compiler_is_said_before_it_ends_the_process(
    command: object,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(commands.resource, "getrlimit", lambda what: (800_000 * 1024, -1))
    assert command.main(arguments) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert "held to 0.76 GiB of memory (ulimit -v), and compiling the kernels takes 1.25 GiB or more" in error
    assert not list(tmp_path.iterdir())


# wrong flags


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (train, "--epoch 5", "unrecognized arguments: --epoch 5; did you mean --epochs?"),
        (train, "--epoch=5", "did you mean --epochs?"),
        (train, "--batchsize 3 --step 4", "did you mean --batch-size and --steps?"),
        (train, "--recipe papers", "did you mean paper?"),
        (train, "--recipe cifar-10", "did you mean cifar10-80sec?"),
        (train, "--recipe cifar", "did you mean cifar10-80sec?"),
        (evaluate, "run --view 10", "did you mean --views?"),
        (evaluate, "run --checkpoint last", "did you mean latest?"),
        (predict, "run --near x", "did you mean --nearest?"),
        (prepare, "a b --verfy", "did you mean --verify?"),
        (model, "--column 1", "did you mean --columns?"),
        (recipes, "paper --sets lr=1", "did you mean --set?"),
        (train, "--batch_size 3", "did you mean --batch-size?"),
        (train, "--lr 0.1", "unrecognized arguments: --lr 0.1; did you mean --set lr=0.1?"),
        (train, "--lr=0.1 --epochs 2", "did you mean --set lr=0.1?"),
        (train, "--learning-rate 0.1 --batch_size 3", "did you mean --set lr=0.1 and --batch-size?"),
        (train, "--momentum --steps 1", "did you mean --set momentum=VALUE?"),
        (train, "--weight-decay 0.1", "did you mean --set weight_decay=0.1?"),
        (train, "--weight_decay 0.1", "did you mean --set weight_decay=0.1?"),
        (train, "--dropout 0.3", "did you mean --set network_options.dropout=0.3?"),
        (train, "--crop 200", "did you mean --set augmentation.crop=200?"),
        (train, "--drop_epochs [20,40]", "did you mean --set 'drop_epochs=[20,40]'?"),
        (recipes, "paper --lr 1", "did you mean --set lr=1?"),
        (evaluate, "run --lr 1", "unrecognized arguments: --lr 1"),
    ],
)
def test_a_wrong_flag_suggests_the_near_one(
    command: object, arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(arguments.split())
    (error,) = capsys.readouterr().err.splitlines()  # and no usage
    assert stop.value.code == 2 and error.count("did you mean") <= 1 and error.endswith(words)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (train, ["--out", ""]),
        (train, ["--data", ""]),
        (train, ["--status", ""]),
        (evaluate, [""]),
        (evaluate, ["run", "--data", ""]),
        (evaluate, ["run", "--report", ""]),
        (predict, ["run", ""]),
        (predict, ["run", "--nearest", ""]),
        (predict, ["run", "--filters", ""]),
        (prepare, ["", "store"]),
        (prepare, ["shapes", ""]),
    ],
)
def test_an_empty_name_is_no_name(
    command: object, arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A shell makes it of a variable that is not set."""
    with pytest.raises(SystemExit) as stop:
        command.main(arguments)
    assert stop.value.code == 2 and capsys.readouterr().err.endswith("a name is expected; got ''\n")
    assert not list(tmp_path.iterdir())


def test_flags_and_files_come_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    for command, arguments in (
        (predict, ["nowhere", "--checkpoint", "latest", "a.png"]),
        (predict, ["--checkpoint", "latest", "nowhere", "a.png", "--devices", "cpu:0", "b.png"]),
        (evaluate, ["nowhere", "--views", "10", "other"]),
    ):
        assert command.main(arguments) == 2
        assert "there is no folder nowhere" in capsys.readouterr().err


def test_numbers_that_no_one_means(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--epochs", "--seed"):
        with pytest.raises(SystemExit):
            run(flag, "9" * 5000)
        assert f"argument {flag}: a whole number" in capsys.readouterr().err


def test_what_is_like_nothing_suggests_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--zzz"], ["--recipe", "zzz"], ["--steps", "1", "word"]):
        with pytest.raises(SystemExit):
            run(*arguments)
    assert "did you mean" not in capsys.readouterr().err
    assert commands.suggestion(["--zzz"], ["--steps"]) == ""


def test_numbers_in_the_plain_line_are_those_of_the_last_steps() -> None:
    """Two speeds: of the first steps nothing is left after a window of the second."""
    clock = Clock()
    line = ProgressLine(clock)
    line.start("epoch 1/1", 1000, 0, 0)
    steps(line, clock, 100, 10, 10, 0)
    steps(line, clock, 60, 0.1, 10, 0)
    assert np.isclose(line.speed(), 100)
