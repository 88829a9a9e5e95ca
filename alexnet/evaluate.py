"""python -m alexnet.evaluate: top-1 and top-5 error of one run, or of several averaged, on one view or on ten."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from alexnet import figures
from alexnet.cli import Parser, add_devices, check_address_space, nonempty, nonempty_path, run_command
from alexnet.data import VIEWS, DataSet, Split, open_dataset, printable
from alexnet.files import whole
from alexnet.inference.predictor import Predictor, probabilities_of
from alexnet.run.folder import RunError, RunFolder
from alexnet.run.trained import load_predictor
from alexnet.scores import Errors, errors
from alexnet.terminal import counted, say

EPILOG = """\
examples:
  python -m alexnet.evaluate runs/paper --views 10
      the ten views of section 4.1 on the validation pictures of the run's data
  python -m alexnet.evaluate runs/paper runs/paper-2 --views 10 --report out
      each run, and their average, as in the paper's tables; with the confusion
      of classes and the worst mistakes
"""
MISTAKES = 20  # pictures


def parser() -> Parser:
    """The command line."""
    result = Parser(
        prog="python -m alexnet.evaluate",
        description="Measure the error of trained networks; several together are averaged.",
        epilog=EPILOG,
    )
    add = result.add_argument
    add("runs", nargs="+", type=nonempty_path, metavar="RUN", help="folder of a run")
    add(
        "--data",
        type=nonempty,
        metavar="PATH",
        help="what to measure on, as for alexnet.train (default: the first run's own data)",
    )
    add("--split", choices=("val", "test"), default="val", help="the part of it (default val)")
    add(
        "--views",
        type=int,
        choices=VIEWS,
        default=1,
        help="the centre, the paper's ten, or cuda-convnet's nine: 3 x 3 places (default 1)",
    )
    add("--checkpoint", choices=("best", "latest"), default="best", help="which of a run's (default best)")
    add(
        "--report",
        type=report_folder,
        metavar="DIR",
        help="write the table, the confusion of classes and the worst mistakes",
    )
    add("--json", action="store_true", help="print one line of JSON, and nothing else on stdout")
    add_devices(result)
    return result


def report_folder(text: str) -> Path:
    """A folder that is there or can be made, so that no work is done in vain; it is made when there is a report."""
    path = nonempty_path(text)
    try:
        there = next((each for each in (path, *path.parents) if each.exists()), path)
        possible = there.is_dir() and os.access(there, os.W_OK)
    except OSError:  # as for a name that is too long
        possible = False
    if not possible:
        raise argparse.ArgumentTypeError(f"{text} cannot be made, or not be written to; choose another folder")
    return path


def run(args: argparse.Namespace) -> None:
    """Carry out the command."""
    check_address_space()
    data = _data(args.runs, args.data)
    split = data.splits().get(args.split)
    if split is None:
        raise RunError(f"{data.name} has no part {args.split}; it has {', '.join(data.splits())}")
    for folder in args.runs[1:]:  # all are looked at before the long work on the first begins
        _fits(load_predictor(folder, args.checkpoint == "best", args.devices), data, folder, args.views)
    table: list[tuple[str, Errors]] = []
    total = np.zeros((len(split), len(data.classes)))
    readable = np.ones(len(split), bool)
    reasons: list[str] = []
    for folder in args.runs:
        predictor = load_predictor(folder, args.checkpoint == "best", args.devices)
        _fits(predictor, data, folder, args.views)
        probabilities, found, why = probabilities_of(predictor, split, args.views)
        readable &= found
        reasons += why
        read = np.flatnonzero(readable)
        total += probabilities
        table.append((printable(str(folder)), errors(probabilities[read], split.labels[read])))
    if len(args.runs) > 1:
        table.append((f"average of {len(args.runs)}", errors(total[read], split.labels[read])))
    text = _table(table, f"{data.name}, {args.split}, {counted(args.views, 'view')}")
    if reasons:
        text += f"\n\n{len(split) - len(read)} of {len(split):,} pictures left out: {reasons[0]}"
    print(_line(table, data, args.split, args.views, len(split) - len(read)) if args.json else text)
    if args.report:
        _report(args.report, text, data, split, read, total[read] / len(args.runs))
        say(
            f"{args.report} holds table.txt, confusion.csv, confusion.png and mistakes.png",
            sys.stderr if args.json else sys.stdout,
        )


def _data(folders: Sequence[Path], source: str | None) -> DataSet:
    """The data set, whose split must be the same for all runs: none is tested on what another has learned."""
    settings = [RunFolder(folder).read_settings() for folder in folders]
    source = source or settings[0]["data"]
    seeds = [each["seed"] for each in settings]
    data = open_dataset(source, seeds[0])
    for folder, seed in zip(folders, seeds, strict=True):
        if source != "shapes" and seed != seeds[0]:
            other = open_dataset(source, seed)
            if other.val.fingerprint != data.val.fingerprint:
                raise RunError(
                    f"{folder} was trained with the seed {seed} and {folders[0]} with {seeds[0]}, which split {source} "
                    "in two ways: one's validation pictures are the other's training pictures; use data with a val/"
                )
    return data


def _fits(predictor: Predictor, data: DataSet, folder: Path, views: int) -> None:
    known, there = predictor.ids, data.ids or data.classes
    if known != there:
        pairs = zip_longest(known, there, fillvalue="no more")
        first, other = next((one, other) for one, other in pairs if one != other)
        raise RunError(
            f"{folder} knows {len(known)} classes, {data.name} has {len(there)}, and where they begin to differ it has "
            f"{other} instead of {first}; evaluate on data with the same classes"
        )
    if predictor.channels != data.channels:
        raise RunError(f"{folder} takes pictures of {predictor.channels} channels, {data.name} has {data.channels}")
    if views > predictor.most_views:
        raise RunError(
            f"the network of {folder} sees the whole picture ({predictor.crop} x {predictor.crop}), of which there is "
            "one view and no corners; leave --views out"
        )


def _line(rows: Sequence[tuple[str, Errors]], data: DataSet, split: str, views: int, left_out: int) -> str:
    """The errors for a program: of each run, and of their average where there are several."""
    results = [
        {"run": name, "top1_error": found.top1_percent, "top5_error": found.top5_percent, "pictures": found.count}
        for name, found in rows
    ]
    return json.dumps({"data": data.name, "split": split, "views": views, "left_out": left_out, "results": results})


def _table(rows: Sequence[tuple[str, Errors]], title: str) -> str:
    width = max(len(name) for name, _ in rows)
    lines = [title, ""]
    for name, found in rows:
        lines.append(f"{name:{width}s}  top-1 error {found.top1_percent:6.2f} % ({found.top1:,} of {found.count:,})")
        lines.append(f"{'':{width}s}  top-5 error {found.top5_percent:6.2f} % ({found.top5:,} of {found.count:,})")
    return "\n".join(lines)


def _report(folder: Path, text: str, data: DataSet, split: Split, read: np.ndarray, probabilities: np.ndarray) -> None:
    """The folder of --report; `read` are the pictures of the split that the probabilities (n, classes) are of."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / "table.txt") as beside:
        beside.write_text(text + "\n", encoding="utf-8")
    said, labels = probabilities.argmax(axis=1), split.labels[read]
    confusion = np.zeros((len(data.classes), len(data.classes)), np.int64)
    np.add.at(confusion, (labels, said), 1)
    ids = data.ids or data.classes
    with whole(folder / "confusion.csv") as beside, beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["true \\ predicted", *ids])
        writer.writerows([name, *row] for name, row in zip(ids, confusion.tolist(), strict=True))
    figures.save_figure(figures.confusion(confusion, data.classes), folder / "confusion.png")
    sureness = np.where(said == labels, -1.0, probabilities.max(axis=1))
    worst = [int(index) for index in np.argsort(-sureness, kind="stable")[:MISTAKES] if sureness[index] >= 0]
    mistakes = [
        figures.Mistake(
            split.image(int(read[index])),
            data.classes[labels[index]],
            data.classes[said[index]],
            float(probabilities[index, said[index]]),
        )
        for index in worst
    ]
    figures.save_figure(figures.mistakes(mistakes), folder / "mistakes.png")


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, evaluate, and turn what a user can get wrong into one sentence and exit status 2."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
