"""python -m alexnet: the tools in a line each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from alexnet.cli import Parser, run_command
from alexnet.terminal import line_width, table

TOOLS = {
    "train": "train a network; by default a small one, in minutes",
    "evaluate": "measure the top-1 and top-5 error of trained nets",
    "predict": "label pictures, and find training pictures like them",
    "prepare": "make of a data set a store that is fast to read",
    "recipes": "list what can be trained, or show one as a table",
    "experiments": "what the paper claims, beside what is measured here",
    "model": "show the layers of AlexNet as a table",
}


def main(argv: Sequence[str] | None = None) -> int:
    """List the tools."""
    parser = Parser(prog="python -m alexnet", usage="python -m alexnet.TOOL ...", description="List the tools.")
    rows = [(f"python -m alexnet.{name}", text) for name, text in TOOLS.items()]
    text = table(rows, line_width()) + "\n\nEach tells more with --help."
    return run_command(parser, lambda args: print(text), argv)


if __name__ == "__main__":
    sys.exit(main())
