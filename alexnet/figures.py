"""Learning curves, errors (Figure 1), filters of the first layer (Figure 3), labels and neighbours (4), mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alexnet.files import whole
from minigrad import nn

__all__ = [
    "Mistake",
    "Seen",
    "confusion",
    "curves",
    "errors",
    "filters",
    "first_filters",
    "mistakes",
    "save_figure",
    "seen",
]

# distinguishable in print and to colour-blind readers (Okabe and Ito, 2008)
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG beside, then give it its name."""
    FigureCanvasAgg(figure)
    with whole(path) as beside:
        figure.savefig(beside, format="png", dpi=120)


def curves(epochs: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Losses and validation errors against epochs, from the lines of log.jsonl that have no event."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    loss, error = figure.subplots(1, 2)
    number = [line["epoch"] for line in epochs]
    for axes, name, label, colour, marker in (
        (loss, "train_loss", "training", BLUE, "o"),
        (loss, "val_loss", "validation", ORANGE, "s"),
        (error, "val_top1", "top-1 error", ORANGE, "s"),
        (error, "val_top5", "top-5 error", GREEN, "^"),
    ):
        values = [line[name] for line in epochs]
        axes.plot(number, values, color=colour, marker=marker, markersize=4, label=label)
    changes = [b["epoch"] for a, b in pairwise(epochs) if b["lr"] != a["lr"]]
    for axes, label in ((loss, "loss (nats)"), (error, "validation error (%)")):
        for change in changes:
            axes.axvline(change - 0.5, color="0.6", linestyle=":", linewidth=1)
        axes.set_xlabel("epoch (dotted: the rate changes)" if changes else "epoch")
        axes.set_ylabel(label)
        axes.update_datalim([(0, 0)], updatex=False)
        axes.autoscale_view()  # with a margin above the highest, measured from 0
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def errors(curves: Mapping[str, Sequence[Sequence[float]]], points: Mapping[str, Mapping[int, float]]) -> Figure:
    """Training errors against epochs, as Figure 1.

    Args:
        curves: by name, those of several seeds, each with an error in percent for every epoch.
        points: by the same names, what the paper's figure shows: errors in percent by epoch.
    """
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for colour, (name, seeds) in zip((BLUE, ORANGE, GREEN), curves.items(), strict=False):
        for number, values in enumerate(seeds):
            label = f"{name}, here" if not number else None
            axes.plot(range(1, len(values) + 1), values, color=colour, alpha=0.6, linewidth=1.2, label=label)
        paper = points.get(name, {})
        axes.plot(list(paper), list(paper.values()), "o", color=colour, markersize=4, label=f"{name}, Figure 1")
    axes.set_xlabel("epoch")
    axes.set_ylabel("training error (%)")
    axes.update_datalim([(0, 0)])
    axes.autoscale_view()
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


@runtime_checkable
class KnowsFilters(Protocol):
    """A network that says itself which of its convolutions see the picture."""

    def first_filters(self) -> list[tuple[str, np.ndarray]]:
        """As `first_filters`."""


def first_filters(model: nn.Module) -> list[tuple[str, np.ndarray]]:
    """(name, weights (K, C, KH, KW)) of the first convolution of every column; none where no convolution is first."""
    if isinstance(model, KnowsFilters):
        return model.first_filters()
    firsts: dict[str, tuple[str, np.ndarray]] = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            column = path.rpartition(".")[0]
            firsts.setdefault(column, (f"{path}, {module.weight.device}", module.weight.numpy()))
    return list(firsts.values())


def filters(columns: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """The filters of the first layer as pictures, a panel a column of the network, as in Figure 3.

    Every filter is stretched by itself to the full range, with 0 at middle grey.
    """
    across = min(16, max(len(weights) for _, weights in columns))
    rows = [-(-len(weights) // across) for _, weights in columns]
    figure = Figure(figsize=(8, 8 / across * sum(rows) + 0.3 * len(rows)), layout="constrained")
    panels = figure.subplots(len(columns), 1, squeeze=False, height_ratios=rows)[:, 0]
    for axes, (name, weights) in zip(panels, columns, strict=True):
        axes.imshow(_mosaic(weights, across), interpolation="nearest", vmin=0, vmax=1, cmap="gray")
        axes.set_title(f"{len(weights)} filters of {name}", fontsize=9)
        axes.set_axis_off()
    return figure


def _mosaic(weights: np.ndarray, across: int) -> np.ndarray:
    """Filters (K, C, KH, KW) side by side, as a picture (H, W, 3) or (H, W) with values from 0 to 1."""
    count, channels, height, width = weights.shape
    largest = np.abs(weights).max(axis=(1, 2, 3), keepdims=True)
    tiles = 0.5 + 0.5 * weights / np.where(largest > 0, largest, 1)
    if channels != 3:
        tiles = tiles.mean(axis=1, keepdims=True)
    rows = -(-count // across)
    picture = np.ones((rows * (height + 1) - 1, across * (width + 1) - 1, tiles.shape[1]))
    for k, tile in enumerate(tiles):
        top, left = k // across * (height + 1), k % across * (width + 1)
        picture[top : top + height, left : left + width] = tile.transpose(1, 2, 0)
    return picture if channels == 3 else picture[:, :, 0]


@dataclass(frozen=True)
class Seen:
    """A picture and what a network made of it.

    Attributes:
        name: the title.
        image: uint8 (H, W, C).
        labels: the best labels in words with their probabilities, the best first.
        nearest: the closest training pictures, with their classes.
    """

    name: str
    image: np.ndarray
    labels: Sequence[tuple[str, float]]
    nearest: Sequence[tuple[np.ndarray, str]] = field(default_factory=tuple)


def seen(rows: Sequence[Seen]) -> Figure:
    """Figure 4: for each picture a row with its labels (left) and the training pictures most alike (right)."""
    most = max(len(row.nearest) for row in rows)
    figure = Figure(figsize=(6 + 1.7 * most, 2.3 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), 2 + most, squeeze=False, width_ratios=[1.4, 2.2, *[1.2] * most])
    for row, (picture, bars, *others) in zip(rows, axes, strict=True):
        _picture(picture, row.image, row.name if len(row.name) <= 22 else f"...{row.name[-19:]}")
        places = np.arange(len(row.labels))
        bars.barh(places, [probability for _, probability in row.labels], color=BLUE, alpha=0.45)
        for place, (words, probability) in zip(places, row.labels, strict=True):
            bars.text(0.02, place, f"{_short(words, 28)}  {100 * probability:.1f} %", va="center", fontsize=8)
        bars.set_xlim(0, 1)
        bars.set_ylim(len(row.labels) - 0.4, -0.6)
        bars.set_xticks([])
        bars.set_yticks([])
        for panel, (image, words) in zip(others, row.nearest, strict=False):
            _picture(panel, image, words)
    return figure


def _short(words: str, width: int) -> str:
    """The first of a class's names, cut where it is too long."""
    first = words.partition(",")[0]
    return first if len(first) <= width else f"{first[: width - 3]}..."


def _picture(axes: Any, image: np.ndarray, title: str) -> None:
    """An image uint8 (H, W, C); of a stereo pair, the left one."""
    axes.imshow(image if image.shape[2] == 3 else image[:, :, 0], cmap="gray", vmin=0, vmax=255)
    axes.set_title(_short(title, 22), fontsize=8)
    axes.set_axis_off()


@dataclass(frozen=True)
class Mistake:
    """A picture that was taken for something else.

    Attributes:
        image: uint8 (H, W, C).
        true, said: classes in words.
        probability: of what was said.
    """

    image: np.ndarray
    true: str
    said: str
    probability: float


def mistakes(worst: Sequence[Mistake]) -> Figure:
    """Pictures with what they are and what they were taken for."""
    across = 5
    rows = max(1, -(-len(worst) // across))
    figure = Figure(figsize=(10, 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, across, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, each in zip(panels, worst, strict=False):
        _picture(axes, each.image, "")
        lines = [_short(each.true, 24), f"taken for {_short(each.said, 20)}", f"({100 * each.probability:.0f} %)"]
        axes.set_title("\n".join(lines), fontsize=8)
    figure.suptitle("most confident mistakes" if worst else "no mistakes")
    return figure


def confusion(counts: np.ndarray, classes: Sequence[str]) -> Figure:
    """How often each class (row) was taken for each (column), as a share of the row: integers (classes, classes)."""
    figure = Figure(figsize=(8, 7), layout="compressed")  # for squares: "constrained" would cut labels off
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, vmin=0, vmax=1, cmap="viridis")
    figure.colorbar(drawn, label="share of the class")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(classes) <= 30:
        names = [_short(words, 18) for words in classes]
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] < 0.6 else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=colour)
    return figure
