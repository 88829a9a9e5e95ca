"""python -m alexnet.predict: what a trained network sees in pictures, and the training pictures most alike to it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from alexnet import figures
from alexnet.cli import Parser, add_devices, check_address_space, nonempty_path, picture_file, run_command
from alexnet.data import DataError, printable, read_image, rescale
from alexnet.data.store.layout import open_store
from alexnet.data.sweep import BATCH
from alexnet.inference.nearest import Index, Neighbour, open_index
from alexnet.inference.predictor import Predictor
from alexnet.run.folder import RunError
from alexnet.run.trained import load_predictor
from alexnet.terminal import say

EPILOG = """\
examples:
  python -m alexnet.predict runs/paper dog.jpg cat.jpg --figure figure.png
      the five best labels of each, as text and as the paper's Figure 4 (left)
  python -m alexnet.predict runs/paper dog.jpg --nearest imagenet.store
      and the training pictures that are closest in the last hidden layer
      (Figure 4, right)
  python -m alexnet.predict runs/paper --filters filters.png
      the filters of the first layer, column by column (Figure 3)
"""
LABELS = 5  # Figure 4, left
NEIGHBOURS = 6  # Figure 4, right
MOST_ROWS = 100  # of a figure: Matplotlib draws no picture of 65,536 pixels or more
SHOWN = 512  # pixels of the longer side of a picture in a figure


def parser() -> Parser:
    """The command line."""
    result = Parser(
        prog="python -m alexnet.predict",
        description="Show the labels that a trained network gives to pictures, averaged over ten views "
        "(section 4.1), or on one where the network sees whole pictures.",
        epilog=EPILOG,
    )
    add = result.add_argument
    add("run", type=nonempty_path, metavar="RUN", help="folder of a run")
    add("images", nargs="*", type=nonempty_path, metavar="IMAGE", help="image file")
    add("--figure", type=picture_file, metavar="FILE", help="draw pictures and labels (PNG)")
    add(
        "--nearest",
        type=nonempty_path,
        metavar="STORE",
        help="a prepared store: find the closest of its training pictures",
    )
    add("--filters", type=picture_file, metavar="FILE", help="draw the filters of the first layer (PNG)")
    add("--json", action="store_true", help="print a line of JSON for each picture, and nothing else on stdout")
    add("--checkpoint", choices=("best", "latest"), default="best", help="which of the run's (default best)")
    add_devices(result)
    return result


def run(args: argparse.Namespace) -> None:
    """Carry out the command."""
    if not args.images and (args.filters is None or args.figure or args.nearest):
        raise RunError("there is no picture to look at; name image files, or only --filters FILE")
    told = sys.stderr if args.json else sys.stdout
    if args.figure and len(args.images) > MOST_ROWS:
        raise RunError(f"a figure shows at most {MOST_ROWS} pictures, got {len(args.images)}; leave --figure out")
    check_address_space()
    predictor = load_predictor(args.run, args.checkpoint == "best", args.devices)
    if args.filters:
        filters = figures.first_filters(predictor.model)
        if not filters:
            raise RunError(f"no convolution of the network of {args.run} sees the picture itself; leave --filters out")
        figures.save_figure(figures.filters(filters), args.filters)
        say(f"{args.filters}: the filters of the first layer", told)
    if not args.images:
        return
    index = open_index(predictor, args.nearest, open_store(args.nearest)) if args.nearest else None
    rows: list[figures.Seen] = []
    unread: list[str] = []
    for start in range(0, len(args.images), BATCH):
        batch = args.images[start : start + BATCH]
        drawn, reasons = _look(predictor, index, batch, args.figure is not None, _line if args.json else _text)
        rows, unread = rows + drawn, unread + reasons
    if rows:
        figures.save_figure(figures.seen(rows), args.figure)
        say(f"{args.figure}: Figure 4 of the paper, with these pictures", told)
    if unread:  # the answers for the others are printed
        raise DataError("; ".join(unread))


def _look(
    predictor: Predictor,
    index: Index | None,
    batch: Sequence[Path],
    drawn: bool,
    answer: Callable[[Path, Sequence[Label], Sequence[Neighbour]], str],
) -> tuple[list[figures.Seen], list[str]]:
    """Print what the network says of a batch of pictures, as `answer` writes it.

    Returns:
        the rows of the figure, if one will be drawn; and why the pictures cannot be read that have no answer.
    """
    paths, shown, rescaled, unread = [], [], [], []
    for path in batch:
        try:
            image = read_image(path, max(predictor.rescale, SHOWN))
        except DataError as error:
            unread.append(str(error))
            continue
        paths.append(path)
        rescaled.append(rescale(_channels(image, predictor), predictor.rescale, predictor.digit_width))
        shown.append(_reduced(image) if drawn else image[:0])
    if not paths:
        return [], unread
    images = np.stack(rescaled)
    probabilities = predictor.probabilities(images, predictor.most_views)
    neighbours: list[list[Neighbour]] = [[] for _ in paths]
    if index is not None:
        neighbours = index.nearest(predictor.hidden(images), NEIGHBOURS)
    rows = []
    for path, image, row, near in zip(paths, shown, probabilities, neighbours, strict=True):
        labels = _best(predictor, row)
        print(answer(path, labels, near), flush=True)
        words = [(label.words, label.probability) for label in labels]
        rows.append(figures.Seen(printable(path.name), image, words, [(each.image, each.words) for each in near]))
    return rows if drawn else [], unread


def _reduced(image: np.ndarray) -> np.ndarray:
    """A picture as large as a figure can show: uint8 (H, W, C)."""
    picture = Image.fromarray(image)
    picture.thumbnail((SHOWN, SHOWN))
    return np.asarray(picture)


def _channels(image: np.ndarray, predictor: Predictor) -> np.ndarray:
    """RGB as the network takes it: uint8 (H, W, C)."""
    if predictor.channels == 3:
        return image
    if predictor.channels != 1:
        raise RunError("this network takes stereo pairs, and an image file is only one picture")
    return (image @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)[:, :, np.newaxis]


class Label(NamedTuple):
    """What a picture may show: the class's identifier, its words, and how probable it is."""

    id: str
    words: str
    probability: float


def _best(predictor: Predictor, row: np.ndarray) -> list[Label]:
    """The most probable labels."""
    order = np.argsort(-row, kind="stable")[:LABELS]
    return [Label(predictor.ids[label], predictor.classes[label], float(row[label])) for label in order]


def _line(path: Path, labels: Sequence[Label], neighbours: Sequence[Neighbour]) -> str:
    """The answer for a program."""
    near = [{"name": each.name, "words": each.words, "distance": each.distance} for each in neighbours]
    answer: dict[str, Any] = {"image": str(path), "labels": [label._asdict() for label in labels]}
    return json.dumps({**answer, "nearest": near} if near else answer)


def _text(path: Path, labels: Sequence[Label], neighbours: Sequence[Neighbour]) -> str:
    """The answer for people."""
    lines = [str(path)]
    lines += [f"  {100 * label.probability:6.2f} %  {label.words}" for label in labels]
    if neighbours:
        lines.append("  nearest training pictures, by distance in the last hidden layer:")
        lines += [f"  {each.distance:8.2f}  {each.name}  ({each.words})" for each in neighbours]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, predict, and turn what a user can get wrong into one sentence and exit status 2."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
