"""A document as stretches of text with their places: what stands left of what, and above it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lineal_schemas.documents import PageBox
from lineal_schemas.results import Page, TextResult

_POINTS_ACROSS, _POINTS_DOWN = 595.0, 842.0
"""Of a page that has no size of its own: a sheet of A4."""
_GAP = 1.3
"""A gap between two words that is wider than so many heights of the line ends a stretch."""
_COLUMN, _ROW = 5.0, 12.0
"""Points of a character and a line, where text has no places."""
_MIN_LINE, _MIN_LINES = 25.0, 150.0
"""Points of a line, and of all together, of which a slope can be seen."""
_WIDE = re.compile(r"\t+| {2,}|\s*\|\s*")


@dataclass(slots=True)
class Token:
    """A word; places in points from the top left of its page."""

    text: str
    begin: int
    end: int
    left: float
    top: float
    right: float
    bottom: float
    confidence: float = 1.0


@dataclass(slots=True)
class Segment:
    """Words that stand close together in a line."""

    page: int
    tokens: list[Token]
    left: float
    top: float
    right: float
    bottom: float
    row: int = 0
    """Which row of its page."""
    column: int = 0
    """Its place in the row, from the left."""
    placed: bool = True
    """Whether its place on the page is known."""
    key: tuple[str, ...] = field(default=())
    """Its words as labels are compared."""

    @property
    def text(self) -> str:
        return " ".join(token.text for token in self.tokens)

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(slots=True)
class Sheet:
    """A page: its segments in rows."""

    number: int
    width: float
    height: float
    rows: list[list[Segment]]

    @property
    def segments(self) -> Iterable[Segment]:
        return (segment for row in self.rows for segment in row)

    def left_of(self, segment: Segment) -> Segment | None:
        """What stands left of it in its row."""
        return self.rows[segment.row][segment.column - 1] if segment.column else None

    def above(self, segment: Segment, *, within: float = 5.0) -> Segment | None:
        """What stands over it, at most so many of its heights away."""
        limit = segment.top - within * max(segment.height, 6.0)
        for row in reversed(self.rows[: segment.row]):
            if row[0].bottom < limit:
                return None
            found = [one for one in row if are_aligned(one, segment)]
            if found:
                return min(found, key=lambda one: abs(one.left - segment.left))
        return None

    def box_of(self, tokens: Sequence[Token]) -> PageBox:
        """The box around words, in fractions of the page."""
        left = min(token.left for token in tokens) / self.width
        top = min(token.top for token in tokens) / self.height
        right = max(token.right for token in tokens) / self.width
        bottom = max(token.bottom for token in tokens) / self.height
        return PageBox(
            page=self.number,
            left=_fraction(left),
            top=_fraction(top),
            width=_fraction(right - left),
            height=_fraction(bottom - top),
        )


def _fraction(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 6)


def are_aligned(upper: Segment, lower: Segment) -> bool:
    """Whether two stretches in different rows stand in one column: at the same left edge, right
    edge or middle, or one over a good part of the other."""
    slack = max(4.0, 0.8 * max(upper.height, lower.height))
    if abs(upper.left - lower.left) <= slack or abs(upper.right - lower.right) <= slack:
        return True
    overlap = min(upper.right, lower.right) - max(upper.left, lower.left)
    shorter = min(upper.right - upper.left, lower.right - lower.left)
    return shorter > 0 and overlap >= 0.6 * shorter


def words_of(text: str) -> tuple[str, ...]:
    """A text as labels are compared: small letters, without punctuation at the ends of words."""
    return tuple(
        word for part in text.split() if (word := part.casefold().strip(".:,;()[]|*•-–—_"))
    )


def sheets_of(result: TextResult, *, max_pages: int) -> list[Sheet]:
    """The pages of a reading, at most so many."""
    return [sheet_of(result.text, page) for page in result.pages[:max_pages]]


def sheet_of(text: str, page: Page) -> Sheet:
    """One page of a reading."""
    width, height = page.width or _POINTS_ACROSS, page.height or _POINTS_DOWN
    if page.words:
        segments = _placed(text, page, width, height)
    else:
        segments = _unplaced(text, page)
        height = max([height, *(segment.bottom for segment in segments)])
        width = max([width, *(segment.right for segment in segments)])
    return Sheet(page.number, width, height, _in_rows(segments))


def _placed(text: str, page: Page, width: float, height: float) -> list[Segment]:
    segments: list[Segment] = []
    line: int | None = None
    for word in page.words:
        shown = text[word[0] : word[1]]
        if not shown.strip() or not shown.strip("_.…"):
            continue
        left, top = word[3] * width, word[4] * height
        token = Token(
            shown, word[0], word[1], left, top, left + word[5] * width, top + word[6] * height,
            word[2],
        )  # fmt: skip
        before = segments[-1].tokens[-1] if segments and line == word[7] else None
        line = word[7]
        size = max(token.bottom - token.top, 4.0)
        if before is None or not -size < token.left - before.right <= _GAP * size:
            segments.append(_segment(page.number, [token]))
        else:
            segments[-1].tokens.append(token)
    return [_segment(page.number, segment.tokens) for segment in segments]


def _segment(page: int, tokens: list[Token], *, placed: bool = True) -> Segment:
    return Segment(
        page,
        tokens,
        min(token.left for token in tokens),
        min(token.top for token in tokens),
        max(token.right for token in tokens),
        max(token.bottom for token in tokens),
        placed=placed,
        key=words_of(" ".join(token.text for token in tokens)),
    )


def _unplaced(text: str, page: Page) -> list[Segment]:
    """A text without places: lines are rows, and wide gaps end a stretch."""
    segments = []
    offset = page.begin
    for row, line in enumerate(text[page.begin : page.end].split("\n")):
        at = 0
        for part in (*_WIDE.finditer(line), None):
            end = len(line) if part is None else part.start()
            tokens = [
                Token(
                    word.group(), offset + at + word.start(), offset + at + word.end(),
                    (at + word.start()) * _COLUMN, row * _ROW,
                    (at + word.end()) * _COLUMN, row * _ROW + _ROW - 2,
                )
                for word in re.finditer(r"\S+", line[at:end])
            ]  # fmt: skip
            if tokens:
                segments.append(_segment(page.number, tokens, placed=False))
            at = len(line) if part is None else part.end()
        offset += len(line) + 1
    return segments


def _in_rows(segments: list[Segment]) -> list[list[Segment]]:
    """Stretches of equal height side by side, from top to bottom: columns of a form are often
    separate lines to the engine that read it."""
    slope = slope_of(segments)

    def level(segment: Segment) -> float:
        return (segment.top + segment.bottom - slope * (segment.left + segment.right)) / 2

    segments.sort(key=level)
    rows: list[list[Segment]] = []
    for segment in segments:
        if rows:
            first = rows[-1][0]
            limit = 0.45 * min(max(first.height, 4.0), max(segment.height, 4.0))
            if abs(level(segment) - level(first)) < limit:
                rows[-1].append(segment)
                continue
        rows.append([segment])
    for number, row in enumerate(rows):
        row.sort(key=lambda one: one.left)
        for column, segment in enumerate(row):
            segment.row, segment.column = number, column
    return rows


def slope_of(segments: Iterable[Segment]) -> float:
    """How much the lines of a page fall towards the right, points a point, by their words: as on a
    scan that was put on askew."""
    slopes: list[tuple[float, float]] = []
    for segment in segments:
        first, last = segment.tokens[0], segment.tokens[-1]
        across = (last.left + last.right - first.left - first.right) / 2
        if across > _MIN_LINE:
            down = (last.top + last.bottom - first.top - first.bottom) / 2
            slopes.append((down / across, across))
    total = sum(across for _, across in slopes)
    if total < _MIN_LINES:
        return 0.0
    # The median by length: a long line says more than two words do.
    seen = 0.0
    for slope, across in sorted(slopes):
        seen += across
        if 2 * seen >= total:
            return slope
    return 0.0


def token_span(tokens: Sequence[Token], begin: int, end: int) -> list[Token]:
    """Of a segment's words, those in a stretch of its text, which is joined by single spaces."""
    starts: list[int] = []
    at = 0
    for token in tokens:
        starts.append(at)
        at += len(token.text) + 1
    first = max(0, bisect_left(starts, begin + 1) - 1)
    last = bisect_left(starts, end)
    return list(tokens[first:last])
