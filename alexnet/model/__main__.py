"""python -m alexnet.model: the table of Figure 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from alexnet.cli import Parser, run_command
from alexnet.model.alexnet import AlexNet
from alexnet.model.table import format_table, layer_table
from alexnet.terminal import line_width


def parser() -> Parser:
    """The command line."""
    result = Parser(prog="python -m alexnet.model", description="Print the layers of AlexNet.")
    result.add_argument(
        "--columns", type=int, choices=(1, 2), default=2, help="2, or 1 for the one-GPU net of section 3.2 (default 2)"
    )
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of Figure 2."""

    def run(args: argparse.Namespace) -> None:
        print(format_table(layer_table(AlexNet(columns=args.columns)), line_width()))

    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
