"""python -m alexnet.prepare: make a store of 256 x 256 pictures from the archives or folders of a data set."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from alexnet.cli import Parser, nonempty, nonempty_path, positive, run_command, seed
from alexnet.data import WORDS, cores, open_dataset
from alexnet.data.store.layout import open_store, verify
from alexnet.data.store.preparation import SIZE, Result, prepare_claimed, preparing
from alexnet.terminal import amount, command_line, say

EPILOG = """\
sources:
  a folder with ILSVRC's archives as they are distributed, or what is in them:
      ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar,
      ILSVRC2012_devkit_t12.tar.gz
      ILSVRC2010_images_train.tar, ..._val.tar, ..._test.tar, patch_images.tar,
      the devkit and ILSVRC2010_test_ground_truth.txt
  a folder of class folders, with or without train/ and val/
  whatever else alexnet.train takes as --data

examples:
  python -m alexnet.prepare /data/ILSVRC2012 imagenet.store
      continues where it was if it is interrupted
  python -m alexnet.prepare --verify imagenet.store
      compares every file with its checksum
"""
MANY = 100_000  # training pictures; of fewer, a network of 61 million weights learns little


def parser() -> Parser:
    """The command line."""
    result = Parser(
        prog="python -m alexnet.prepare",
        description="Bring the pictures of a data set to 256 x 256, as section 2 of the paper says, and keep them in a "
        "store: fast to read at any size, with the mean image and the colour components beside the pictures.",
        epilog=EPILOG,
    )
    add = result.add_argument
    add("source", type=nonempty, metavar="SOURCE", nargs="?", help="see below")
    add("store", type=nonempty_path, metavar="STORE", help="the folder to make")
    add("--workers", type=positive, default=cores(), help="processes (default: one per core, here %(default)s)")
    add("--seed", type=seed, default=0, help="of the 9 : 1 split where class folders come without train/ and val/")
    add("--verify", action="store_true", help="check a store instead of making one")
    return result


def _tell(store: Path, result: Result) -> None:
    """What became of the source."""
    counts = ", ".join(f"{count:,} {name}" for name, count in result.counts.items())
    say(f"{store}: {counts} pictures; its files are read-only from now on")
    if result.rejected:
        kinds = Counter(each.part for each in result.rejected)
        share = len(result.rejected) / (sum(result.counts.values()) + len(result.rejected))
        where = ", ".join(f"{number} of {name}" for name, number in kinds.items())
        loud = "WARNING: " if result.many else ""
        say(
            f"{loud}{len(result.rejected)} pictures ({100 * share:.2f} %; {where}) could not be used; "
            f"{store / 'rejected.csv'} says why",
            sys.stderr,
        )
    if result.empty:
        names = ", ".join(result.empty[:5]) + (", ..." if len(result.empty) > 5 else "")
        say(f"WARNING: {len(result.empty)} classes have no training picture left: {names}", sys.stderr)
    recipe = "paper" if result.counts["train"] >= MANY else "small"
    command = command_line("python", "-m", "alexnet.train", "--recipe", recipe, "--data", store)
    say(f"Next, train on it: {command}")


def _check_apart(source: str, store: Path) -> None:
    """Raise ValueError for a store that is its source or lies in it, where it would be taken for a class."""
    folder, result = Path(source).expanduser().resolve(), store.resolve()
    if source not in WORDS and folder in (result, *result.parents):
        raise ValueError(f"{store} lies in the source {source}, and would be taken for data; choose a place outside it")


def run(args: argparse.Namespace) -> None:
    """Carry out the command."""
    if args.verify:
        if args.source is not None:
            raise ValueError("--verify takes one path, STORE")
        open_store(args.store)
        verify(args.store, lambda name: say(f"{name} is whole"))
        return
    if args.source is None:
        raise ValueError("prepare takes two paths, SOURCE and STORE")
    _check_apart(args.source, args.store)
    with preparing(args.store):  # before a long listing
        data = open_dataset(args.source, args.seed)
        counts = ", ".join(f"{len(split):,} {name}" for name, split in data.splits().items())
        size = amount(sum(map(len, data.splits().values())) * data.channels * SIZE**2)
        say(f"{data.name}: {counts} pictures of {len(data.classes):,} classes")
        say(f"by {args.workers} workers, into {args.store}, which will take {size}")
        result = prepare_claimed(data, args.store, args.workers, progress=True)
    if result.continued:
        say(f"{result.continued:,} of the pictures had been done before")
    _tell(args.store, result)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, prepare, and turn what a user can get wrong into one sentence and exit status 2."""
    return run_command(parser(), run, argv, interrupted="stopped; the same command goes on from here")


if __name__ == "__main__":
    sys.exit(main())
