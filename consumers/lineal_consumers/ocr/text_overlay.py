"""The invisible text of a page as a PDF content stream."""

from __future__ import annotations

import math
from collections.abc import Callable

from lineal_consumers.ocr.glyphless_font import ADVANCE
from lineal_consumers.ocr.page_geometry import Affine, quarter_turns
from lineal_schemas.results import Page, Word

FONT = "LinealText"
"""The name of the font among the page's resources."""


def text_overlay(
    page: Page, text: str, to_user_space: Affine, encode: Callable[[str], bytes]
) -> bytes:
    """Every word of a page in text render mode 3, filling its box.

    Args:
        page: the page, whose words have offsets into ``text``.
        to_user_space: from points of the page as seen (as stored and shown, before it is turned
            upright) to PDF user space.
        encode: the hexadecimal codes of a text in the font.
    """
    if not page.words or page.width <= 0 or page.height <= 0:
        return b""
    width, height = page.width, page.height
    if page.rotation % 180:
        stored_width, stored_height = height, width
    else:
        stored_width, stored_height = width, height
    upright = quarter_turns(page.rotation, stored_width, stored_height)
    place = to_user_space.after(upright.inverse())
    out = [b"q BT 3 Tr"]
    for word in page.words:
        spoken = text[word.begin : word.end]
        if spoken:
            matrix, size, stretch = _setting(word, page, len(spoken))
            a, b, c, d, e, f = place.after(matrix)
            # The space belongs to the text: readers that do not measure gaps would join words.
            blank = b"0020" if text[word.end : word.end + 1].strip() == "" else b""
            out.append(
                b"/%b %.2f Tf %.2f Tz %.5f %.5f %.5f %.5f %.2f %.2f Tm <%b%b> Tj"
                % (FONT.encode(), size, stretch, a, b, c, d, e, f, encode(spoken), blank)
            )
    out.append(b"ET Q\n")
    return b"\n".join(out)


def _setting(word: Word, page: Page, characters: int) -> tuple[Affine, float, float]:
    """Text matrix (to points, y down), font size, and horizontal stretch in percent.

    Words of a skewed page stand level, each in the middle of its box: poppler, and so most viewers,
    takes apart what is written at an angle of a few degrees.
    """
    wide, tall = max(word.width * page.width, 0.1), max(word.height * page.height, 0.1)
    middle_x = (word.left + word.width / 2) * page.width
    middle_y = (word.top + word.height / 2) * page.height
    if page.skew:
        wide, tall = _unskewed(wide, tall, math.radians(abs(page.skew)))
    stretch = 100 * wide / (characters * ADVANCE * tall)
    return Affine(1, 0, 0, -1, middle_x - wide / 2, middle_y + tall / 2), tall, stretch


def _unskewed(wide: float, tall: float, angle: float) -> tuple[float, float]:
    """The sides of a slanted word from those of the upright box around it."""
    cosine, sine = math.cos(angle), math.sin(angle)
    across = cosine * cosine - sine * sine
    return (
        max((wide * cosine - tall * sine) / across, 0.1),
        max((tall * cosine - wide * sine) / across, 0.2 * tall),
    )
