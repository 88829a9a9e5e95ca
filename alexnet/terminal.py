"""Text for people: how quantities and commands are written, how lines fit a terminal, and printing them.

Nothing is broken within a number, or within a command that may be pasted.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

__all__ = [
    "alike",
    "amount",
    "as_many_as_fit",
    "command_line",
    "counted",
    "did_you_mean",
    "drain",
    "duration",
    "folded",
    "line_width",
    "say",
    "side_by_side",
    "suggestion",
    "table",
]

GAP = "  "  # between parts and between columns
LEAST = 20  # characters; what is narrower is not folded further
KEPT = "\0"  # a space that no line is broken at
# Spaces within "3 x 3", "3 / 2", "5 %", "2 GB", "N(0, 0.1)", and all of a command at the end, which may be pasted.
WHOLE = re.compile(r"\d( [x/] (?=\d)| (?=%|[kMG]B))|\(0(, )|(python -m alexnet\.\w+ .*)")


def duration(seconds: float) -> str:
    """A time as 0:42, 3:45:10 or 2 d 4 h."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def amount(size: int) -> str:
    """Bytes as 0 MB, 488 MB or 2.0 GB."""
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{size / 1e6:.0f} MB"


def counted(count: int, word: str) -> str:
    """1 epoch, 2 epochs."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def command_line(*words: str | Path) -> str:
    """A command to be pasted into a shell: names with spaces and the like are quoted."""
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def suggestion(words: Sequence[str], known: Iterable[str]) -> str:
    """The known words that are most like some others, as the end of a sentence; "" if none are."""
    known = list(known)
    return did_you_mean(alike(word, known) for word in words)


def alike(word: str, known: Sequence[str]) -> str:
    """The known word that may be meant by another; "" if none is like it.

    Parts of a word are joined by dots. Meant is the one with the same last part, else the one most alike, the first
    that begins with the word, or the one whose last part is most alike.
    """
    lasts = {each.rpartition(".")[2]: each for each in reversed(known)}
    last = word.rpartition(".")[2]
    if last in lasts:
        return lasts[last]
    near = get_close_matches(word, known, n=1) or [each for each in known if word and each.startswith(word)]
    return next(iter(near or [lasts[each] for each in get_close_matches(last, lasts, n=1)]), "")


def did_you_mean(words: Iterable[str]) -> str:
    """The end of a sentence that asks so, of the words that are not ""; "" if there are none."""
    found = dict.fromkeys(word for word in words if word)
    return f"; did you mean {' and '.join(found)}?" if found else ""


def line_width() -> float:
    """How many characters a printed line may have: one less than a terminal is wide, any number elsewhere."""
    printed = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns - 1 if printed else math.inf


def folded(text: str, width: float, indent: str = GAP) -> str:
    """A line broken between words into lines of at most `width` characters, those after the first indented.

    Commands, and words longer than a line, stay whole.
    """
    if len(text) <= width:
        return text
    whole = WHOLE.sub(lambda match: match[0].replace(" ", KEPT), text)
    wrapper = textwrap.TextWrapper(
        max(LEAST, int(width)),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
    return "\n".join(wrapper.wrap(whole)).replace(KEPT, " ")


def side_by_side(parts: Iterable[str], width: float) -> str:
    """Parts in a row; on several lines, broken between parts, where they are wider."""
    return folded(GAP.join(part.replace(" ", KEPT) for part in parts), width).replace(KEPT, " ")


def as_many_as_fit(parts: Sequence[str], width: float) -> str:
    """The first parts in a row, as many as a line has room for."""
    fitting = (GAP.join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((line for line in fitting if len(line) <= width), "")


def table(
    rows: Iterable[Sequence[str]], width: float = math.inf, right: Iterable[int] = (), ruled: bool = False
) -> str:
    """Rows of as many cells, in columns.

    Columns that have no room beside the others follow below, as a table that begins with the first column again. A cell
    that is too wide for the first column alone to stand beside it is folded.

    Args:
        rows: of cells; two or more if they are ruled.
        width: of a line.
        right: the numbers of columns whose cells are aligned to the right.
        ruled: whether there is a line below the first row and above the last.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    blocks: list[list[int]] = [[0]]
    for number in range(1, len(columns)):
        together = sum(widths[each] + len(GAP) for each in blocks[-1]) + widths[number]
        if together > width and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(number)
    right = set(right)
    return "\n\n".join(
        _block([columns[number] for number in block], width, [number in right for number in block], ruled)
        for block in blocks
    )


def _block(columns: Sequence[Sequence[str]], width: float, right: Sequence[bool], ruled: bool) -> str:
    """Columns side by side; the last gets the room that the others leave."""
    widths = [max(map(len, column)) for column in columns]
    room = width - sum(each + len(GAP) for each in widths[:-1])
    rows: list[list[str]] = []
    for row in zip(*columns, strict=True):
        last, *more = folded(row[-1], room, "").split("\n") if len(columns) > 1 else row
        cells = zip((*row[:-1], last), widths, right, strict=True)
        line = GAP.join(cell.rjust(each) if flush else cell.ljust(each) for cell, each, flush in cells)
        indent = " " * sum(each + len(GAP) for each in widths[:-1])
        rows.append([line.rstrip(), *(indent + each for each in more)])
    rule = ["-" * max(len(line) for row in rows for line in row)] if ruled else []
    head, *body, total = rows if len(rows) > 1 else (*rows, [])
    return "\n".join([*head, *rule, *(line for row in body for line in row), *rule, *total])


def say(text: str, stream: TextIO | None = None) -> None:
    """Print lines, folded where a terminal is too narrow for them. It is no error if nobody can read them any more.

    Args:
        text: without the last line break.
        stream: where to; stdout if not given.
    """
    width = line_width()
    try:
        print("\n".join(folded(line, width) for line in text.split("\n")), file=stream, flush=True)
    except BrokenPipeError:
        drain()
    except OSError:
        pass


def drain() -> None:
    """Write out what was printed; what cannot be is dropped, so that Python does not complain of it at the end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
