"""Whether the widths that a PDF states for its fonts are those of the font programs in it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

_EM = 1000
_TOLERANCE = 1.5
"""Thousandths of an em: producers round."""
_MAX_PROGRAM = 32 << 20


def widths_differ(font: Any) -> bool:
    """Whether a font with a program states other widths than this has; of kinds of fonts whose
    programs are not looked into, False.

    Args:
        font: a simple font, or the descendant of a composite one.
    """
    from fontTools.ttLib import TTLibError

    try:
        return any(abs(stated - real) > _TOLERANCE for stated, real in _pairs(font))
    except (TTLibError, KeyError, ValueError, IndexError, AssertionError, TypeError, EOFError):
        return True  # what cannot be looked at is not vouched for


def _pairs(font: Any) -> Iterator[tuple[float, float]]:
    descriptor = font.get("/FontDescriptor", {})
    if font.get("/Subtype") == "/CIDFontType2" and "/FontFile2" in descriptor:
        yield from _of_truetype_cids(font, _program(descriptor["/FontFile2"]))
    elif font.get("/Subtype") == "/Type1" and "/FontFile3" in descriptor:
        file = descriptor["/FontFile3"]
        if file.get("/Subtype") == "/Type1C":
            yield from _of_compact_font(font, _program(file))


def _program(file: Any) -> bytes:
    data: bytes = file.read_bytes()
    if len(data) > _MAX_PROGRAM:
        raise ValueError("the font is too large")
    return data


def _of_truetype_cids(font: Any, program: bytes) -> Iterator[tuple[float, float]]:
    import pikepdf
    from fontTools.ttLib import TTFont

    # It would say that a font was made long ago, on the terminal of whoever asked for a file.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    truetype = TTFont(io.BytesIO(program), lazy=True)
    scale = _EM / truetype["head"].unitsPerEm
    order = truetype.getGlyphOrder()
    metrics = truetype["hmtx"].metrics
    mapped = font.get("/CIDToGIDMap")
    table = mapped.read_bytes() if isinstance(mapped, pikepdf.Stream) else None
    for cid, width in _cid_widths(font.get("/W", ())):
        glyph = cid if table is None else int.from_bytes(table[2 * cid : 2 * cid + 2], "big")
        if glyph < len(order):
            yield width, metrics[order[glyph]][0] * scale


def _cid_widths(entries: Any) -> Iterator[tuple[int, float]]:
    """Of PDF 32000-1, 9.7.4.3: ``first [w w ...]`` and ``first last w``."""
    import pikepdf

    waiting: list[int] = []
    for entry in entries:
        if isinstance(entry, pikepdf.Array):
            first = waiting.pop()
            yield from ((first + at, float(width)) for at, width in enumerate(entry))
        elif len(waiting) == 2:
            first, last = waiting
            waiting = []
            yield from ((cid, float(entry)) for cid in range(first, min(last, 0xFFFF) + 1))
        else:
            waiting.append(int(entry))


def _of_compact_font(font: Any, program: bytes) -> Iterator[tuple[float, float]]:
    import pikepdf
    from fontTools.cffLib import CFFFontSet
    from fontTools.misc.psCharStrings import T2WidthExtractor

    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(program), None)
    top = fonts[0]
    scale = top.rawDict.get("FontMatrix", [0.001])[0] * _EM
    encoding = font.get("/Encoding")
    names: dict[int, str] = {}
    if isinstance(top.Encoding, list):
        names = {code: name for code, name in enumerate(top.Encoding) if name != ".notdef"}
    if isinstance(encoding, pikepdf.Dictionary):
        code = 0
        for entry in encoding.get("/Differences", ()):
            if isinstance(entry, pikepdf.Name):
                names[code] = str(entry)[1:]
                code += 1
            else:
                code = int(entry)
    first = int(font.get("/FirstChar", 0))
    for at, width in enumerate(font.get("/Widths", ())):
        name = names.get(first + at)
        if name is None or name not in top.CharStrings or not float(width):
            continue
        charstring = top.CharStrings[name]
        extractor = T2WidthExtractor(
            getattr(charstring.private, "Subrs", []),
            charstring.globalSubrs,
            charstring.private.nominalWidthX,
            charstring.private.defaultWidthX,
        )
        extractor.execute(charstring)
        yield float(width), extractor.width * scale
