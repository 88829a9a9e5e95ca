"""What the figures show, and that nothing of it is cut off."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from training_runs import cifar

from alexnet import figures


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
