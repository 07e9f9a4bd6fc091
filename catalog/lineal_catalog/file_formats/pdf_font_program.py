"""What the codes of a composite font of a PDF draw, by the TrueType program that is embedded, where
this says it. Source: ISO 32000-1, 9.7.4; OpenType, cmap."""

from __future__ import annotations

import io
import string
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_MAX_BYTES = 4 << 20
"""Of a font program; those of a larger one are a whole font of Chinese."""
_ASKED = {ord(sign): sign for sign in string.ascii_letters + string.digits}


def drawn_by_program(font: pikepdf.Dictionary) -> dict[int, str]:
    """The letters and figures that codes of a composite font draw; nothing where its program does
    not say, as most that were cut down to what is used do not."""
    import pikepdf

    if str(font.get("/Encoding")) != "/Identity-H":
        return {}
    descendants = font.get("/DescendantFonts")
    if not isinstance(descendants, pikepdf.Array) or not len(descendants):
        return {}
    descendant = descendants[0]
    if not isinstance(descendant, pikepdf.Dictionary):
        return {}
    if descendant.get("/CIDToGIDMap", pikepdf.Name.Identity) != "/Identity":
        return {}
    about = descendant.get("/FontDescriptor")
    program = about.get("/FontFile2") if isinstance(about, pikepdf.Dictionary) else None
    if not isinstance(program, pikepdf.Stream):
        return {}
    try:
        return _letters_by_glyph(program.read_bytes())
    except (pikepdf.PdfError, NotImplementedError):
        return {}


def _letters_by_glyph(program: bytes) -> dict[int, str]:
    from fontTools.ttLib import TTFont

    if len(program) > _MAX_BYTES:
        return {}
    try:
        with TTFont(io.BytesIO(program), lazy=True) as font:
            names: Any = font["cmap"].getBestCmap() if "cmap" in font else None
            return {
                font.getGlyphID(names[code]): sign
                for code, sign in _ASKED.items()
                if names and code in names
            }
    except Exception:
        # A parser of untrusted files in Python: whatever it stumbles over, there is no second view.
        return {}
