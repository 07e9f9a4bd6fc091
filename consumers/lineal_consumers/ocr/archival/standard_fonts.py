"""Embeds fonts that every viewer has: Helvetica, Times and Courier, which PDFs need not bring.

Each viewer shows a substitute with the same widths anyway; here it is the free one of Liberation,
where it is installed. Symbol and Zapf Dingbats have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineal_consumers.ocr.archival.installed_fonts import find_font, open_font, subset
from lineal_consumers.ocr.archival.objects import every_object

if TYPE_CHECKING:
    from pathlib import Path

    import pikepdf

_FAMILIES = {
    "Helvetica": "LiberationSans",
    "Arial": "LiberationSans",
    "ArialMT": "LiberationSans",
    "Times": "LiberationSerif",
    "TimesNewRoman": "LiberationSerif",
    "TimesNewRomanPS": "LiberationSerif",
    "TimesNewRomanPSMT": "LiberationSerif",
    "Courier": "LiberationMono",
    "CourierNew": "LiberationMono",
    "CourierNewPS": "LiberationMono",
    "CourierNewPSMT": "LiberationMono",
}
_CODECS = {"/WinAnsiEncoding": "cp1252", "/MacRomanEncoding": "mac_roman"}
_UNSPOKEN = {
    "/WinAnsiEncoding": {
        0xA0: "space", 0xAD: "hyphen",
        **dict.fromkeys((0x7F, 0x81, 0x8D, 0x8F, 0x90, 0x9D), "bullet"),
    },
    "/MacRomanEncoding": {0xCA: "space"},
}  # fmt: skip
"""Codes that mean the glyph of another one (PDF 32000-1, D.2)."""
_LIGATURES = {"fi": 0xFB01, "fl": 0xFB02}
_EM = 1000
_NONSYMBOLIC = 1 << 5
_FIXED_PITCH, _SERIF, _ITALIC = 1, 1 << 1, 1 << 6


def embed_standard_fonts(pdf: pikepdf.Pdf) -> None:
    """Embed a substitute for each standard font that has one; the others stay as they are."""
    import pikepdf

    for item in list(every_object(pdf)):
        if not isinstance(item, pikepdf.Dictionary) or item.get("/Type") != "/Font":
            continue
        if item.get("/Subtype") not in ("/Type1", "/TrueType"):
            continue
        descriptor: Any = item.get("/FontDescriptor", {})
        if any(f"/FontFile{suffix}" in descriptor for suffix in ("", "2", "3")):
            continue
        file = _substitute(str(item.get("/BaseFont", ""))[1:])
        encoding = _encoding(item.get("/Encoding"))
        if file is not None and encoding is not None:
            _embed(pdf, item, file, encoding)


def _substitute(name: str) -> Path | None:
    family, _, style = name.replace(",", "-").partition("-")
    wanted = _FAMILIES.get(family)
    if wanted is None:
        return None
    style = style.lower().removesuffix("mt")
    bold = "Bold" if "bold" in style else ""
    italic = "Italic" if "italic" in style or "oblique" in style else ""
    if style.replace("bold", "").replace("italic", "").replace("oblique", "") not in ("", "roman"):
        return None
    return find_font(f"{wanted}-{bold + italic or 'Regular'}.ttf")


def _encoding(given: Any) -> tuple[str, dict[int, str]] | None:
    """The base encoding and the names of glyphs by code; None where one is unknown."""
    import pikepdf
    from fontTools import agl
    from fontTools.encodings.StandardEncoding import StandardEncoding

    base: Any = given if isinstance(given, pikepdf.Name) else None
    differences: list[Any] = []
    if isinstance(given, pikepdf.Dictionary):
        base = given.get("/BaseEncoding")
        differences = list(given.get("/Differences", ()))
    elif given is not None and base is None:
        return None
    named: dict[int, str] = {}
    name = str(base) if base is not None else ""
    if name in _CODECS:
        for code in range(32, 256):
            spoken = bytes([code]).decode(_CODECS[name], "ignore")
            if spoken and ord(spoken) in agl.UV2AGL:
                named[code] = agl.UV2AGL[ord(spoken)]
        named |= _UNSPOKEN[name]
    else:
        name = "/WinAnsiEncoding"
        named = {code: glyph for code, glyph in enumerate(StandardEncoding) if glyph != ".notdef"}
    code = 0
    for entry in differences:
        if isinstance(entry, pikepdf.Name):
            glyph = str(entry)[1:]
            if _character(glyph) is None:
                return None
            named[code] = glyph
            code += 1
        else:
            code = int(entry)
    return name, named


def _character(glyph: str) -> int | None:
    """The character of a glyph by its name in Adobe's list."""
    from fontTools import agl

    found = _LIGATURES.get(glyph) or agl.AGL2UV.get(glyph)
    return None if found is None else int(found)


def _embed(pdf: pikepdf.Pdf, item: Any, file: Path, encoding: tuple[str, dict[int, str]]) -> None:
    from pikepdf import Array, Dictionary, Name, Stream

    font = open_font(file)
    if font is None:
        return
    base, named = encoding
    glyphs = font.getBestCmap()
    named = {code: glyph for code, glyph in named.items() if _character(glyph) in glyphs}
    spoken = {code: _character(glyph) or 0 for code, glyph in named.items()}
    scale = _EM / font["head"].unitsPerEm
    widths = [0] * 256
    for code, character in spoken.items():
        widths[code] = round(font["hmtx"][glyphs[character]][0] * scale)
    program = subset(file, set(map(chr, spoken.values())))
    name = Name("/LINEAL+" + file.stem)
    head, os2, post = font["head"], font["OS/2"], font["post"]
    flags = _NONSYMBOLIC
    flags |= _FIXED_PITCH if "Mono" in file.stem else 0
    flags |= _SERIF if "Serif" in file.stem else 0
    flags |= _ITALIC if "Italic" in file.stem else 0
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=name,
        Flags=flags,
        FontBBox=Array([round(side * scale) for side in
                        (head.xMin, head.yMin, head.xMax, head.yMax)]),
        ItalicAngle=post.italicAngle,
        Ascent=round(os2.sTypoAscender * scale),
        Descent=round(os2.sTypoDescender * scale),
        CapHeight=round(os2.sCapHeight * scale),
        StemV=120 if "Bold" in file.stem else 80,
        FontFile2=pdf.make_indirect(Stream(pdf, program, Length1=len(program))),
    )  # fmt: skip
    differences: list[Any] = []
    for code in sorted(named):
        differences += [code, Name("/" + named[code])]
    item["/Subtype"] = Name.TrueType
    item["/BaseFont"] = name
    item["/FirstChar"], item["/LastChar"] = 0, 255
    item["/Widths"] = Array(widths)
    item["/FontDescriptor"] = pdf.make_indirect(descriptor)
    item["/Encoding"] = Dictionary(
        Type=Name.Encoding, BaseEncoding=Name(base), Differences=Array(differences)
    )
