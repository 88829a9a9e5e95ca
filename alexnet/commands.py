"""What the commands have in common: kinds of arguments, and errors in one sentence."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import minigrad as mg

__all__ = ["add_devices", "command_line", "devices", "picture_file", "positive", "run_command", "seed"]


def command_line(*words: str | Path) -> str:
    """A command to be pasted into a shell: names with spaces and the like are quoted."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number, 1 or more; got {text!r}")
    return int(text)


def seed(text: str) -> int:
    """A whole number below 2^63."""
    if not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"a whole number from 0 to 2^63 - 1; got {text!r}")
    return int(text)


def devices(text: str) -> list[str]:
    """Names of devices, as cpu:0,cpu:1."""
    try:
        return [str(mg.device(name.strip())) for name in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def picture_file(text: str) -> Path:
    """Where a picture will be written: a .png in a folder that is there, so that no work is done in vain."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"pictures are written as PNG; name a file that ends in .png, not {text!r}")
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written; name a file in a folder that is there and yours")
    return path


def add_devices(parser: argparse.ArgumentParser) -> None:
    """The flag of commands that use a trained network."""
    parser.add_argument(
        "--devices",
        type=devices,
        default=["cpu:0"],
        metavar="NAMES",
        help="one device for the whole network or one for each column, such as cuda:0,cuda:1 (default cpu:0)",
    )


def run_command(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace], int | None],
    argv: Sequence[str] | None,
    *,
    interrupted: str = "stopped",
    memory: str = "",
) -> int:
    """Parse and run; what a user can get wrong becomes one sentence and exit status 2.

    Args:
        parser: of the command line.
        run: the command; what it returns is the exit status, None is 0.
        argv: its arguments; None for those of the process.
        interrupted: what to say after Control-C.
        memory: advice when memory ran out.
    """
    args = parser.parse_args(argv)
    warnings.filterwarnings("ignore", module="PIL")  # what is only odd about a picture; what cannot be read is an error
    try:
        return run(args) or 0
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return 130
    except MemoryError as error:
        print(f"{parser.prog}: error: out of memory ({error}){memory}", file=sys.stderr)
        return 2
    except OSError as error:
        about = f"{error.filename} cannot be read or written ({error.strerror})" if error.filename else error
        print(f"{parser.prog}: error: {about}", file=sys.stderr)
        return 2
    except (ValueError, mg.DeviceMismatchError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
