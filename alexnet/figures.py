"""The pictures in a run's folder: learning curves, and the filters of the first layer (Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minigrad import nn

__all__ = ["curves", "filters", "first_filters", "save_figure"]

# distinguishable in print and to colour-blind readers (Okabe and Ito, 2008)
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG beside, then give it its name."""
    FigureCanvasAgg(figure)
    beside = path.with_name(path.name + ".part")
    figure.savefig(beside, format="png", dpi=120)
    beside.replace(path)


def curves(epochs: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Losses and validation errors against epochs, from the lines of log.jsonl that have no event."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    loss, error = figure.subplots(1, 2)
    number = [line["epoch"] for line in epochs]
    for axes, name, label, colour, marker in (
        (loss, "train_loss", "training", BLUE, "o"),
        (loss, "val_loss", "validation", ORANGE, "s"),
        (error, "val_top1", "validation, top-1", ORANGE, "s"),
        (error, "val_top5", "validation, top-5", GREEN, "^"),
    ):
        values = [line[name] for line in epochs]
        axes.plot(number, values, color=colour, marker=marker, markersize=4, label=label)
    drops = [b["epoch"] for a, b in pairwise(epochs) if b["lr"] < a["lr"]]
    for axes, label in ((loss, "loss (nats)"), (error, "error (%)")):
        for drop in drops:
            axes.axvline(drop - 0.5, color="0.6", linestyle=":", linewidth=1)
        axes.set_xlabel("epoch (dotted: the rate falls)" if drops else "epoch")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def first_filters(model: nn.Module) -> list[tuple[str, np.ndarray]]:
    """(name, weights (K, C, KH, KW)) of the first convolution of every column."""
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
