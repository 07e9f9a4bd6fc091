"""Whether a font of a PDF page contradicts itself: by its encoding (ISO 32000-1, 9.6.6), or by the
font program that is embedded (9.7.4), a code is one letter or figure, by its map to Unicode
(9.10.3), which text layers follow, it is another one.

No statistic of a text shows that its figures are wrong; these two views of them do.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any

from lineal_catalog.file_formats.pdf_font_program import drawn_by_program

if TYPE_CHECKING:
    import pikepdf

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_NAMES = {f"/{name}": str(digit) for digit, name in enumerate(_DIGITS)} | {
    f"/{letter}": letter for letter in string.ascii_letters
}
_PLAIN = {ord(sign): sign for sign in string.ascii_letters + string.digits}
"""The same in all encodings that a font may name."""
_SYMBOLIC = 4
_MAX_BYTES = 1 << 16
"""Of a map to Unicode; one of 256 codes has less."""
_MAX_WIDE_BYTES = 1 << 20
"""Of a map of 65,536 codes."""
_BLOCK = re.compile(rb"beginbf(char|range)(.*?)endbf", re.DOTALL)
_CODE = re.compile(rb"<\s*([0-9a-fA-F]{2,4})\s*>\s*<\s*([0-9a-fA-F]{4})\s*>")
_RANGE = re.compile(
    rb"<\s*([0-9a-fA-F]{2,4})\s*>\s*<\s*([0-9a-fA-F]{2,4})\s*>\s*<\s*([0-9a-fA-F]{4})\s*>"
)
_MAX_CODES = 1 << 16
_DEEPEST = 4
"""Forms in forms that are looked at."""


def has_inconsistent_font(page: Any, known: dict[tuple[int, int], bool]) -> bool:
    """Whether a page (a dictionary of pikepdf that has its inherited attributes) or a form on it
    names a font that contradicts itself.

    Args:
        known: what is known of the document's fonts and forms; is added to.
    """
    return _names_some(page, 0, known)


def _names_some(holder: Any, depth: int, known: dict[tuple[int, int], bool]) -> bool:
    import pikepdf

    resources = holder.get("/Resources")
    if not isinstance(resources, pikepdf.Dictionary):
        return False
    for font in _values(resources.get("/Font")):
        if isinstance(font, pikepdf.Dictionary) and _known(font, known, _contradicts_itself):
            return True
    if depth == _DEEPEST:
        return False
    return any(
        _known(form, known, lambda inner: _names_some(inner, depth + 1, known))
        for form in _values(resources.get("/XObject"))
        if isinstance(form, pikepdf.Stream) and form.get("/Subtype") == "/Form"
    )


def _known(item: Any, known: dict[tuple[int, int], bool], judge: Any) -> bool:
    if item.objgen == (0, 0):
        return bool(judge(item))
    if item.objgen not in known:
        # A form may contain itself.
        known[item.objgen] = False
        known[item.objgen] = judge(item)
    return known[item.objgen]


def _values(named: Any) -> list[Any]:
    import pikepdf

    return list(named.values()) if isinstance(named, pikepdf.Dictionary) else []


def _contradicts_itself(font: pikepdf.Dictionary) -> bool:
    import pikepdf

    unicode = font.get("/ToUnicode")
    if not isinstance(unicode, pikepdf.Stream):
        return False
    composite = font.get("/Subtype") == "/Type0"
    drawn = drawn_by_program(font) if composite else _drawn(font)
    if not drawn:
        return False
    try:
        meant = _meant(unicode.read_bytes()[: _MAX_WIDE_BYTES if composite else _MAX_BYTES])
    except (pikepdf.PdfError, NotImplementedError):
        return False
    return any(
        sign.casefold() != meant[code].casefold()
        for code, sign in drawn.items()
        if code in meant and meant[code].isascii() and meant[code].isalnum()
    )


def _drawn(font: pikepdf.Dictionary) -> dict[int, str]:
    """The letters and figures that some codes draw, as far as the font names them."""
    import pikepdf

    encoding, about = font.get("/Encoding"), font.get("/FontDescriptor")
    flags = about.get("/Flags", 0) if isinstance(about, pikepdf.Dictionary) else 0
    # Of a symbolic TrueType font viewers ignore the encoding.
    if font.get("/Subtype") == "/TrueType" and int(flags) & _SYMBOLIC:
        return {}
    if isinstance(encoding, pikepdf.Name):
        return dict(_PLAIN)
    if not isinstance(encoding, pikepdf.Dictionary):
        return {}
    # Without a base, it is the encoding of the font program, which need not be one of these.
    drawn = dict(_PLAIN) if "/BaseEncoding" in encoding else {}
    code = 0
    differences = encoding.get("/Differences")
    for item in differences if isinstance(differences, pikepdf.Array) else ():
        if isinstance(item, pikepdf.Name):
            sign = _NAMES.get(str(item))
            if sign is None:
                drawn.pop(code, None)
            else:
                drawn[code] = sign
            code += 1
        elif isinstance(item, int):
            code = item
    return drawn


def _meant(program: bytes) -> dict[int, str]:
    """What single codes are by a map to Unicode."""
    meant: dict[int, str] = {}
    for kind, block in _BLOCK.findall(program):
        if kind == b"char":
            for code, letter in _CODE.findall(block):
                meant[int(code, 16)] = chr(int(letter, 16))
            continue
        for first, last, letter in _RANGE.findall(block):
            for step in range(min(int(last, 16) - int(first, 16) + 1, _MAX_CODES)):
                meant[int(first, 16) + step] = chr(min(int(letter, 16) + step, 0xFFFF))
    return meant
