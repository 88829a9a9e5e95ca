"""python -m alexnet.experiments: the paper's claims in a line each, one put to the test, or the page of all."""

from __future__ import annotations

import argparse
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path

from alexnet.cli import Parser, add_devices, check_address_space, nonempty, nonempty_path, positive, run_command
from alexnet.data import SOURCES
from alexnet.experiments import report
from alexnet.experiments.catalogue import EXPERIMENTS
from alexnet.experiments.experiment import Runs
from alexnet.experiments.grid import train
from alexnet.experiments.timing import estimated_seconds
from alexnet.run.compiling import leave
from alexnet.run.folder import RunError
from alexnet.run.signals import Stop
from alexnet.terminal import command_line, line_width, say, table
from minigrad.distributed import world

EPILOG = """\
examples:
  python -m alexnet.experiments
      what there is, what it costs here, and what has been run
  python -m alexnet.experiments figure1 --budget 30m
      train for half an hour, and judge what there is; the same command once
      more goes on
  python -m alexnet.experiments report
      the page of all that were run: report.html and report.md
"""
OUT = Path("runs/experiments")
REPORT = "report"
UNITS = {"s": 1, "m": 60, "h": 3600}


def parser() -> Parser:
    """The command line."""
    result = Parser(
        prog="python -m alexnet.experiments",
        description="Put a claim of the paper to the test. Without a name: list them.",
        epilog=EPILOG,
    )
    add = result.add_argument
    add(
        "name",
        nargs="?",
        choices=(*EXPERIMENTS, REPORT),
        metavar="NAME",
        help="of an experiment; or report, for the page (default: list them)",
    )
    add("--data", type=nonempty, metavar="PATH", help=f"{SOURCES} (default: the experiment's own)")
    add("--seeds", type=positive, help="that are measured (default: the experiment's own number)")
    add(
        "--budget",
        type=budget,
        default=math.inf,
        metavar="TIME",
        help="for training, as 90s, 30m or 2h (default: no end)",
    )
    add("--out", type=nonempty_path, default=OUT, metavar="DIR", help=f"where results and runs are (default {OUT})")
    add_devices(result)
    return result


def budget(text: str) -> float:
    """A time in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not match or not float(match[1]):
        raise argparse.ArgumentTypeError(f"a time, as 90s, 30m or 2h; got {text!r}")
    return float(match[1]) * UNITS[match[2]]


def run(args: argparse.Namespace) -> int:
    """Carry out the command; returns 0, or 128 + the number of the signal that stopped it."""
    if args.name is None:
        print(_list(args))
        return 0
    if args.name == REPORT:
        say(f"written: {', '.join(map(str, report.write(args.out)))}")
        return 0
    start = time.monotonic()
    check_address_space()
    processes = world()
    if processes.rank:
        return 2  # rank 0 says why
    if processes.size > 1:
        raise RunError("experiments train one run after the other in one process; start them without mpiexec")
    runs, stop = _runs(args, args.name), Stop()
    if runs.experiment.brings_no_data and not runs.source:
        raise RunError(f"{args.name} brings no data; say where yours is with --data PATH")
    with stop.listening():
        done = train(runs, stop, start + args.budget)
    result = report.keep(runs, runs.experiment.judge(runs))
    say(f"\n{runs.experiment.name}: {runs.experiment.claim} (section {runs.experiment.section})")
    say(report.summary(result))
    if not done:
        say(f"not all is trained; go on with: {command_line('python', '-m', 'alexnet.experiments', *_words(args))}")
    return 128 + stop.signal if stop.signal else 0


def _runs(args: argparse.Namespace, name: str) -> Runs:
    experiment = EXPERIMENTS[name]
    seeds = args.seeds or experiment.seeds
    return Runs(experiment, args.out / name, args.data or experiment.data, seeds, args.devices)


def _words(args: argparse.Namespace) -> list[str]:
    """The command's own arguments, but for its budget."""
    flags = {"--data": args.data, "--seeds": args.seeds, "--out": args.out if args.out != OUT else None}
    flags["--devices"] = ",".join(args.devices) if args.devices != ["cpu:0"] else None
    return [args.name, *(str(word) for flag, value in flags.items() if value for word in (flag, value))]


def _list(args: argparse.Namespace) -> str:
    """All experiments as a table."""
    rows = [("name", "claim", "section", "data", "minutes at most", "run")]
    for name, experiment in EXPERIMENTS.items():
        runs = _runs(args, name)
        minutes = f"{estimated_seconds(runs) / 60:,.0f}"
        begun, result = sum(bool(trial.errors()) for trial in runs.all_trials()), report.kept(args.out, name)
        state = f"{begun} runs" if begun else "judged" if result else "not yet"
        data = experiment.data or ("your own" if experiment.brings_no_data else "none")
        rows.append((name, experiment.claim, experiment.section, data, minutes, state))
    return table(rows, line_width(), right=[rows[0].index("minutes at most")])


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and turn what a user can get wrong into one sentence and exit status 2."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    leave(main())
