"""Whether the fonts of a PDF draw other letters than its text layer says.

Most fonts that are embedded hold what is used of them and no names, so nothing in the file says
whether their map to Unicode (ISO 32000-1, 9.10.3) is right. Each letter of such a font is drawn
once, and its shape compared with that of the letter it is said to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ctypes import byref, c_double, c_float, c_void_p, cast, create_string_buffer, string_at
from dataclasses import dataclass, field
from math import ceil, floor, hypot
from typing import TYPE_CHECKING, Any, NamedTuple

from lineal_catalog.file_formats.affine import Affine
from lineal_catalog.file_formats.glyph_shapes import SIGNS, find_others
from lineal_catalog.file_formats.pdf_objects import bounds_of, matrix_of, walk_page_objects

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Gray = npt.NDArray[np.uint8]

FontKey = tuple[int, ...]

_PREFIX = re.compile("^[A-Z]{6}[+]")
"""Of the name of a font of which not all is there."""
_CODES = {ord(sign): sign for sign in SIGNS}
_MAX_CHARACTERS = 6_000
"""Of a page that are looked at."""
_MAX_DRAWN = 300
"""Text objects of a page that are drawn."""
_HEIGHT = 40.0
"""Pixels of the font's size."""
_MAX_PIXELS = 2_000_000
"""Of a text object that is drawn."""
_PAGES = 3
"""With letters of a font and none that was not looked at, from which it is not looked for."""
_ENOUGH = 45
_MAX_SEEN = 4_000
"""Letters of a document that are looked at, of all fonts together."""
_FEWEST, _SHARE = 2, 0.04
"""Contradictions from which a font is not believed; a single one is chance, or a drawn initial."""
_SLANT = 0.35
"""Of italics that are made by the matrix; more is text that runs across the page."""
_DEEPEST = 4
"""Forms in forms whose fonts are looked for."""


class NamedFont(NamedTuple):
    """A font of a page whose letters have to be looked at."""

    key: FontKey
    name: str


@dataclass(slots=True)
class Evidence:
    """What was seen of a font."""

    seen: dict[str, bool] = field(default_factory=dict)
    """Each sign that was looked at, and whether it is drawn as another one."""
    pages: int = 0
    """That had no letter of it which was not looked at before."""

    @property
    def is_complete(self) -> bool:
        """Whether the font need not be looked at on further pages."""
        return self.pages >= _PAGES or len(self.seen) >= _ENOUGH

    def add(self, seen: dict[str, bool]) -> None:
        """Add what one page shows."""
        self.pages += seen.keys() <= self.seen.keys()
        for sign, other in seen.items():
            self.seen[sign] = self.seen.get(sign, False) or other

    @property
    def others(self) -> frozenset[str]:
        """The signs that are drawn as others; none where they may be chance."""
        found = frozenset(sign for sign, other in self.seen.items() if other)
        few = len(found) < _FEWEST or len(found) < _SHARE * len(self.seen)
        return frozenset() if few else found


def find_fonts(page: Any) -> list[NamedFont]:
    """The fonts of a page (a dictionary of pikepdf that has its inherited attributes), and of the
    forms on it, that bring their own letters or their own map to Unicode."""
    return list(dict.fromkeys(_fonts(page, 0, set(), page.objgen)))


def _fonts(holder: Any, depth: int, known: set[FontKey], page: FontKey) -> Iterator[NamedFont]:
    import pikepdf

    resources = holder.get("/Resources")
    if not isinstance(resources, pikepdf.Dictionary):
        return
    for font in _values(resources.get("/Font")):
        if isinstance(font, pikepdf.Dictionary) and _needs_a_look(font):
            # One that is no object of its own is this page's.
            key = font.objgen if font.is_indirect else (*font.objgen, *page)
            yield NamedFont(key, _plain_name(font.get("/BaseFont")))
    if depth == _DEEPEST:
        return
    for form in _values(resources.get("/XObject")):
        if not isinstance(form, pikepdf.Stream) or form.objgen in known:
            continue
        known.add(form.objgen)
        if form.get("/Subtype") == "/Form":
            yield from _fonts(form, depth + 1, known, page)


def _values(named: Any) -> list[Any]:
    import pikepdf

    return list(named.values()) if isinstance(named, pikepdf.Dictionary) else []


def _plain_name(name: Any) -> str:
    """What PDFium calls a font by this name, as far as both say the same."""
    import pikepdf

    # A name need not be UTF-8.
    written = name.unparse() if isinstance(name, pikepdf.Name) else b""
    plain = written.decode("ascii", "ignore").removeprefix("/")
    return _PREFIX.sub("", plain).partition(",")[0].partition("-Identity")[0]


def _needs_a_look(font: Any) -> bool:
    import pikepdf

    if "/ToUnicode" in font or font.get("/Subtype") in ("/Type0", "/Type3"):
        return True
    about = font.get("/FontDescriptor")
    return isinstance(about, pikepdf.Dictionary) and any(
        name in about for name in ("/FontFile", "/FontFile2", "/FontFile3")
    )


def look_at_fonts(
    document: Any,
    page: Any,
    layer: Any,
    fonts: Iterable[NamedFont],
    known: dict[FontKey, Evidence],
) -> None:
    """Add to what is known of the fonts of a page that were not looked at enough.

    Args:
        document: an ``FPDF_DOCUMENT``.
        page: one of its pages (an ``FPDF_PAGE``).
        layer: its text layer (an ``FPDF_TEXTPAGE``).
    """
    fonts = list(fonts)
    wanted = [font for font in fonts if not known.setdefault(font.key, Evidence()).is_complete]
    if not wanted or sum(len(font.seen) for font in known.values()) >= _MAX_SEEN:
        return
    names, objects = {font.name for font in fonts}, _text_objects(page)
    by_name: dict[str, list[Evidence]] = {}
    for name in {item.font for item in objects.values()}:
        # What PDFium calls otherwise may be any font of the page.
        meant = [known[font.key] for font in wanted if font.name == name or name not in names]
        if meant:
            by_name[name] = meant
    asked = {
        name: frozenset.intersection(*(frozenset(font.seen) for font in meant))
        for name, meant in by_name.items()
    }
    objects = {address: item for address, item in objects.items() if item.font in asked}
    found = _look(document, page, layer, objects, asked) if objects else {}
    for name, meant in by_name.items():
        for font in meant:
            font.add(found.get(name, {}))


class _Text(NamedTuple):
    """A text object of a page."""

    handle: Any
    around: Affine
    """The matrices of the forms that it lies in."""
    font: str


def _text_objects(page: Any) -> dict[int, _Text]:
    """The text objects of a page that are filled, by their addresses."""
    import pypdfium2.raw as raw

    names: dict[int, str] = {}
    found: dict[int, _Text] = {}
    for item in walk_page_objects(page):
        if item.kind != raw.FPDF_PAGEOBJ_TEXT:
            continue
        font = raw.FPDFTextObj_GetFont(item.handle)
        if not font:
            continue
        address = _address(font)
        if address not in names:
            names[address] = _name_of(font)
        found[_address(item.handle)] = _Text(item.handle, item.around, names[address])
    return found


def _look(
    document: Any,
    page: Any,
    layer: Any,
    objects: dict[int, _Text],
    known: dict[str, frozenset[str]],
) -> dict[str, dict[str, bool]]:
    """By the name of each font which letters and figures of it were looked at, and whether they are
    drawn as others; those of fonts of the same name together.

    Args:
        known: by the name of each font what need not be looked at.
    """
    import pypdfium2.raw as raw

    samples: dict[int, list[tuple[str, int]]] = {}
    taken = {(name, sign) for name, signs in known.items() for sign in signs}
    unicode, object_of = raw.FPDFText_GetUnicode, raw.FPDFText_GetTextObject
    for index in range(min(raw.FPDFText_CountChars(layer), _MAX_CHARACTERS)):
        sign = _CODES.get(unicode(layer, index))
        handle = object_of(layer, index) if sign is not None else None
        address = _address(handle) if handle else 0
        item = objects.get(address)
        if sign is None or item is None or (item.font, sign) in taken:
            continue
        if address not in samples:
            if len(samples) == _MAX_DRAWN:
                break
            mode = raw.FPDFTextObj_GetTextRenderMode(item.handle)
            if mode != raw.FPDF_TEXTRENDERMODE_FILL:
                continue
        taken.add((item.font, sign))
        samples.setdefault(address, []).append((sign, index))
    called: list[tuple[str, str]] = []
    glyphs: list[tuple[str, Gray]] = []
    for address, wanted in samples.items():
        item = objects[address]
        drawn = _draw(document, page, item.handle, item.around)
        if drawn is None:
            continue
        for sign, index in wanted:
            if (glyph := drawn.glyph(layer, index)) is not None:
                called.append((item.font, sign))
                glyphs.append((sign, glyph))
    found: dict[str, dict[str, bool]] = {}
    for (name, sign), other in zip(called, find_others(glyphs), strict=True):
        found.setdefault(name, {})[sign] = other
    return found


def _address(handle: Any) -> int:
    return cast(handle, c_void_p).value or 0


def _name_of(font: Any) -> str:
    import pypdfium2.raw as raw

    name = create_string_buffer(256)
    raw.FPDFFont_GetBaseFontName(font, name, len(name))
    plain = name.value.decode("ascii", "ignore")
    return _PREFIX.sub("", plain).partition(",")[0]


class _Drawn(NamedTuple):
    """A text object that is drawn alone."""

    ink: Gray
    left: float
    top: float
    scale: float
    inward: Affine
    """From the page's user space to that of the object."""
    turns: int
    """Quarters by which its glyphs stand turned to the left."""

    def glyph(self, layer: Any, index: int) -> Gray | None:
        """A character of the layer, upright."""
        import numpy as np
        import pypdfium2.raw as raw

        sides = [c_double() for _ in range(4)]
        if not raw.FPDFText_GetCharBox(layer, index, *(byref(side) for side in sides)):
            return None
        left, right, bottom, top = (side.value for side in sides)
        left, bottom, right, top = self.inward.box(left, bottom, right, top)
        columns = slice(*_pixels(left - self.left, right - self.left, self.scale))
        rows = slice(*_pixels(self.top - top, self.top - bottom, self.scale))
        cut = self.ink[rows, columns]
        return np.rot90(cut, -self.turns).copy() if cut.size else None


def _pixels(begin: float, end: float, scale: float) -> tuple[int, int]:
    return max(0, floor(begin * scale)), max(0, ceil(end * scale))


def _draw(document: Any, page: Any, handle: Any, around: Affine) -> _Drawn | None:
    """None of one that is slanted, mirrored, or too large."""
    import pypdfium2.raw as raw

    inner = matrix_of(handle)
    turns, box, size = _quarters(around.after(inner)), bounds_of(handle), c_float()
    raw.FPDFTextObj_GetFontSize(handle, byref(size))
    tall = abs(size.value) * hypot(inner.c, inner.d)
    if turns is None or box is None or not tall > 0:
        return None
    scale = _HEIGHT / tall
    left, bottom, right, top = box
    if not 0 < (right - left) * (top - bottom) * scale * scale <= _MAX_PIXELS:
        return None
    bitmap = raw.FPDFTextObj_GetRenderedBitmap(document, page, handle, scale)
    if not bitmap:
        return None
    ink = _ink(bitmap)
    raw.FPDFBitmap_Destroy(bitmap)
    if ink is None:
        return None
    return _Drawn(ink, left, top, scale, around.inverse(), turns)


def _ink(bitmap: Any) -> Gray | None:
    """How far each pixel is covered, in whatever colour."""
    import numpy as np
    import pypdfium2.raw as raw

    if raw.FPDFBitmap_GetFormat(bitmap) != raw.FPDFBitmap_BGRA:
        return None
    width, height = raw.FPDFBitmap_GetWidth(bitmap), raw.FPDFBitmap_GetHeight(bitmap)
    stride = raw.FPDFBitmap_GetStride(bitmap)
    memory = string_at(raw.FPDFBitmap_GetBuffer(bitmap), stride * height)
    rows = np.frombuffer(memory, np.uint8).reshape(height, stride)
    ink = rows[:, 3 : 4 * width : 4]
    darkest = int(ink.max())
    if not darkest:
        return None
    return (ink * (255 / darkest)).astype(np.uint8)


def _quarters(placed: Affine) -> int | None:
    """By how many quarters a matrix turns to the left; None where it mirrors or slants."""
    if placed.a * placed.d - placed.b * placed.c <= 0:
        return None
    across, up = max(abs(placed.a), abs(placed.d)), max(abs(placed.b), abs(placed.c))
    if abs(placed.b) + abs(placed.c) <= _SLANT * across:
        return 0 if placed.a > 0 else 2
    if abs(placed.a) + abs(placed.d) <= _SLANT * up:
        return 1 if placed.b > 0 else 3
    return None
