"""Whether every seed starts: python benchmarks/seeds.py --run shapes shapes --run small DIR --run small CALTECH 90

Trains each recipe on its data with one seed after the other, as `python -m alexnet.train` does, but stops a run once
its validation error is below half of that of chance, or below the percentage given as the third word; it looks after
every epoch, and within long ones. Each run that is over is a line in --out and is not made again: the same command goes
on where it was stopped, and prints the tables.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet.cli import Parser, add_changes, nonempty_path, positive, run_command
from alexnet.data import open_dataset
from alexnet.recipes import KEYS, RECIPES, Recipe
from alexnet.run.evaluation import evaluate
from alexnet.run.folder import RunError, RunFolder
from alexnet.run.trainer import DATA_WORKERS, Trainer

FIRST_STEPS = 20  # whose losses are averaged
EVERY = 250  # steps of a long epoch, after which the validation error is looked at too


class Threshold:
    """Whether a run's validation error is below a number; asked after every step, it notes the first losses too.

    Attributes:
        trainer: of the run.
        first_loss: the mean over the first steps, in nats.
        error: the lowest validation error so far, in percent.
        epochs: how many it took, to a hundredth.
    """

    def __init__(self, trainer: Trainer, below: float) -> None:
        self.trainer, self.below, self.first_loss = trainer, below, 0.0
        self.error, self.epochs = 100.0, 0.0
        self._step = 0  # of the last look: this is asked again within evaluations

    def __call__(self) -> bool:
        """Whether to stop."""
        progress, trainer = self.trainer.progress, self.trainer
        if progress.step == self._step:
            return self.error < self.below
        self._step = progress.step
        if progress.step <= FIRST_STEPS and progress.epoch == 1:
            self.first_loss = progress.loss_sum / progress.seen
        self.look(progress.best_top1, progress.best_epoch)
        steps = len(trainer.train_loader)
        if progress.step_in_epoch % EVERY == 0 and progress.step_in_epoch < steps:
            score = evaluate(trainer.model, trainer.val_sweep, trainer.device)
            assert score is not None  # nobody stops it
            self.look(score.top1, round(progress.step / steps, 2))
        return self.error < self.below

    def look(self, error: float, epochs: float) -> None:
        """Take a validation error that was reached after so many epochs."""
        if error < self.error:
            self.error, self.epochs = error, epochs


def train(recipe: Recipe, source: str, below: float | None, seed: int) -> dict[str, Any]:
    """Train with a seed until the threshold, or to the end; returns the line for the file."""
    data = open_dataset(source, seed)
    if below is None:
        below = 50 * (1 - 1 / len(data.classes))
    failed = ""
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(recipe, data, ["cpu:0"], seed, RunFolder(Path(scratch)), DATA_WORKERS)
        trainer.measure()
        trainer.folder.create({"recipe": recipe.to_json()})
        threshold = Threshold(trainer, below)
        try:
            trainer.run(stop=threshold)
        except RunError as error:
            failed = str(error)
        events = [line["reason"] for line in trainer.folder.lines() if line.get("event") == "flat"]
    threshold.look(trainer.progress.best_top1, trainer.progress.best_epoch)
    return {
        "name": f"{recipe.name} on {data.name}",
        "below": below,
        "learned": threshold.error < below,
        "epochs": threshold.epochs,
        "error": threshold.error,
        "first_loss": threshold.first_loss,
        "told": [*events, failed] if failed else events,
    }


def told(line: dict[str, Any]) -> str:
    """What the run said of a start that failed, for a table."""
    return "; ".join(line["told"]).replace("|", "/")


def span(values: Sequence[float], digits: int) -> str:
    """Median, smallest and largest."""
    middle, low, high = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def tables(groups: Sequence[Sequence[dict[str, Any]]]) -> str:
    """A line for each recipe on its data, then one for each seed."""
    rows = [
        "| recipe and data | counts below | seeds that learned | epochs | error, % | loss of the first steps |",
        "|---|---|---|---|---|---|",
    ]
    for lines in groups:
        good = [line for line in lines if line["learned"]]
        rows.append(
            f"| {lines[0]['name']} | {lines[0]['below']:g} % | {len(good)} of {len(lines)} | "
            f"{span([line['epochs'] for line in good or lines], 2)} | {span([line['error'] for line in lines], 2)} | "
            f"{span([line['first_loss'] for line in lines], 2)} |"
        )
    for lines in groups:
        rows += ["", lines[0]["name"], "", "| seed | epochs | error, % | loss of the first steps | told |"]
        rows.append("|---|---|---|---|---|")
        for line in lines:
            epochs = f"{line['epochs']:g}" if line["learned"] else "not learned"
            rows.append(
                f"| {line['seed']} | {epochs} | {line['error']:.2f} | {line['first_loss']:.2f} | {told(line)} |"
            )
    return "\n".join(rows)


def run(args: argparse.Namespace) -> None:
    """Make the runs that are missing, and print the tables."""
    done = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    groups = []
    for name, source, *limit in args.runs:
        if name not in RECIPES or len(limit) > 1:
            raise ValueError(f"--run takes a recipe ({', '.join(RECIPES)}), its data and a percentage; got {name} ...")
        recipe = RECIPES[name].changed(args.changes)
        below = float(limit[0]) if limit else None
        lines = []
        for seed in range(args.seeds):
            key = {"recipe": recipe.to_json(), "source": source, "given": below, "seed": seed}
            line = next((each for each in done if key.items() <= each.items()), None)
            if line is None:
                print(f"\n{name} on {source}, seed {seed}", flush=True)
                line = key | train(recipe, source, below, seed)
                with args.out.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            lines.append(line)
        groups.append(lines)
    print(tables(groups))


def main() -> int:
    """Read the command line and run."""
    parser = Parser(prog="python benchmarks/seeds.py", description=__doc__)
    add = parser.add_argument
    add(
        "--run",
        dest="runs",
        action="append",
        nargs="+",
        required=True,
        metavar=("RECIPE", "DATA"),
        help="may be repeated",
    )
    add("--seeds", type=positive, default=20, help="how many, from 0 (default 20)")
    add("--out", type=nonempty_path, default=Path("seeds.jsonl"), metavar="FILE", help="default seeds.jsonl")
    add_changes(parser, KEYS)
    return run_command(parser, run, None, interrupted="stopped; the same command goes on")


if __name__ == "__main__":
    sys.exit(main())
