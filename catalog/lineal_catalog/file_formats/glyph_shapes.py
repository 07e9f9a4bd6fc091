"""What letter or figure a glyph looks like, by the shapes that PDFium's own fonts give to it.

It is no recognition: it says with certainty only that a glyph is drawn as another letter than it is
called, and leaves everything else open.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]
    Shapes = npt.NDArray[np.float32]

SIGNS = string.ascii_letters + string.digits
_FAMILIES = ("Helvetica", "Times", "Courier")
_STYLES = {"Times": ("-Roman", "-Bold", "-Italic", "-BoldItalic")}
_OTHER_STYLES = ("", "-Bold", "-Oblique", "-BoldOblique")
_SIDE = 16
"""Pixels of a shape, which is brought to the same size whatever that of the glyph is."""
_CELL, _COLUMNS, _MAGNIFICATION = 40, 16, 2
_ALIKE = (
    "0OoQDCGce", "1lIiJjtfrLT7", "5Ss", "2Zz", "8BSs3", "6bGC", "9gqy", "uvUVyY", "rnmh", "aoeds"
)  # fmt: skip
"""Signs that some font draws so much like each other that a shape does not tell them apart."""
_DIFFERENT = frozenset({"17", "71", "38", "83"})


SURE = 0.85
"""How like another sign, of at most 1, a glyph must be to be one."""
MARGIN = 0.12
"""How much more it must be like that one than like the sign it is called."""


def find_others(glyphs: Sequence[tuple[str, Gray]]) -> list[bool]:
    """Which glyphs (dark is high) are drawn as another sign than they are called, one of
    :data:`SIGNS`."""
    import numpy as np

    shapes = {
        number: shape
        for number, (_, glyph) in enumerate(glyphs)
        if (shape := _shape(glyph)) is not None
    }
    others = [False] * len(glyphs)
    if not shapes:
        return others
    likeness = _compare(np.stack(list(shapes.values())), _known_shapes())
    for row, number in zip(likeness, shapes, strict=True):
        called, glyph = glyphs[number]
        own = _alike(called)
        if not _is_other(row, own):
            continue
        # A condensed or an extended font is like no other until it is stretched.
        square = _shape(glyph, stretched=True)
        if square is not None:
            stretched = _compare(square[np.newaxis], _known_shapes(stretched=True))[0]
            both = np.where(own, np.maximum(row, stretched), np.minimum(row, stretched))
            others[number] = _is_other(both, own)
    return others


def _compare(shapes: Shapes, known: Shapes) -> Shapes:
    """How much each shape is like each sign in the font that draws it most like that."""
    likeness: Shapes = (shapes @ known.T).reshape(len(shapes), -1, len(SIGNS)).max(axis=1)
    return likeness


def _is_other(likeness: Shapes, own: npt.NDArray[np.bool_]) -> bool:
    return bool(likeness[~own].max() >= max(SURE, likeness[own].max() + MARGIN))


@cache
def _alike(called: str) -> npt.NDArray[np.bool_]:
    import numpy as np

    kin = {called, called.lower(), called.upper()}
    for group in _ALIKE:
        if called in group:
            kin |= {sign for sign in group if called + sign not in _DIFFERENT}
    return np.array([sign in kin for sign in SIGNS])


def _shape(glyph: Gray, *, stretched: bool = False) -> Shapes | None:
    """The ink of a glyph in the middle of a square, or filling it, as a vector of length one; None
    where nothing is drawn."""
    import cv2
    import numpy as np

    ink = glyph > 96
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return None
    cut = glyph[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _SIDE / max(cut.shape)
    size = max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))
    if stretched:
        size = _SIDE, _SIDE
    small = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    inside = np.zeros((_SIDE, _SIDE), np.float32)
    top, left = (_SIDE - size[1]) // 2, (_SIDE - size[0]) // 2
    inside[top : top + size[1], left : left + size[0]] = small
    square: Shapes = np.asarray(cv2.GaussianBlur(inside, (5, 5), 0), np.float32).ravel()
    square -= square.mean()
    length = float(np.linalg.norm(square))
    return square / np.float32(length) if length else None


@cache
def _known_shapes(*, stretched: bool = False) -> Shapes:
    """The shapes of all signs in all fonts, one a row."""
    import numpy as np

    shapes = []
    for family in _FAMILIES:
        for style in _STYLES.get(family, _OTHER_STYLES):
            for number, glyph in enumerate(_drawn_signs(family + style)):
                shape = _shape(glyph, stretched=stretched)
                assert shape is not None, SIGNS[number]
                shapes.append(shape)
    return np.stack(shapes)


@cache
def _drawn_signs(font: str) -> list[Gray]:
    import pypdfium2 as pdfium

    rows = -(-len(SIGNS) // _COLUMNS)
    across, down = _COLUMNS * _CELL, rows * _CELL
    places = [
        (number % _COLUMNS * _CELL + 5, down - number // _COLUMNS * _CELL - 28)
        for number in range(len(SIGNS))
    ]
    shown = "".join(
        f"1 0 0 1 {x} {y} Tm ({sign}) Tj " for (x, y), sign in zip(places, SIGNS, strict=True)
    )
    contents = f"BT /F 24 Tf {shown} ET"
    file = (
        f"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj "
        f"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
        f"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 {across} {down}]/Contents 4 0 R"
        f"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/{font}>>>>>>>>endobj "
        f"4 0 obj<</Length {len(contents)}>>stream\n{contents}\nendstream endobj "
        f"trailer<</Root 1 0 R>>\n%%EOF"
    )
    document = pdfium.PdfDocument(file.encode())
    page = document[0]
    bitmap = page.render(scale=_MAGNIFICATION, grayscale=True)
    drawn = 255 - bitmap.to_numpy().reshape(down * _MAGNIFICATION, across * _MAGNIFICATION)
    cell = _CELL * _MAGNIFICATION
    signs = [
        drawn[
            number // _COLUMNS * cell : (number // _COLUMNS + 1) * cell,
            number % _COLUMNS * cell : (number % _COLUMNS + 1) * cell,
        ].copy()
        for number in range(len(SIGNS))
    ]
    page.close()
    document.close()
    return signs
