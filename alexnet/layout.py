"""Text for lines of a given width: sentences, parts of a line, tables. Nothing is broken within a number."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence

__all__ = ["as_many_as_fit", "folded", "side_by_side", "table"]

GAP = "  "  # between parts and between columns
LEAST = 20  # characters; what is narrower is not folded further
KEPT = "\0"  # a space that no line is broken at
# Spaces within "3 x 3", "3 / 2", "5 %", "2 GB", "N(0, 0.1)", and all of a command at the end, which may be pasted.
WHOLE = re.compile(r"\d( [x/] (?=\d)| (?=%|[kMG]B))|\(0(, )|(python -m alexnet\.\w+ .*)")


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
