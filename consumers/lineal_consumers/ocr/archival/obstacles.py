"""What keeps a PDF from being PDF/A-2b, and would be lost or changed if it were made one.

The clauses are those of ISO 19005-2. What a viewer does not show and a conversion may leave out is
not among them (:mod:`lineal_consumers.ocr.archival.repairs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lineal_consumers.ocr.archival.font_widths import widths_differ
from lineal_consumers.ocr.archival.objects import every_object, field_type

if TYPE_CHECKING:
    import pikepdf

_ACTIONS = frozenset({"/GoTo", "/GoToR", "/GoToE", "/Thread", "/URI", "/Named", "/SubmitForm"})
_ANNOTATIONS = frozenset(
    {
        "/Text", "/Link", "/FreeText", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine",
        "/Highlight", "/Underline", "/Squiggly", "/StrikeOut", "/Stamp", "/Caret", "/Ink",
        "/Popup", "/Widget", "/PrinterMark", "/TrapNet", "/Watermark", "/Redact",
    }
)  # fmt: skip
_WITHOUT_APPEARANCE = frozenset({"/Popup", "/Link"})
_HIDING = 0b100011
"""Of an annotation's flags: Invisible, Hidden, NoView."""
_SMALLEST, _LARGEST = 3, 14_400
"""Points of a page's sides."""
_MAX_SHOWN = 5
_MAYBE_CMYK = re.compile(rb"(?<![\w.])[kK](?![\w.])|CMYK")
_BLEND_MODES = frozenset(
    {
        "/Normal", "/Compatible", "/Multiply", "/Screen", "/Overlay", "/Darken", "/Lighten",
        "/ColorDodge", "/ColorBurn", "/HardLight", "/SoftLight", "/Difference", "/Exclusion",
        "/Hue", "/Saturation", "/Color", "/Luminosity",
    }
)  # fmt: skip


def find_obstacles(pdf: pikepdf.Pdf) -> list[str]:
    """Why this PDF cannot become PDF/A-2b without a loss, in words; empty if it can."""
    return list(dict.fromkeys(_obstacles(pdf)))


def _obstacles(pdf: pikepdf.Pdf) -> Iterator[str]:
    import pikepdf

    root = pdf.Root
    names: Any = root.get("/Names", {})
    if "/EmbeddedFiles" in names:
        yield "files are attached to it (6.8)"
    if "/JavaScript" in names:
        yield "it has scripts (6.5.1)"
    if "/AA" in root:
        yield "it acts by itself when it is opened or printed (6.5.2)"
    if _is_forbidden_action(root.get("/OpenAction")):
        yield "it acts by itself when it is opened (6.5.1)"
    if root.get("/NeedsRendering", False):
        yield "it is an XFA form (6.4.2)"
    form: Any = root.get("/AcroForm", {})
    if "/XFA" in form:
        yield "it is an XFA form (6.4.2)"
    if int(form.get("/SigFlags", 0)) & 1 or "/Perms" in root:
        yield "it is signed, and any change breaks the signature"
    yield from _fonts(pdf)
    cmyk = False
    for item in every_object(pdf):
        cmyk = cmyk or _names_cmyk(item)
        if isinstance(item, pikepdf.Array):
            continue
        yield from _of_object(item)
    for page in pdf.pages:
        if any(not _SMALLEST <= side <= _LARGEST for side in _sides(page.obj)):
            yield "a page is smaller or larger than is allowed (6.1.13)"
        if "/AA" in page.obj:
            yield "a page acts by itself (6.5.2)"
        cmyk = cmyk or _paints_cmyk(page)
    if cmyk:
        yield "colours are in CMYK, and no profile says which (6.2.4.3)"


def _of_object(item: Any) -> Iterator[str]:
    kind = str(item.get("/Subtype", ""))
    if "/F" in item and item.get("/Length") is not None and hasattr(item, "read_raw_bytes"):
        yield "a part of it is in another file (6.1.7.1)"
    if item.get("/Type") == "/Annot" or (kind in _ANNOTATIONS and "/Rect" in item):
        yield from _of_annotation(item, kind)
    elif kind in ("/PS",) or "/OPI" in item or (kind == "/Form" and "/Ref" in item):
        yield "it has PostScript or refers to another file (6.2.9)"
    if item.get("/Type") == "/Filespec" and "/EF" in item:
        yield "files are attached to it (6.8)"
    if item.get("/Type") == "/ExtGState":
        if "/TR" in item or item.get("/TR2", "/Default") != "/Default" or "/HTP" in item:
            yield "it has transfer functions of its own (6.2.5)"
        mode = item.get("/BM", "/Normal")
        if str(mode) not in _BLEND_MODES:
            yield "it blends in a way that is not in the standard (6.2.10)"


def _of_annotation(item: Any, kind: str) -> Iterator[str]:
    import pikepdf

    if kind and kind not in _ANNOTATIONS:
        yield f"it has annotations of the kind {kind[1:]} (6.3.1)"
        return
    if int(item.get("/F", 0)) & _HIDING:
        yield "it has hidden annotations (6.3.2)"
    if "/AA" in item or _is_forbidden_action(item.get("/A")):
        yield "annotations run scripts or programs (6.5.1)"
    looks = item.get("/AP", {}).get("/N")
    if isinstance(looks, pikepdf.Dictionary) and field_type(item) != "/Btn":
        yield "annotations have a look for each of several states (6.3.3)"
    if kind not in _WITHOUT_APPEARANCE and not _has_appearance(item) and _has_area(item):
        yield "annotations leave it to the viewer how they look (6.3.3)"


def _has_appearance(item: Any) -> bool:
    return "/N" in item.get("/AP", {})


def _has_area(item: Any) -> bool:
    left, bottom, right, top = (float(side) for side in item.get("/Rect", (0, 0, 0, 0)))
    return left != right or bottom != top


def _is_forbidden_action(action: Any) -> bool:
    """Whether something is an action that is not allowed; a destination is none."""
    import pikepdf

    if not isinstance(action, pikepdf.Dictionary):
        return False
    return str(action.get("/S", "")) not in _ACTIONS


def _fonts(pdf: pikepdf.Pdf) -> Iterator[str]:
    import pikepdf

    lacking = []
    for item in every_object(pdf):
        if not isinstance(item, pikepdf.Dictionary) or item.get("/Type") != "/Font":
            continue
        kind = item.get("/Subtype")
        if not _is_utf8(item.get("/BaseFont")):
            yield "a font has a name that is no text (6.1.8)"
        if kind in ("/Type3", "/Type0"):
            continue  # its program is in its own streams, or in its descendant
        descriptor: Any = item.get("/FontDescriptor", {})
        if not any(f"/FontFile{suffix}" in descriptor for suffix in ("", "2", "3")):
            lacking.append(str(item.get("/BaseFont", "/?"))[1:])
        elif widths_differ(item):
            yield "letters of a font are not as wide as it says (6.2.11.5)"
    if lacking:
        shown = ", ".join(sorted(set(lacking))[:_MAX_SHOWN])
        yield f"fonts are not in it: {shown} (6.2.11.4)"


def _is_utf8(name: Any) -> bool:
    if name is None:
        return True
    raw = re.sub(rb"#([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), name.unparse())
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sides(page: Any) -> Iterator[float]:
    for name in ("/MediaBox", "/CropBox", "/TrimBox", "/BleedBox", "/ArtBox"):
        if name in page:
            left, bottom, right, top = (float(side) for side in page[name])
            yield abs(right - left)
            yield abs(top - bottom)


def _names_cmyk(item: Any) -> bool:
    """Whether an object says that something in it is in CMYK without a profile."""
    import pikepdf

    if isinstance(item, pikepdf.Array):
        return any(_is_cmyk(value) for value in item)
    for key, value in item.items():
        if key in ("/ColorSpace", "/CS", "/Alternate") and _is_cmyk(value):
            # The alternate of a profile is for those who cannot read it.
            return not (key == "/Alternate" and "/N" in item)
        if isinstance(value, pikepdf.Array) and any(_is_cmyk(entry) for entry in value):
            return True
        if key == "/ColorSpace" and isinstance(value, pikepdf.Dictionary):
            for space in value.values():
                if _is_cmyk(space) or (
                    isinstance(space, pikepdf.Array) and any(map(_is_cmyk, space))
                ):
                    return True
    return False


def _is_cmyk(value: Any) -> bool:
    import pikepdf

    return isinstance(value, pikepdf.Name) and value == "/DeviceCMYK"


def _paints_cmyk(page: pikepdf.Page) -> bool:
    return any(_stream_paints_cmyk(stream) for stream in _content(page))


def _content(page: pikepdf.Page) -> Iterator[Any]:
    """The content streams of a page, those of its forms and patterns among them."""
    import pikepdf

    yield page
    waiting: list[Any] = [page.obj.get("/Resources", {})]
    seen: set[Any] = set()
    for annotation in page.obj.get("/Annots", ()):
        looks: Any = annotation.get("/AP", {}) if isinstance(annotation, pikepdf.Dictionary) else {}
        if isinstance(looks.get("/N"), pikepdf.Stream):
            yield looks["/N"]
    while waiting:
        resources = waiting.pop()
        for group in ("/XObject", "/Pattern"):
            for found in dict(resources.get(group, {})).values():
                if not isinstance(found, pikepdf.Stream) or found.get("/Subtype") == "/Image":
                    continue
                if found.objgen in seen:
                    continue
                seen.add(found.objgen)
                yield found
                waiting.append(found.get("/Resources", {}))


def _stream_paints_cmyk(stream: Any) -> bool:
    import pikepdf

    try:
        if isinstance(stream, pikepdf.Page):
            contents = stream.obj.get("/Contents")
            parts = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
            data = b"\n".join(part.read_bytes() for part in parts if part is not None)
        else:
            data = stream.read_bytes()
        if not _MAYBE_CMYK.search(data):
            return False
        for instruction in pikepdf.parse_content_stream(stream):
            operands: Any = instruction.operands
            name = str(instruction.operator)
            if name in ("k", "K"):
                return True
            if name in ("cs", "CS") and operands and str(operands[0]) == "/DeviceCMYK":
                return True
            if name == "INLINE IMAGE" and "CMYK" in str(operands[0].obj.get("/CS", "")):
                return True
    except pikepdf.PdfError:
        return True  # what cannot be looked at is not vouched for
    return False
