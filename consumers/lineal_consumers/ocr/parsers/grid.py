"""The rows of a sheet, brought into bounds: sheets claim a million rows and use ten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lineal.stages import Reject
from lineal_consumers.ocr.parsers.parsed import check_amount

MAX_CELLS = 5_000_000
"""Cells of one document, those that only fill up short rows included."""


def tidy(rows: Iterable[Sequence[str]], max_cells: int = MAX_CELLS) -> list[list[str]]:
    """Rows without empty cells at the end, with runs of empty rows as one, none first or last.

    Raises:
        Reject: the rectangle around them has more than ``max_cells`` cells, or they hold too
            much text.
    """
    kept: list[list[str]] = []
    width = characters = 0
    for row in rows:
        length = len(row)
        while length and not row[length - 1]:
            length -= 1
        if length or (kept and kept[-1]):
            kept.append(list(row[:length]))
            width = max(width, length)
            check_cells(len(kept) * width, max_cells)
            characters += sum(map(len, row))
            check_amount(characters)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def check_cells(count: int, max_cells: int = MAX_CELLS) -> None:
    """Bound what is kept of tables.

    Raises:
        Reject: these are more than ``max_cells``.
    """
    if count > max_cells:
        raise Reject(f"the document is too large: at most {max_cells:,} cells are read")
