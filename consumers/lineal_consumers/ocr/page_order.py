"""Recognised lines in the order a person reads them: tables row by row, columns of prose one after
the other.

An engine takes a column of amounts for a block of text of its own, and two columns of prose for
lines that run across both. What stands side by side is looked at again here: strips of white that
no line crosses part it into columns, and what is in the columns tells whether they are a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from lineal_consumers.ocr.layout import Line, PositionedWord

_WIDE = 1.4
"""A gap of so many line heights parts cells; justified words are closer."""
_SPACES = 1.8
"""Usual spaces that a gap has as well, at least."""
_GUTTER = 0.8
"""Line heights of white between columns, at least."""
_LEVEL = 0.5
"""Line heights by which the middles of cells of a row may differ."""
_PROSE_WORDS = 3
_FULL = 0.7
"""Share of its column's width that a line of prose has, in the median."""
_MIN_LINES = 3
"""Lines of a column of prose."""
_ALIGNED = 0.6
"""Share of the lines of a table's columns that are level with a line of another column."""
_FIGURES = 0.6
"""Share of the cells of a column of figures that are figures."""
_FIGURE = re.compile(r"[^\w\s]{0,3}\d[\d\s.,:/'%-]*[^\w\s]{0,2}[A-Za-z€$£%]{0,3}")
_APART = 1.3
"""Line heights of white above a table."""
_PARAGRAPH = 1.0
"""Line heights of white above a line from which a paragraph begins."""


@dataclass(slots=True)
class _Cell:
    """Words of a line that no wide gap parts."""

    words: list[PositionedWord]
    number: int
    """Of the line, as the engine ordered them."""
    new_paragraph: bool
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


class _Strip(NamedTuple):
    """White between columns."""

    left: float
    right: float


def in_page_order(lines: list[Line]) -> list[Line]:
    """The lines of a straightened page in reading order; the cells of a table's row are one line.

    Lines without anything beside them stay as the engine ordered them.
    """
    space = _usual_space(lines)
    cells = [cell for number, line in enumerate(lines) for cell in _cells(line, number, space)]
    if len(cells) < 2:
        return lines
    height = median(cell.height for cell in cells)
    zones = _zones(cells, height)
    if not any(zone.strips for zone in zones):
        return lines
    backwards = _right_to_left(cells)
    return _with_paragraphs(
        [row for zone in zones for row in _ordered(zone, height, backwards)], height
    )


def _usual_space(lines: list[Line]) -> float:
    """Between words that follow one another: in fonts of one width it is as wide as letters are
    tall."""
    spaces = [
        gap
        for line in lines
        for before, word in pairwise(line.words)
        if 0 < (gap := word.left - before.right) <= _WIDE * max(word.height, before.height)
    ]
    return median(spaces) if spaces else 0.0


def _cells(line: Line, number: int, space: float) -> Iterable[_Cell]:
    height = median(word.height for word in line.words)
    parts = [line.words[:1]]
    for before, word in pairwise(line.words):
        gap = max(word.left - before.right, before.left - word.right)
        if gap > max(_WIDE * height, _SPACES * space):
            parts.append([word])
        else:
            parts[-1].append(word)
    for place, words in enumerate(parts):
        yield _Cell(
            words,
            number,
            line.new_paragraph and place == 0,
            min(word.left for word in words),
            min(word.top for word in words),
            max(word.right for word in words),
            max(word.bottom for word in words),
        )


@dataclass(slots=True)
class _Zone:
    """Lines under one another that the same strips of white go through, or none."""

    cells: list[_Cell]
    strips: list[_Strip]
    widest_row: int
    """Cells in the row that has most of them."""


def _zones(cells: list[_Cell], height: float) -> list[_Zone]:
    """The page from top to bottom, parted where strips of white begin and end."""
    rows = _rows(cells)
    zones: list[_Zone] = []
    for row in rows:
        if zones and zones[-1].strips and not _begins_table(row, zones[-1], height):
            left = _uncrossed(zones[-1].strips, row, height)
            if left and _has_both_sides(zones[-1].cells + row, left):
                zones[-1].cells += row
                zones[-1].strips = left
                zones[-1].widest_row = max(zones[-1].widest_row, len(row))
                continue
        strips = _between(row, height)
        if strips or not zones or zones[-1].strips:
            zones.append(_Zone(list(row), strips, len(row)))
        else:
            zones[-1].cells += row
    return zones


def _begins_table(row: list[_Cell], zone: _Zone, height: float) -> bool:
    """Whether a row has more cells than all above it, so that another table begins with it: rows of
    labels and values stand above the rows of an invoice; or is no part of a table at all."""
    more = len(row) - zone.widest_row
    gap = min(cell.top for cell in row) - max(cell.bottom for cell in zone.cells)
    # A line with a gap in it, and a paragraph that begins below it, are no columns.
    alone = len(row) == 1 and zone.widest_row == len(zone.cells)
    return more >= 2 or ((more == 1 or alone) and gap > _APART * height)


def _rows(cells: list[_Cell]) -> list[list[_Cell]]:
    """Cells that are level with one another, from the left, rows from the top."""
    rows: list[list[_Cell]] = []
    for cell in sorted(cells, key=lambda one: one.middle):
        for row in rows[-3:]:
            if any(_level(cell, other) for other in row) and not any(
                cell.left < other.right and other.left < cell.right for other in row
            ):
                row.append(cell)
                break
        else:
            rows.append([cell])
    for row in rows:
        row.sort(key=lambda one: one.left)
    return rows


def _level(one: _Cell, other: _Cell) -> bool:
    return abs(one.middle - other.middle) < _LEVEL * min(one.height, other.height)


def _between(row: list[_Cell], height: float) -> list[_Strip]:
    return [
        _Strip(before.right, cell.left)
        for before, cell in pairwise(row)
        if cell.left - before.right > _GUTTER * height
    ]


def _uncrossed(strips: list[_Strip], row: list[_Cell], height: float) -> list[_Strip]:
    """What is left of strips where these cells leave white."""
    left = strips
    for cell in row:
        parts = []
        for strip in left:
            for part in (
                _Strip(strip.left, min(strip.right, cell.left)),
                _Strip(max(strip.left, cell.right), strip.right),
            ):
                if part.right - part.left > _GUTTER * height:
                    parts.append(part)
        left = list(dict.fromkeys(parts))
    return left


def _has_both_sides(cells: list[_Cell], strips: list[_Strip]) -> bool:
    return all(
        any(cell.right <= strip.left + 1 for cell in cells)
        and any(cell.left >= strip.right - 1 for cell in cells)
        for strip in strips
    )


def _right_to_left(cells: list[_Cell]) -> bool:
    """Whether words follow one another to the left, as in Arabic and Hebrew."""
    steps = [after.left < before.left for cell in cells for before, after in pairwise(cell.words)]
    return sum(steps) > len(steps) / 2


def _ordered(zone: _Zone, height: float, backwards: bool) -> list[list[_Cell]]:
    """The rows of a zone, each the cells of one line."""
    if not zone.strips:
        return _as_given(zone.cells)
    columns = _columns(zone)
    if _is_table(columns):
        rows = _rows(zone.cells)
        return [row[::-1] if backwards else row for row in rows]
    ordered = reversed(columns) if backwards else iter(columns)
    return [
        row
        for column in ordered
        for inner in _zones(column, height)
        for row in (
            _ordered(inner, height, backwards)
            if len(inner.cells) < len(zone.cells)
            else _as_given(inner.cells)
        )
    ]


def _as_given(cells: list[_Cell]) -> list[list[_Cell]]:
    """Cells of the lines of an engine, in its order."""
    rows: list[list[_Cell]] = []
    for cell in sorted(cells, key=lambda one: one.number):
        if rows and rows[-1][-1].number == cell.number:
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return rows


def _columns(zone: _Zone) -> list[list[_Cell]]:
    edges = sorted((strip.left + strip.right) / 2 for strip in zone.strips)
    columns: list[list[_Cell]] = [[] for _ in range(len(edges) + 1)]
    for cell in zone.cells:
        middle = (cell.left + cell.right) / 2
        columns[sum(edge < middle for edge in edges)].append(cell)
    return [column for column in columns if column]


def _is_table(columns: list[list[_Cell]]) -> bool:
    """Whether columns are read row by row."""
    if len(columns) < 2 or all(_is_prose(column) for column in columns):
        return False
    cells = [(number, cell) for number, column in enumerate(columns) for cell in column]
    aligned = sum(
        any(number != other_number and _level(cell, other) for other_number, other in cells)
        for number, cell in cells
    )
    if aligned < _ALIGNED * len(cells):
        return False
    if len(columns) >= 3 or any(_is_of_figures(column) for column in columns):
        return True
    labels = sum(cell.text.endswith(":") for cell in columns[0])
    return labels > len(columns[0]) / 2


def _is_prose(column: list[_Cell]) -> bool:
    if len(column) < _MIN_LINES:
        return False
    width = max(cell.right for cell in column) - min(cell.left for cell in column)
    full = median(cell.right - cell.left for cell in column) >= _FULL * width
    return full and median(len(cell.words) for cell in column) >= _PROSE_WORDS


def _is_of_figures(column: list[_Cell]) -> bool:
    figures = sum(bool(_FIGURE.fullmatch(cell.text)) for cell in column)
    return figures >= _FIGURES * len(column)


def _with_paragraphs(rows: list[list[_Cell]], height: float) -> list[Line]:
    lines: list[Line] = []
    before: list[_Cell] | None = None
    for row in rows:
        top = min(cell.top for cell in row)
        new = before is None or row[0].new_paragraph
        if before is not None and len(row) + len(before) > 2:
            below = top - max(cell.bottom for cell in before)
            new = not -2 * height < below < _PARAGRAPH * height
        lines.append(Line([word for cell in row for word in cell.words], new))
        before = row
    return lines
