"""python -m alexnet.recipes: the recipes in a line each, or one as a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from alexnet.cli import Parser, add_changes, run_command
from alexnet.recipes.catalogue import RECIPES
from alexnet.recipes.recipe import KEYS
from alexnet.recipes.table import catalogue, recipe_table, summaries
from alexnet.terminal import line_width


def parser() -> Parser:
    """The command line."""
    result = Parser(
        prog="python -m alexnet.recipes",
        description="List the recipes, or show one as a table: network, rates of each layer, schedule, augmentation.",
        epilog=summaries(),
    )
    result.add_argument("name", nargs="?", choices=RECIPES, metavar="NAME", help="of a recipe (default: list them all)")
    add_changes(result, KEYS)
    return result


def run(args: argparse.Namespace) -> None:
    """Carry out the command."""
    if args.name is None:
        if args.changes:
            raise ValueError("--set changes one recipe; name it")
        print(catalogue(line_width()))
    else:
        print(recipe_table(RECIPES[args.name].changed(args.changes), line_width()))


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, show, and turn what a user can get wrong into one sentence and exit status 2."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
