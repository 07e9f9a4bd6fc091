"""What sheets draw in VML, which Excel goes on writing for controls of forms and for the pictures
of page headers; comments, which it draws in VML too, are read from their own part.

Source: ECMA-376-4, 14 (VML) and 19.4.2.12 (ClientData).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lineal_consumers.ocr.parsers.drawing import add_picture
from lineal_consumers.ocr.parsers.markup import check_markup
from lineal_consumers.ocr.parsers.open_xml import Package
from lineal_consumers.ocr.parsers.parsed import ParsedPage, one_line

_V = "{urn:schemas-microsoft-com:vml}"
_X = "{urn:schemas-microsoft-com:office:excel}"
_TICKED = ("Checkbox", "Radio")


def vml_lines(package: Package, part: str, page: ParsedPage) -> Iterator[str]:
    """The captions of the controls that a part draws; the pictures of page headers are added to the
    page."""
    from lxml import etree  # type: ignore[import-untyped]

    data = package.read(part) if part in package else b""
    if not data:
        return
    check_markup(data, 0)
    # Excel leaves its line breaks open, as HTML does.
    data = data.replace(b"<br>", b"<br/>")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=True)
    root = etree.fromstring(data, parser)
    for shape in () if root is None else root.iter(f"{_V}*"):
        about = next(shape.iterchildren(_X + "ClientData"), None)
        kind = "" if about is None else about.get("ObjectType", "")
        if about is None:
            for image in shape.iterchildren(_V + "imagedata"):
                add_picture(package, part, image, page)
        for box in shape.iterchildren(_V + "textbox"):
            text = one_line(" ".join(box.itertext()))
            if text and kind != "Note":
                yield f"{_tick(about)} {text}" if kind in _TICKED else text


def _tick(about: Any) -> str:
    state = about.findtext(_X + "Checked", "0").strip()
    return "☐" if state == "0" else "☒"
