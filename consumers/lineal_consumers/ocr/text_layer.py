"""The text layer of a PDF page as lines of placed words.

The characters of a page are fetched in one call, and boxes only for the first and last character
of each word: a call for every character costs three times as much as reading the page.
"""

from __future__ import annotations

import re
from ctypes import CFUNCTYPE, addressof, c_float, c_int, c_ushort, c_void_p, cast
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from lineal_consumers.ocr.layout import Line, PositionedWord
from lineal_consumers.ocr.page_geometry import Affine, seen_from_user_space
from lineal_consumers.ocr.reading_order import in_reading_order
from lineal_consumers.ocr.scripts import in_logical_order
from lineal_consumers.ocr.writing_direction import as_if_across, as_seen, writing_direction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pypdfium2 as pdfium

    Numbers = npt.NDArray[np.float64]

_CLEANED = str.maketrans(
    {
        # What is no character, and what JSON cannot hold.
        **{chr(code): None for code in (*range(9), *range(14, 32), 0x7F, 0xFEFF, 0xFFFF)},
        **{chr(code): "\ufffd" for code in range(0xD800, 0xE000)},
        **dict(zip("ﬀﬁﬂﬃﬄﬅﬆ", ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True)),
        # Radicals that fonts name instead of the characters that look the same.
        **{chr(code): normalize("NFKC", chr(code)) for code in range(0x2E80, 0x2FE0)},
        "\ufffe": "-",
    }
)
_LINE = re.compile("[^\r\n\ufffe]+\ufffe?")
"""pdfium joins a word divided at the end of a line, and puts U+FFFE for its hyphen."""
_WORD = re.compile(r"\S+")
_BACKWARDS = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_LATIN = re.compile("[A-Za-z]")
_UNCLEAN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\u2e80-\u2fdf\ufb00-\ufb06\ufffe\uffff\ufeff\ud800-\udfff]"
)


def text_layer_lines(page: pdfium.PdfPage) -> list[Line]:
    """The lines of a page in reading order, boxes in points from the top left as seen.

    A page without text gives no lines.
    """
    import pypdfium2.raw as raw

    text_page = page.get_textpage()
    try:
        count = raw.FPDFText_CountChars(text_page.raw)
        if count <= 0:
            return []
        text = _characters(text_page.raw, count)
        lines = _placed(page, text_page.raw, text, count)
    finally:
        text_page.close()
    direction = writing_direction(lines)
    if direction == "across":
        across, sideways = _across_and_sideways(_level(lines))
        read = in_reading_order(_with_paragraphs(across))
        return [*read, *(Line(words, True) for words in sideways)]
    # pdfium hands lines out from the top down as seen, here in no order of reading: only when they
    # are in order do gaps between them tell of paragraphs.
    upright = [Line(words, False) for words in as_if_across(lines, direction)]
    ordered = [line.words for line in in_reading_order(upright)]
    return as_seen(_with_paragraphs(ordered), direction)


def _characters(handle: Any, count: int) -> str:
    import pypdfium2.raw as raw

    # Room for two units each, as a character outside the basic plane takes them.
    buffer = (c_ushort * (2 * count + 2))()
    written = raw.FPDFText_GetText(handle, 0, count, buffer)
    return bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", errors="replace")


def _placed(page: pdfium.PdfPage, handle: Any, text: str, count: int) -> list[list[PositionedWord]]:
    """The words of each line; ``count`` is how many characters pdfium knows on the page."""
    lines: list[list[str]] = []
    ends: list[int] = []
    clean = _UNCLEAN.search(text) is None
    for line in _LINE.finditer(text):
        words: list[str] = []
        for match in _WORD.finditer(text, line.start(), line.end()):
            word = match[0]
            if not clean:
                word = word.translate(_CLEANED).strip()
                if not word:
                    continue
            words.append(word)
            begin, end = match.span()
            ends.append(begin)
            ends.append(end - 1)
        if words:
            lines.append(words)
    if len(text) != count:
        ends = _character_indices(handle, text, ends)
    edges, seen = _boxes(handle, ends), seen_from_user_space(page)
    if _BACKWARDS.search(text):
        lines = _turned_round(lines, _rising(edges, seen))
    boxes = iter(_seen_boxes(edges, seen))
    placed = [
        [PositionedWord(word, 1.0, *box) for word, box in zip(words, boxes, strict=False)]
        for words in lines
    ]
    return list(map(_in_reading_direction, placed)) if _BACKWARDS.search(text) else placed


def _rising(edges: Numbers, seen: Affine) -> list[bool]:
    """Of each word whether its last character stands to the right of the first."""
    corners = edges.reshape(-1, 2, 2, 2)
    across = (corners[..., 0] * seen.a + corners[..., 1] * seen.c).sum(axis=2)
    return (across[:, 0] < across[:, 1]).tolist()  # type: ignore[no-any-return]


def _turned_round(lines: list[list[str]], rising: list[bool]) -> list[list[str]]:
    """The words in the order in which they are read: some programs write the letters of Arabic and
    Hebrew from left to right, and PDFium turns only some of these words round."""
    directions = iter(rising)
    return [
        [in_logical_order(word) if next(directions) else word for word in words] for words in lines
    ]


def _in_reading_direction(line: list[PositionedWord]) -> list[PositionedWord]:
    """The words of a line of Arabic or Hebrew from the right."""
    backwards = [word for word in line if _BACKWARDS.search(word.text)]
    if len(backwards) < 2 or any(_LATIN.search(word.text) for word in line):
        return line
    if all(after.left > before.right for before, after in pairwise(backwards)):
        return line[::-1]
    return line


def _seen_boxes(edges: Numbers, seen: Affine) -> list[list[float]]:
    """Left, top, right, bottom of each word as seen, from those of its first and last character."""
    import numpy as np

    corners = edges.reshape(-1, 2, 2)
    x = corners[:, :, 0] * seen.a + corners[:, :, 1] * seen.c + seen.e
    y = corners[:, :, 0] * seen.b + corners[:, :, 1] * seen.d + seen.f
    x, y = x.reshape(-1, 4), y.reshape(-1, 4)
    return np.stack((x.min(1), y.min(1), x.max(1), y.max(1)), axis=1).tolist()  # type: ignore[no-any-return]


def _boxes(handle: Any, indices: list[int]) -> Numbers:
    """Left, top, right, bottom in user space of each character: the loose box, which is as high as
    the font is, so that the words of a line have the same height."""
    import numpy as np

    room = (c_float * (4 * len(indices)))()
    function, here, address = _loose_char_box(), _address(handle), addressof(room)
    for index in indices:
        function(here, index, address)
        address += 16
    return np.frombuffer(memoryview(room).cast("B"), dtype=np.float32).astype(np.float64)


@cache
def _loose_char_box() -> Any:
    """The function with plain addresses as arguments: half the cost of typed ones."""
    import pypdfium2.raw as raw

    address = cast(raw.FPDFText_GetLooseCharBox, c_void_p).value
    return CFUNCTYPE(c_int, c_void_p, c_int, c_void_p)(address or 0)


def _address(handle: Any) -> int:
    return cast(handle, c_void_p).value or 0


def _character_indices(handle: Any, text: str, positions: list[int]) -> list[int]:
    """Character indices on the page of positions in its text, where these differ: pdfium counts
    some characters that are no text, and the text in UTF-16 units."""
    import pypdfium2.raw as raw

    units = [0]
    for character in text:
        units.append(units[-1] + (2 if character > "\uffff" else 1))
    return [
        max(0, raw.FPDFText_GetCharIndexFromTextIndex(handle, units[position]))
        for position in positions
    ]


def _level(lines: list[list[PositionedWord]]) -> list[list[PositionedWord]]:
    """Lines whose words overlap in height: pdfium does not part what annotations draw."""
    level: list[list[PositionedWord]] = []
    for words in lines:
        level.append(words[:1])
        for before, word in pairwise(words):
            if word.top >= before.bottom or word.bottom <= before.top:
                level.append([])
            level[-1].append(word)
    return level


def _across_and_sideways(
    lines: list[list[PositionedWord]],
) -> tuple[list[list[PositionedWord]], list[list[PositionedWord]]]:
    """The lines across a page, and those of several words up or down it, which have no place among
    the others: each word would be a line of its own."""
    across: list[list[PositionedWord]] = []
    sideways: list[list[PositionedWord]] = []
    at = 0
    while at < len(lines):
        column = lines[at][:1] if len(lines[at]) == 1 and _is_tall(lines[at][0]) else []
        for words in lines[at + 1 :] if column else ():
            if len(words) > 1 or not _go_on(column[-1], words[0]):
                break
            column.append(words[0])
        if len(column) > 1:
            sideways.append(column)
        else:
            across.append(lines[at])
        at += max(1, len(column))
    return across, sideways


def _is_tall(word: PositionedWord) -> bool:
    return len(word.text) > 2 and word.height > word.right - word.left


def _go_on(before: PositionedWord, word: PositionedWord) -> bool:
    """Whether two words follow one another in a column as wide as both."""
    wide = word.right - word.left
    apart = max(word.top - before.bottom, before.top - word.bottom)
    return abs(word.left - before.left) + abs(word.right - before.right) < 0.5 * wide > apart


def _with_paragraphs(lines: list[list[PositionedWord]]) -> list[Line]:
    """A gap wider than half the line itself sets a paragraph off."""
    out = [Line(words, False) for words in lines[:1]]
    for above, words in pairwise(lines):
        upper, lower = above[0], words[0]
        gap = lower.top - upper.bottom
        apart = gap > 0.6 * min(upper.height, lower.height) or lower.bottom < upper.top
        out.append(Line(words, apart))
    return out
