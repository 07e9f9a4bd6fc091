"""Ruled tables: a grid of rulings and the words that lie in its cells.

One algorithm for scans and for digital PDFs, which differ only in how rulings are found. Tables
without rulings are not looked for: guessing columns from white space is wrong too often to be
written into a CSV without a person looking at it.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from lineal_consumers.ocr.layout import Frame, PositionedWord
from lineal_schemas.results import Table

_TOUCH = 4.0
"""Points within which rulings meet."""
_SAME = 0.75
"""Points within which they are one."""
_DRAWING = 250_000
"""A page with so many possible crossings is a drawing, and looking for tables would take long."""


class Ruling(NamedTuple):
    """A straight line along one axis, in points: ``at`` on the other axis."""

    at: float
    begin: float
    end: float


class _Group(NamedTuple):
    across: list[Ruling]
    down: list[Ruling]


def ruled_tables(
    across: list[Ruling],
    down: list[Ruling],
    words: list[PositionedWord],
    frame: Frame,
) -> tuple[Table, ...]:
    """The tables that horizontal (``across``) and vertical (``down``) rulings make on a page.

    A frame around text, with a single column or a single row, is not taken for a table.
    """
    across, down = _joined(across), _joined(down)
    if len(across) < 2 or not down or len(across) * len(down) > _DRAWING:
        return ()
    tables = []
    for group in _groups(across, down):
        table = _table(group, words, frame)
        if table is not None:
            tables.append(table)
    tables.sort(key=lambda table: (table.box.top, table.box.left) if table.box else (0, 0))
    return tuple(tables)


def _joined(rulings: list[Ruling]) -> list[Ruling]:
    """Rulings that go on in one another as one: a grid may be drawn cell by cell, each with edges
    of its own."""
    joined: list[Ruling] = []
    beside: list[Ruling] = []
    for ruling in sorted(rulings):
        if beside and ruling.at - beside[0].at > _SAME:
            joined += _in_one_line(beside)
            beside = []
        beside.append(ruling)
    return joined + _in_one_line(beside)


def _in_one_line(rulings: list[Ruling]) -> list[Ruling]:
    found: list[Ruling] = []
    for ruling in sorted(rulings, key=lambda ruling: ruling.begin):
        if found and ruling.begin <= found[-1].end + _SAME:
            found[-1] = found[-1]._replace(end=max(found[-1].end, ruling.end))
        else:
            found.append(ruling)
    return found


def _groups(across: list[Ruling], down: list[Ruling]) -> list[_Group]:
    """Rulings that touch each other, directly or through others."""
    owner = list(range(len(across) + len(down)))

    def root(index: int) -> int:
        while owner[index] != index:
            owner[index] = owner[owner[index]]
            index = owner[index]
        return index

    for h, line in enumerate(across):
        for v, post in enumerate(down):
            if (
                line.begin - _TOUCH <= post.at <= line.end + _TOUCH
                and post.begin - _TOUCH <= line.at <= post.end + _TOUCH
            ):
                owner[root(h)] = root(len(across) + v)
    groups: dict[int, _Group] = {}
    for h, line in enumerate(across):
        groups.setdefault(root(h), _Group([], [])).across.append(line)
    for v, post in enumerate(down):
        groups.setdefault(root(len(across) + v), _Group([], [])).down.append(post)
    return [group for group in groups.values() if len(group.across) >= 2 and group.down]


def _edges(rulings: list[Ruling], begin: float, end: float) -> list[float]:
    """The distinct positions of rulings, and the ends of those that cross them where these reach
    beyond: tables are often open at their sides."""
    edges: list[float] = []
    for ruling in sorted(rulings):
        if not edges or ruling.at - edges[-1] > _TOUCH:
            edges.append(ruling.at)
    if begin < edges[0] - 4 * _TOUCH:
        edges.insert(0, begin)
    if end > edges[-1] + 4 * _TOUCH:
        edges.append(end)
    return edges


def _table(group: _Group, words: list[PositionedWord], frame: Frame) -> Table | None:
    xs = _edges(group.down, min(r.begin for r in group.across), max(r.end for r in group.across))
    ys = _edges(group.across, min(r.begin for r in group.down), max(r.end for r in group.down))
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 2 or columns < 2 or rows * columns > 20_000:
        return None
    cells: dict[tuple[int, int], list[PositionedWord]] = {}
    for word in words:
        x, y = (word.left + word.right) / 2, (word.top + word.bottom) / 2
        if xs[0] <= x <= xs[-1] and ys[0] <= y <= ys[-1] and word.text.strip("|[]_—-~"):
            column = max(0, bisect_left(xs, x) - 1)
            row = max(0, bisect_left(ys, y) - 1)
            cells.setdefault(_spanning(group, xs, ys, row, column), []).append(word)
    if not cells:
        return None
    texts = [
        tuple(_cell_text(cells.get((row, column), [])) for column in range(columns))
        for row in range(rows)
    ]
    kept = [column for column in range(columns) if any(row[column] for row in texts)]
    filled = [tuple(row[column] for column in kept) for row in texts if any(row)]
    if len(filled) < 2 or len(kept) < 2:
        return None
    inside = [word.confidence for cell in cells.values() for word in cell]
    return Table(
        rows=tuple(filled),
        confidence=round(sum(inside) / len(inside), 3),
        box=frame.box(xs[0], ys[0], xs[-1], ys[-1]),
    )


def _spanning(
    group: _Group, xs: list[float], ys: list[float], row: int, column: int
) -> tuple[int, int]:
    """The first cell of those merged with this one: cells no ruling separates."""
    while column > 0 and not _ruled(group.down, xs[column], ys[row], ys[row + 1]):
        column -= 1
    while row > 0 and not _ruled(group.across, ys[row], xs[column], xs[column + 1]):
        row -= 1
    return row, column


def _ruled(rulings: list[Ruling], at: float, begin: float, end: float) -> bool:
    middle = (begin + end) / 2
    return any(
        abs(ruling.at - at) <= 1.5 * _TOUCH and ruling.begin <= middle <= ruling.end
        for ruling in rulings
    )


def _cell_text(words: list[PositionedWord]) -> str:
    """The words of a cell line by line, without what an engine made of the rulings."""
    if not words:
        return ""
    lines: list[list[PositionedWord]] = []
    for word in sorted(words, key=lambda word: (word.top + word.bottom) / 2):
        middle = (word.top + word.bottom) / 2
        if lines and lines[-1][0].top <= middle <= lines[-1][0].bottom:
            lines[-1].append(word)
        else:
            lines.append([word])
    return " ".join(
        " ".join(word.text for word in sorted(line, key=lambda word: word.left)) for line in lines
    ).strip("| ")
