"""Text that a PDF page draws as curves instead of characters, as designers' programs save it."""

from __future__ import annotations

from typing import Any, NamedTuple

from lineal_catalog.file_formats.pdf_objects import Box, bounds_of, walk_page_objects

_LOWEST, _TALLEST = 3.0, 40.0
"""Points; what is lower or taller is no letter of a text."""
_WIDEST = 50.0
_MIN_SEGMENTS = 4
_FEW = 5
"""Letters in a row; fewer are a mark or an arrow."""
_SHAPES = 3
"""Different letters among them: dots of a line are all the same."""
_GAP = 1.2
"""Heights of a letter from which the next one is of another row."""
_MAX_ROWS = 200
"""That are open at a time; what is left of the others is far behind."""
_LINE_SEGMENTS = 60
"""Of one path that is a whole line of letters."""
_MAX_SEGMENTS = 2_000
"""Of one path that are looked at."""


class _Letter(NamedTuple):
    box: Box
    segments: int

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def shape(self) -> tuple[int, int]:
        return self.segments, round(self.box[2] - self.box[0])


def find_outlined_text(page: Any) -> list[Box]:
    """Where rows of letters are drawn as filled paths on a loaded page (an ``FPDF_PAGE``), in user
    space. What looks so and is none costs a look by recognition."""
    import pypdfium2.raw as raw

    letters: list[_Letter] = []
    lines: list[Box] = []
    for item in walk_page_objects(page):
        if item.kind != raw.FPDF_PAGEOBJ_PATH:
            continue
        segments = raw.FPDFPath_CountSegments(item.handle)
        box = bounds_of(item.handle) if segments >= _MIN_SEGMENTS else None
        if box is None:
            continue
        left, bottom, right, top = item.around.box(*box)
        if not _LOWEST <= top - bottom <= _TALLEST or not _is_filled(item.handle):
            continue
        if right - left <= _WIDEST:
            letters.append(_Letter((left, bottom, right, top), segments))
        elif segments >= _LINE_SEGMENTS and _figures(item.handle, segments) >= _FEW:
            lines.append((left, bottom, right, top))
    return lines + _rows(letters)


def _is_filled(handle: Any) -> bool:
    from ctypes import byref, c_int

    import pypdfium2.raw as raw

    mode, stroke = c_int(), c_int()
    if not raw.FPDFPath_GetDrawMode(handle, byref(mode), byref(stroke)):
        return False
    return bool(mode.value != raw.FPDF_FILLMODE_NONE)


def _figures(handle: Any, segments: int) -> int:
    """How many figures a path has, letters mostly one each."""
    import pypdfium2.raw as raw

    return sum(
        raw.FPDFPathSegment_GetType(raw.FPDFPath_GetPathSegment(handle, index))
        == raw.FPDF_SEGMENT_MOVETO
        for index in range(min(segments, _MAX_SEGMENTS))
    )


def _rows(letters: list[_Letter]) -> list[Box]:
    """Boxes around letters that follow one another across the page."""
    rows: list[list[_Letter]] = []
    done: list[list[_Letter]] = []
    for letter in sorted(letters, key=lambda letter: letter.box[0]):
        for row in reversed(rows):
            if _follows(row[-1], letter):
                row.append(letter)
                break
        else:
            rows.append([letter])
            if len(rows) > _MAX_ROWS:
                rows.sort(key=lambda row: row[-1].box[2])
                half = _MAX_ROWS // 2
                done += rows[:half]
                rows = rows[half:]
    return [
        (
            min(letter.box[0] for letter in row),
            min(letter.box[1] for letter in row),
            max(letter.box[2] for letter in row),
            max(letter.box[3] for letter in row),
        )
        for row in (*done, *rows)
        if len(row) >= _FEW and len({letter.shape for letter in row}) >= _SHAPES
    ]


def _follows(before: _Letter, letter: _Letter) -> bool:
    shared = min(before.box[3], letter.box[3]) - max(before.box[1], letter.box[1])
    lower, taller = sorted((before.height, letter.height))
    gap = letter.box[0] - before.box[2]
    return shared >= 0.4 * lower and taller <= 3 * lower and gap <= _GAP * taller
