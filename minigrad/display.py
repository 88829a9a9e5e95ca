"""What Jupyter shows: tables in HTML, for modules, tensors and runs; and whether what is printed is shown there."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["array_table", "in_jupyter", "table"]

MOST = 8  # rows and columns of an array that are shown whole
ENDS = 3  # of longer ones, so many at either end


def in_jupyter() -> bool:
    """Whether what is printed goes below a cell of a notebook."""
    return type(sys.stdout).__module__.startswith("ipykernel.")


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], left: int = 0) -> str:
    """A table in HTML; what stands in it is escaped.

    Args:
        caption: what it shows.
        head: names of the columns; may be empty.
        rows: of cells.
        left: how many of the first columns hold words, which stand at the left.
    """

    def line(tag: str, cells: Sequence[object]) -> str:
        style = ' style="text-align: left"'
        return "".join(
            f"<{tag}{style if number < left else ''}>{html.escape(str(cell))}</{tag}>"
            for number, cell in enumerate(cells)
        )

    lines = [line("th", head)] if head else []
    lines += [line("td", row) for row in rows]
    body = "".join(f"<tr>{each}</tr>" for each in lines)
    style = "white-space: nowrap; text-align: left"
    return f'<table><caption style="{style}">{html.escape(caption)}</caption>{body}</table>'


def array_table(array: np.ndarray, description: str) -> str:
    """The values of an array; of one with more than two axes the first matrix, of a large matrix the corners."""
    first = (0,) * (array.ndim - 2)
    if array.size == 0:
        return table(f"{description}; it is empty", (), ())
    if first:
        description += f"; here [{', '.join(map(str, first))}]"
    matrix = np.atleast_2d(array[first])
    columns = _shown(matrix.shape[1])
    rows = [["…" if None in (i, j) else _written(matrix[i, j]) for j in columns] for i in _shown(matrix.shape[0])]
    return table(description, (), rows)


def _written(element: Any) -> str:
    return str(element) if element.dtype.kind == "b" else f"{element:.4g}"


def _shown(length: int) -> list[int | None]:
    """Indices to show; None for those left out."""
    if length <= MOST:
        return list(range(length))
    return [*range(ENDS), None, *range(length - ENDS, length)]
