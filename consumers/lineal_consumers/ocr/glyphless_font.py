"""A font without glyph shapes that can encode any Unicode text.

Codes are two bytes (Type 0, Identity-H). A code in the basic plane is the character itself; a
character outside of it gets one of the 2,048 codes of the surrogates, which are no characters.
Every code is half an em wide and one em high, from the baseline up, so a word set in the size of
its box fills the box.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

ADVANCE = 0.5
"""Width of every glyph in ems."""

_UNITS = 1000
_FIRST_SPARE, _LAST_SPARE = 0xD800, 0xDFFF
_REPLACEMENT = "\ufffd"
_NAME = "/LinealGlyphless"


class GlyphlessFont:
    """The font of one document: encodes text and knows which spare codes were given out."""

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        import pikepdf

        self._pdf = pdf
        self._spare: dict[str, int] = {}
        self._rows = {0}
        self.object: Any = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Font))
        """The font dictionary, complete after :meth:`finish`."""

    def encode(self, text: str) -> bytes:
        """The hexadecimal codes of a text. What cannot be said (lone surrogates, more than 2,048
        distinct characters outside the basic plane) becomes U+FFFD."""
        if text.isascii():
            return text.encode("utf-16-be").hex().encode()
        return b"".join(b"%04x" % self._code(character) for character in text)

    def _code(self, character: str) -> int:
        point = ord(character)
        if _FIRST_SPARE <= point <= _LAST_SPARE:
            return self._code(_REPLACEMENT)
        if point <= 0xFFFF:
            self._rows.add(point >> 8)
            return point
        if character not in self._spare:
            if len(self._spare) > _LAST_SPARE - _FIRST_SPARE:
                return self._code(_REPLACEMENT)
            self._spare[character] = _FIRST_SPARE + len(self._spare)
        return self._spare[character]

    def finish(self) -> None:
        """Embed the font program and the way back from codes to Unicode."""
        from pikepdf import Array, Dictionary, Name, Stream

        pdf = self._pdf
        program = _program()
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=Name(_NAME),
            Flags=5,
            FontBBox=Array([0, 0, int(ADVANCE * _UNITS), _UNITS]),
            ItalicAngle=0,
            Ascent=_UNITS,
            Descent=0,
            CapHeight=_UNITS,
            StemV=80,
            FontFile2=pdf.make_indirect(Stream(pdf, program, Length1=len(program))),
        )
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=Name(_NAME),
            CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
            FontDescriptor=pdf.make_indirect(descriptor),
            DW=int(ADVANCE * _UNITS),
            CIDToGIDMap=pdf.make_indirect(Stream(pdf, b"\x00\x01" * 0x10000)),
        )
        self.object.update(
            {
                "/Subtype": Name.Type0,
                "/BaseFont": Name(_NAME),
                "/Encoding": Name("/Identity-H"),
                "/DescendantFonts": Array([pdf.make_indirect(descendant)]),
                "/ToUnicode": pdf.make_indirect(Stream(pdf, self._to_unicode())),
            }
        )

    def _to_unicode(self) -> bytes:
        # A range may not cross the first byte of its codes (PDF 32000-1, 9.10.3), and a block may
        # have at most 100 entries. Only rows in use: some readers expand every range.
        ranges = [b"<%02x00> <%02xff> <%02x00>" % (row, row, row) for row in sorted(self._rows)]
        single = [
            b"<%04x> <%s>" % (code, character.encode("utf-16-be").hex().encode())
            for character, code in self._spare.items()
        ]
        return b"\n".join(
            (
                b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap",
                b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
                b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def",
                b"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange",
                *_blocks(b"bfrange", ranges),
                *_blocks(b"bfchar", single),
                b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend",
            )
        )


def _blocks(kind: bytes, entries: list[bytes]) -> list[bytes]:
    return [
        b"%d begin%s\n%s\nend%s" % (len(block), kind, b"\n".join(block), kind)
        for block in (entries[start : start + 100] for start in range(0, len(entries), 100))
    ]


@cache
def _program() -> bytes:
    """A TrueType font of two glyphs, each a line from corner to corner and back: without area, so
    without ink, but not without extent, for pdfium ignores vertical text that is 0 wide."""
    import logging

    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    names = [".notdef", "blank"]
    builder = FontBuilder(_UNITS, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({0x20: "blank"})
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((int(ADVANCE * _UNITS), _UNITS))
    pen.closePath()
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics({name: (int(ADVANCE * _UNITS), 0) for name in names})
    builder.setupHorizontalHeader(ascent=_UNITS, descent=0)
    builder.setupNameTable({"familyName": _NAME[1:], "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=_UNITS, sTypoDescender=0)
    builder.setupPost()
    # Equal documents must have equal bytes: no time of making.
    # It would say that 1904 is long ago.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    out = io.BytesIO()
    builder.font.save(out)
    return out.getvalue()
