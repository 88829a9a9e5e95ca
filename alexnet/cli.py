"""What the commands have in common: kinds of arguments, and errors in one sentence."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import minigrad as mg
from alexnet.terminal import alike, command_line, did_you_mean, drain, folded, say, suggestion
from minigrad.distributed import DistributedError

if sys.platform != "win32":
    import resource

__all__ = [
    "Parser",
    "add_changes",
    "add_devices",
    "change",
    "check_address_space",
    "devices",
    "nonempty",
    "nonempty_path",
    "picture_file",
    "positive",
    "run_command",
    "seed",
]

BROKEN_PIPE = 128 + 13  # SIGPIPE: whoever read what a command printed has gone, as `head` does
RATES = {"learning_rate": "lr"}  # what is called otherwise elsewhere


LEAST_MEMORY = 1.25 * 2**30  # bytes of address space: Python and its libraries, and the compiler at work


class Parser(argparse.ArgumentParser):
    """argparse's, which suggests what may have been meant, keeps line breaks, and allows no abbreviations.

    Attributes:
        keys: of a recipe, which `--set` changes.
    """

    def __init__(self, description: str, **options: Any) -> None:
        super().__init__(
            description=folded(description, shutil.get_terminal_size().columns - 2, ""),  # as argparse folds the rest
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )
        self.keys: tuple[str, ...] = ()

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            choices = [str(choice) for choice in action.choices or ()]
            error.message += suggestion([str(value)], choices)
            raise

    def error(self, message: str) -> NoReturn:
        """End the process with a sentence, as all other errors do, without the usage that argparse puts before it."""
        self.exit(2, f"{self.prog}: error: {message}\n")

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Parse the arguments, or end the process with status 2."""
        args, unknown = self.parse_known_intermixed_args(argv)  # files may come after flags
        if unknown:
            following = [*unknown[1:], ""]
            meant = [self._meant(*pair) for pair in zip(unknown, following, strict=True) if pair[0].startswith("-")]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{did_you_mean(meant)}")
        return args

    def _meant(self, word: str, following: str) -> str:
        """The flag that a word may stand for, or the `--set` of a recipe's key; "" if nothing is like it."""
        flag, equals, value = word.partition("=")
        flags = {each.lstrip("-"): each for each in self._option_string_actions}
        dashed, name = flag.lstrip("-").replace("_", "-"), flag.lstrip("-").replace("-", "_")
        if dashed in flags:
            return flags[dashed]
        name = RATES.get(name, name)
        key = next((key for key in self.keys if name in (key, key.rpartition(".")[2])), "")
        if key:
            value = value if equals or following.startswith("--") else following
            return command_line("--set", f"{key}={value or 'VALUE'}")
        return flags.get(alike(dashed, list(flags)), "")


def nonempty(text: str) -> str:
    """The name of a data set, a file or a folder: not "", which a shell makes of a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("a name is expected; got ''")
    return text


def nonempty_path(text: str) -> Path:
    """A file or a folder."""
    return Path(nonempty(text))


def positive(text: str) -> int:
    """A whole number from 1 to 10^18 - 1."""
    if not text.isdecimal() or len(text) > 18 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number, 1 or more; got {text!r}")
    return int(text)


def seed(text: str) -> int:
    """A whole number below 2^63."""
    if not text.isdecimal() or len(text) > 19 or int(text) >= 2**63:
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
    file = nonempty_path(text)
    if file.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"pictures are written as PNG; name a file that ends in .png, not {text!r}")
    try:
        possible = not file.is_dir() and file.parent.is_dir() and os.access(file.parent, os.W_OK)
    except OSError:  # as for a name that is too long
        possible = False
    if not possible:
        raise argparse.ArgumentTypeError(f"{text} cannot be written; name a file in a folder that is there and yours")
    return file


def add_devices(parser: Parser) -> None:
    """The flag of commands that use a trained network."""
    parser.add_argument(
        "--devices",
        type=devices,
        default=["cpu:0"],
        metavar="NAMES",
        help="one device for the whole network or one for each column, such as cuda:0,cuda:1 (default cpu:0)",
    )


def change(text: str) -> tuple[str, Any]:
    """KEY=VALUE, the value as JSON writes it, or as text where it is no JSON."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"KEY=VALUE, such as lr=0.005; got {text!r}")
    for read in (json.loads, float):  # the second for numbers that JSON does not know, as .5
        with suppress(ValueError, RecursionError):
            return key, read(value)
    return key, value


def add_changes(parser: Parser, keys: Iterable[str]) -> None:
    """The flag that changes a recipe, which has these keys."""
    parser.keys = tuple(keys)
    parser.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        type=change,
        metavar="KEY=VALUE",
        help="change the recipe, such as lr=0.005, augmentation.crop=200 or 'drop_epochs=[20, 40]'; may be repeated",
    )


def check_address_space() -> None:
    """Raise ValueError where this process may use so little memory that LLVM would end it without a word of ours."""
    if sys.platform == "win32":
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_MEMORY:
        raise ValueError(
            f"this process is held to {limit / 2**30:.2f} GiB of memory (ulimit -v), and compiling the kernels takes "
            f"{LEAST_MEMORY / 2**30:g} GiB or more; raise the limit"
        )


def run_command(
    parser: Parser,
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
    try:
        args = parser.parse(argv)
        return _carried_out(parser.prog, lambda: run(args), interrupted, memory)
    finally:
        drain()


def _carried_out(prog: str, run: Callable[[], int | None], interrupted: str, memory: str) -> int:
    """The exit status of a command; errors are told on stderr."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal may not know a letter: then it is spelled out
        sys.stdout.reconfigure(errors="backslashreplace")
    warnings.filterwarnings("ignore", module="PIL")  # what is only odd about a picture; what cannot be read is an error
    try:
        status = run() or 0
        print(end="", flush=True)  # here, where an error is told
        return status
    except KeyboardInterrupt:
        say(f"\n{interrupted}", sys.stderr)
        return 130
    except BrokenPipeError:
        return BROKEN_PIPE
    except MemoryError as error:
        text = f"out of memory ({error}){memory}"
    except OSError as error:
        text = f"{error.filename} cannot be read or written ({error.strerror})" if error.filename else str(error)
    except (ValueError, mg.DeviceMismatchError, DistributedError) as error:
        text = str(error)
    with suppress(OSError):
        print(f"{prog}: error: {text}", file=sys.stderr)
    return 2
