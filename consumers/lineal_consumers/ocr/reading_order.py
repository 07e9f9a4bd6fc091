"""Lines in the order a person reads them."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from lineal_consumers.ocr.layout import Line

_WIDE = 1.5
"""A gap of so many line heights separates columns; justified words are closer."""


class _Block(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    line: Line


def in_reading_order(lines: list[Line]) -> list[Line]:
    """The lines as they come where that order goes down the page, column by column, as nearly all
    PDFs do; otherwise ordered by recursive cuts along the widest white space (XY-cut)."""
    columns = _runs_across_columns(lines)
    if columns:
        lines = [part for line in lines for part in _parts(line)]
    elif not _jumps_up(lines):
        return lines
    blocks = [
        _Block(
            min(word.left for word in line.words),
            min(word.top for word in line.words),
            max(word.right for word in line.words),
            max(word.bottom for word in line.words),
            line,
        )
        for line in lines
    ]
    return [block.line for block in _cut(blocks, 0)]


def _jumps_up(lines: list[Line]) -> bool:
    """Whether a line stands above the one before it without being to its right."""
    for above, line in pairwise(lines):
        before, after = above.words, line.words
        if after[0].bottom < before[0].top and after[0].left < before[-1].right:
            return True
    return False


def _runs_across_columns(lines: list[Line]) -> bool:
    """Whether lines of two columns of prose were taken for one: wide gaps between long stretches
    of words. In a table, stretches are short, and its rows are better read one by one."""
    parted = words = 0
    for line in lines:
        before = line.words[0]
        gaps = 0
        for word in line.words[1:]:
            gaps += word.left - before.right > _WIDE * (before.bottom - before.top)
            before = word
        if gaps == 1:
            parted += 1
            words += len(line.words)
    return parted >= 5 and words >= 8 * parted


def _parts(line: Line) -> list[Line]:
    parts = [Line(line.words[:1], line.new_paragraph)]
    for before, word in pairwise(line.words):
        if word.left - before.right > _WIDE * before.height:
            parts.append(Line([word], new_paragraph=False))
        else:
            parts[-1].words.append(word)
    return parts


def _cut(blocks: list[_Block], depth: int) -> list[_Block]:
    if len(blocks) <= 1 or depth > 40:
        return sorted(blocks, key=lambda block: (block.top, block.left))
    across = _gap([(block.top, block.bottom) for block in blocks])
    down = _gap([(block.left, block.right) for block in blocks])
    # Columns are separated by more white than lines; a cut across the page is for what spans it.
    if down is not None and (across is None or down[0] >= across[0]):
        left = [block for block in blocks if block.right <= down[1]]
        right = [block for block in blocks if block.right > down[1]]
        return _cut(left, depth + 1) + _cut(right, depth + 1)
    if across is not None:
        upper = [block for block in blocks if block.bottom <= across[1]]
        lower = [block for block in blocks if block.bottom > across[1]]
        return _cut(upper, depth + 1) + _cut(lower, depth + 1)
    return sorted(blocks, key=lambda block: (round(block.top), block.left))


def _gap(spans: list[tuple[float, float]]) -> tuple[float, float] | None:
    """The widest stretch no span covers, as (width, position of its begin)."""
    best: tuple[float, float] | None = None
    reach = None
    for begin, end in sorted(spans):
        if reach is not None and begin > reach and (best is None or begin - reach > best[0]):
            best = (begin - reach, reach)
        reach = end if reach is None else max(reach, end)
    return best
