"""The objects that a PDF page shows, those of the forms on it included, as PDFium has them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from ctypes import byref, c_float, c_uint, c_ushort
from typing import Any, NamedTuple

from lineal_catalog.file_formats.affine import IDENTITY, Affine

MAX_OBJECTS = 5_000
"""Of a page that are looked at; a page with more is a drawing in any case."""
CLEAR = 12
"""Of 255, below which nothing is seen of what is painted."""
_MAX_DEPTH = 6
"""Forms inside each other."""
_SPECK = 3.0
"""Points; a smaller text object is a blank."""
_FEW = 3
"""Characters without a meaning; fewer are a bullet or a symbol."""
_MAX_CHARACTERS = 200
"""Of a text object that are looked at."""

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points of PDF user space."""


class PageObject(NamedTuple):
    """An object where a page shows it."""

    handle: Any
    """An ``FPDF_PAGEOBJECT``."""
    kind: int
    """``FPDF_PAGEOBJ_TEXT``, ``_PATH``, ``_IMAGE``, ..."""
    depth: int
    """How many forms it lies in."""
    around: Affine
    """The matrices of these forms: from the space of the innermost to the page's user space."""
    clear: bool = False
    """Whether one of these forms is painted without any colour."""


def walk_page_objects(page: Any) -> Iterator[PageObject]:
    """The objects of a loaded page (an ``FPDF_PAGE``), at most :data:`MAX_OBJECTS`; the forms
    themselves are not among them, but for those that lie too deep."""
    import pypdfium2.raw as raw

    stack: list[tuple[Any, Affine, int, bool]] = [
        (raw.FPDFPage_GetObject(page, index), IDENTITY, 0, False)
        for index in range(min(raw.FPDFPage_CountObjects(page), MAX_OBJECTS))
    ]
    count = 0
    while stack and count < MAX_OBJECTS:
        count += 1
        handle, around, depth, clear = stack.pop()
        kind = raw.FPDFPageObj_GetType(handle)
        if kind != raw.FPDF_PAGEOBJ_FORM or depth == _MAX_DEPTH:
            yield PageObject(handle, kind, depth, around, clear)
            continue
        inner, colour = around.after(matrix_of(handle)), fill_of(handle)
        clear = clear or (colour is not None and colour[3] < CLEAR)
        stack += [
            (raw.FPDFFormObj_GetObject(handle, index), inner, depth + 1, clear)
            for index in range(min(raw.FPDFFormObj_CountObjects(handle), MAX_OBJECTS))
        ]


def matrix_of(handle: Any) -> Affine:
    """The matrix of an object; the identity where it has none."""
    import pypdfium2.raw as raw

    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(handle, byref(matrix)):
        return IDENTITY
    return Affine(matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def bounds_of(handle: Any) -> Box | None:
    """The bounding box of an object in the space of what it lies in; None where it has none."""
    import pypdfium2.raw as raw

    sides = [c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(handle, *(byref(side) for side in sides)):
        return None
    left, bottom, right, top = (side.value for side in sides)
    return left, bottom, right, top


def fill_of(handle: Any) -> tuple[int, int, int, int] | None:
    """Red, green, blue and how opaque it is, of 255, with which an object is filled."""
    import pypdfium2.raw as raw

    red, green, blue, alpha = parts = [c_uint() for _ in range(4)]
    if not raw.FPDFPageObj_GetFillColor(handle, *map(byref, parts)):
        return None
    return red.value, green.value, blue.value, alpha.value


def unread_text(item: PageObject, page: Any, layer: Any) -> Box | None:
    """Where a text object of a page or of a form on it is that is drawn, and of which the text
    layer has no character, or none that its font gives a meaning to; None for another one. A text
    that is drawn twice, for bold print, is there once.

    Args:
        page: an ``FPDF_PAGE``.
        layer: its ``FPDF_TEXTPAGE``.
    """
    import pypdfium2.raw as raw

    handle = item.handle
    size = raw.FPDFTextObj_GetText(handle, layer, None, 0)
    has_text = size > 2
    if has_text and not _is_meaningless(_text_of(handle, layer, size)):
        return None
    if raw.FPDFTextObj_GetTextRenderMode(handle) == raw.FPDF_TEXTRENDERMODE_INVISIBLE:
        return None
    box = bounds_of(handle)
    if box is None:
        return None
    left, bottom, right, top = box = item.around.box(*box)
    if max(right - left, top - bottom) < _SPECK:
        return None
    if right < 0 or top < 0 or left > raw.FPDF_GetPageWidthF(page):
        return None
    if has_text:
        return box
    x, y = (left + right) / 2, (bottom + top) / 2
    found = raw.FPDFText_GetCharIndexAtPos(layer, x, y, _SPECK, _SPECK)
    return box if found < 0 else None


def _text_of(handle: Any, layer: Any, size: int) -> str:
    import pypdfium2.raw as raw

    # With too little room for all of it PDFium writes nothing.
    buffer = (c_ushort * (size // 2 + 1))()
    raw.FPDFTextObj_GetText(handle, layer, buffer, size)
    text = bytes(buffer)[: min(size, 2 * _MAX_CHARACTERS)].decode("utf-16-le", "replace")
    return text.rstrip("\0")


def _is_meaningless(text: str) -> bool:
    """Whether a text has nothing but control and private characters, and several of them."""
    count = 0
    for character in text:
        if character.isspace():
            continue
        if not is_meaningless(character):
            return False
        count += 1
    return count >= _FEW


def is_meaningless(character: str) -> bool:
    """Whether a character of a text layer says nothing: its font does not tell what it is."""
    category = unicodedata.category(character)
    return (category[0] == "C" and category != "Cf") or character == "\ufffd"
