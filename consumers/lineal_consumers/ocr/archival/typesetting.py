"""Text without pages of its own, set on pages of A4 in fonts of this machine, and with them."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal.stages import Reject
from lineal_consumers.ocr.archival.installed_fonts import fonts_for, open_font, subset

if TYPE_CHECKING:
    from pathlib import Path

    import pikepdf

_WIDTH, _HEIGHT = 595.28, 841.89
_MARGIN = 56.0
_SIZE = 10.0
_LEADING = 14.0
_TAB = 4
_MAX_CHARACTERS = 4_000_000
_MAX_SHOWN = 10
_EM = 1000
_SHAPED = frozenset({"R", "AL", "AN"})
"""Bidirectional classes of scripts that are written from right to left."""
_INDIC = (0x0900, 0x109F)
"""Scripts of India, Sri Lanka, Thailand, Laos, Tibet and Burma: all but Thai and Lao are shaped."""


class TypesetDocument(NamedTuple):
    """Pages that were made, and where on them the text of the document stands."""

    pdf: bytes
    pages: list[dict[str, Any]]
    """As those of a TextResult: number, begin, end, words, key_values, tables."""


class _Line(NamedTuple):
    begin: int
    text: str


class _Face:
    """A font of the document: codes are glyphs, given out in the order of the characters."""

    def __init__(self, path: Path, characters: set[str]) -> None:
        from fontTools.ttLib import TTFont

        self.path = path
        self.program = subset(path, characters)
        font = TTFont(io.BytesIO(self.program))
        cmap = font.getBestCmap()
        self._scale = _EM / font["head"].unitsPerEm
        self.glyphs = {character: font.getGlyphID(cmap[ord(character)]) for character in characters}
        self.widths: dict[str, int] = {
            character: round(font["hmtx"][cmap[ord(character)]][0] * self._scale)
            for character in characters
        }
        head, os2 = font["head"], font["OS/2"]
        self.box = [round(side * self._scale) for side in
                    (head.xMin, head.yMin, head.xMax, head.yMax)]  # fmt: skip
        self.ascent = round(os2.sTypoAscender * self._scale)
        self.descent = round(os2.sTypoDescender * self._scale)


def typeset(result: dict[str, Any]) -> TypesetDocument:
    """Set the text of a result.

    Raises:
        Reject: some of it cannot be shown; says what.
    """
    import pikepdf

    text: str = result["text"]
    if len(text) > _MAX_CHARACTERS:
        raise Reject(f"a text of more than {_MAX_CHARACTERS:,} characters is not set")
    shown = {character for character in set(text) if not _is_blank(character)} | {" "}
    if any(map(_is_shaped, shown)):
        raise Reject("its script has to be shaped, which is not done here")
    files, lacking = fonts_for(shown)
    if lacking:
        listed = " ".join(sorted(lacking)[:_MAX_SHOWN])
        raise Reject(f"no installed font has all of its characters: {listed}")
    faces: list[_Face] = []
    left = set(shown)
    for path in files:
        font = open_font(path)
        assert font is not None
        there = {character for character in left if ord(character) in font.getBestCmap()}
        faces.append(_Face(path, there))
        left -= there
    by_character = {
        character: number for number, face in enumerate(faces) for character in face.glyphs
    }
    pdf = pikepdf.new()
    fonts = pikepdf.Dictionary(
        {f"/F{number}": _font(pdf, face, number) for number, face in enumerate(faces)}
    )
    setter = _Setter(faces, by_character)
    pages: list[dict[str, Any]] = []
    for page in result["pages"]:
        lines = list(setter.lines(text, page["begin"], page["end"]))
        per_page = int((_HEIGHT - 2 * _MARGIN) // _LEADING)
        for first in range(0, max(len(lines), 1), per_page):
            part = lines[first : first + per_page]
            content, words = setter.content(part)
            made = pdf.add_blank_page(page_size=(_WIDTH, _HEIGHT))
            made.obj["/Resources"] = pikepdf.Dictionary(Font=fonts)
            made.obj["/Contents"] = pdf.make_stream(content)
            begins = first == 0
            pages.append(
                {
                    "number": len(pages) + 1,
                    "begin": part[0].begin if part else page["begin"],
                    "end": part[-1].begin + len(part[-1].text) if part else page["end"],
                    "words": words,
                    "key_values": [_placeless(field) for field in page.get("key_values") or ()]
                    if begins else [],
                    "tables": [{**table, "box": None} for table in page.get("tables") or ()]
                    if begins else [],
                }
            )  # fmt: skip
    out = io.BytesIO()
    pdf.save(out, deterministic_id=True)
    return TypesetDocument(out.getvalue(), pages)


def _placeless(field: dict[str, Any]) -> dict[str, Any]:
    return {**field, "key_box": None, "value_box": None}


def _is_blank(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _is_shaped(character: str) -> bool:
    if unicodedata.bidirectional(character) in _SHAPED:
        return True
    point = ord(character)
    return _INDIC[0] <= point <= _INDIC[1] and not 0x0E00 <= point <= 0x0EFF


class _Setter:
    def __init__(self, faces: list[_Face], by_character: dict[str, int]) -> None:
        self._faces = faces
        self._by_character = by_character

    def _width(self, text: str) -> float:
        """The width of a text in points."""
        faces, by_character = self._faces, self._by_character
        units: int = sum(faces[by_character[c]].widths[c] for c in text if c in by_character)
        return units * _SIZE / _EM

    def lines(self, text: str, begin: int, end: int) -> Iterator[_Line]:
        """The lines of a part of a text, broken between words where they are too long."""
        room = _WIDTH - 2 * _MARGIN
        at = begin
        for line in text[begin:end].split("\n"):
            rest, place = line, at
            while self._width(rest) > room:
                cut = self._fitting(rest, room)
                yield _Line(place, rest[:cut])
                place += cut
                rest = rest[cut:]
            yield _Line(place, rest)
            at += len(line) + 1

    def _fitting(self, text: str, room: float) -> int:
        """How many characters fit, to the end of a word if there is one."""
        used, cut, blank = 0.0, 0, 0
        for cut, character in enumerate(text):
            used += self._width(character)
            if used > room:
                break
            if character == " ":
                blank = cut + 1
        return blank or max(cut, 1)

    def content(self, lines: list[_Line]) -> tuple[bytes, list[list[Any]]]:
        """What draws lines, and their words with places as those of a result."""
        out: list[bytes] = []
        words: list[list[Any]] = []
        for number, line in enumerate(lines):
            baseline = _HEIGHT - _MARGIN - _LEADING * number - _SIZE
            x = _MARGIN
            out.append(b"BT 1 0 0 1 %.2f %.2f Tm" % (x, baseline))
            word: list[Any] | None = None
            run, codes = -1, b""
            for offset, character in enumerate(line.text):
                shown = character if character in self._by_character else " "
                if _is_blank(character) and not character.isspace():
                    continue
                face = self._by_character[shown]
                times = _TAB if character == "\t" else 1
                code = b"%04x" % self._faces[face].glyphs[shown] * times
                if face != run and codes:
                    out.append(_shown(run, codes))
                    codes = b""
                run, codes = face, codes + code
                across = self._width(shown) * times
                if character.isspace():
                    word = None
                else:
                    if word is None:
                        at = line.begin + offset
                        word = [at, at, 1.0, x / _WIDTH, (_HEIGHT - baseline - _SIZE) / _HEIGHT,
                                0.0, 1.25 * _SIZE / _HEIGHT, number]  # fmt: skip
                        words.append(word)
                    word[1] = line.begin + offset + 1
                    word[5] = (x + across) / _WIDTH - word[3]
                x += across
            if codes:
                out.append(_shown(run, codes))
            out.append(b"ET")
        return b"\n".join(out), words


def _shown(face: int, codes: bytes) -> bytes:
    return b"/F%d %.1f Tf <%b> Tj" % (face, _SIZE, codes)


def _font(pdf: pikepdf.Pdf, face: _Face, number: int) -> Any:
    from pikepdf import Array, Dictionary, Name, Stream

    name = Name(f"/{'ABCDEFGHIJ'[number % 10] * 6}+{face.path.stem}")
    by_glyph = sorted((glyph, character) for character, glyph in face.glyphs.items())
    descriptor = Dictionary(
        Type=Name.FontDescriptor, FontName=name, Flags=4, FontBBox=Array(face.box), ItalicAngle=0,
        Ascent=face.ascent, Descent=face.descent, CapHeight=face.ascent, StemV=80,
        FontFile2=pdf.make_indirect(Stream(pdf, face.program, Length1=len(face.program))),
    )  # fmt: skip
    widths: list[Any] = []
    for glyph, character in by_glyph:
        widths += [glyph, Array([face.widths[character]])]
    descendant = Dictionary(
        Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=name,
        CIDSystemInfo=Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor), CIDToGIDMap=Name.Identity, W=Array(widths),
        DW=_EM,
    )  # fmt: skip
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font,
            Subtype=Name.Type0,
            BaseFont=name,
            Encoding=Name("/Identity-H"),
            DescendantFonts=Array([pdf.make_indirect(descendant)]),
            ToUnicode=pdf.make_indirect(Stream(pdf, _to_unicode(by_glyph))),
        )
    )


def _to_unicode(by_glyph: list[tuple[int, str]]) -> bytes:
    blocks = []
    for start in range(0, len(by_glyph), 100):
        block = by_glyph[start : start + 100]
        entries = b"\n".join(
            b"<%04x> <%b>" % (glyph, character.encode("utf-16-be").hex().encode())
            for glyph, character in block
        )
        blocks.append(b"%d beginbfchar\n%b\nendbfchar" % (len(block), entries))
    return b"\n".join(
        (
            b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap",
            b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def",
            b"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange",
            *blocks,
            b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend",
        )
    )
