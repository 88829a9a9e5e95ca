"""python -m alexnet.model: the table of Figure 2, and that of any layer file of cuda-convnet."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from alexnet.cli import Parser, devices, nonempty_path, positive, run_command
from alexnet.cuda_convnet import LayerNet, picture_channels, read_sections, read_text
from alexnet.model.alexnet import AlexNet
from alexnet.model.table import format_table, layer_table
from alexnet.terminal import line_width


def parser() -> Parser:
    """The command line."""
    result = Parser(prog="python -m alexnet.model", description="Print the layers of AlexNet, or of a layer file.")
    result.add_argument(
        "--columns", type=int, choices=(1, 2), help="2, or 1 for the one-GPU net of section 3.2 (default 2)"
    )
    result.add_argument("--layers", type=nonempty_path, metavar="FILE", help="a layer file of cuda-convnet instead")
    result.add_argument("--image-size", type=positive, metavar="S", help="side of the pictures; with --layers")
    result.add_argument("--classes", type=positive, metavar="K", help="number of classes; with --layers")
    result.add_argument(
        "--devices",
        type=devices,
        metavar="NAMES",
        help="what gpu=0, gpu=1, ... stand for; with --layers (default cpu:0)",
    )
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table of Figure 2, or of a layer file."""
    command = parser()

    def run(args: argparse.Namespace) -> None:
        sizes = {"--image-size": args.image_size, "--classes": args.classes}
        if args.layers is None:
            given = next((name for name, value in (*sizes.items(), ("--devices", args.devices)) if value), "")
            if given:
                command.error(f"{given} goes with --layers FILE")
            print(format_table(layer_table(AlexNet(columns=args.columns or 2)), line_width()))
            return
        missing = [name for name, value in sizes.items() if value is None]
        if missing or args.columns:
            command.error(
                f"--layers FILE needs {' and '.join(missing)}" if missing else "--columns is of AlexNet alone"
            )
        layers = read_sections(read_text(args.layers), str(args.layers))
        where = args.devices or ["cpu:0"]
        net = LayerNet(layers, {}, args.image_size, picture_channels(layers), args.classes, where)
        print(format_table(layer_table(net), line_width()))

    return run_command(command, run, argv)


if __name__ == "__main__":
    sys.exit(main())
