"""Reads what Office documents draw: charts, diagrams (SmartArt), shapes, pictures."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any

from lineal_consumers.ocr.parsers.formula import MATH, formula_text
from lineal_consumers.ocr.parsers.markup import local_name
from lineal_consumers.ocr.parsers.open_xml import RELATION_EMBED, RELATION_ID, Package
from lineal_consumers.ocr.parsers.parsed import ParsedPage, Picture, one_line
from lineal_consumers.ocr.parsers.picture_limits import MAX_PICTURE_BYTES, has_room

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_EXTENDED = "{http://schemas.microsoft.com/office/drawing/2014/chartex}"
"""Of the charts since Office 2016: waterfalls, funnels, maps."""
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_VML_IMAGE = "{urn:schemas-microsoft-com:vml}imagedata"
_VML_TEXT = "{urn:schemas-microsoft-com:vml}textpath"
_VML_RELATION = "{urn:schemas-microsoft-com:office:office}relid"
HANDWRITING = "handwriting was not read"
"""A doubt of the page that it is on."""
_DIAGRAM_DATA = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"
_MAX_POINTS = 10_000
"""Values of one series of a chart; they also stand in the sheet it was made from."""


def drawn_lines(package: Package, part: str, container: Any, page: ParsedPage) -> Iterator[str]:
    """The text of the charts and diagrams that an element of a part refers to; its pictures are
    added to the page. What cannot be read is a doubt of the page."""
    for element in container.iter(
        _CHART + "chart", _EXTENDED + "chart", _DIAGRAM + "relIds", _A + "blip", _VML_IMAGE,
        _VML_TEXT,
    ):  # fmt: skip
        name = local_name(element)
        if name == "textpath":
            yield one_line(element.get("string", ""))
        elif name in ("blip", "imagedata"):
            add_pictures(package, part, element, page)
        else:
            reference = element.get(RELATION_ID if name == "chart" else _DIAGRAM_DATA)
            root = _related(package, part, reference)
            if root is None:
                page.doubt(f"a {'chart' if name == 'chart' else 'diagram'} is missing in the file")
            elif name != "chart":
                yield from diagram_lines(root)
            elif element.tag == _EXTENDED + "chart":
                yield from extended_chart_lines(root)
            else:
                yield from chart_lines(root)
                yield from _shapes_on_chart(package, part, reference)


def chart_lines(root: Any) -> Iterator[str]:
    """A chart's titles, its series each as a line: name, then category and value in turn, and what
    was written at its values."""
    for title in root.iter(_CHART + "title"):
        if text := _text(title):
            yield text
    for series in root.iter(_CHART + "ser"):
        name = " ".join(_cached(series.find(_CHART + "tx")))
        categories = _cached(series.find(_CHART + "cat")) or _cached(series.find(_CHART + "xVal"))
        values = _cached(series.find(_CHART + "val")) or _cached(series.find(_CHART + "yVal"))
        cells = [name] if name else []
        for at, value in enumerate(values):
            cells += ([categories[at]] if at < len(categories) else []) + [value]
        if cells:
            yield "\t".join(cells)
    for label in root.iter(_CHART + "dLbl", _CHART + "dispUnitsLbl", "{*}dlblRangeCache"):
        if text := _text(label):
            yield text
    for trend in root.iter(_CHART + "trendline"):
        yield from filter(None, [one_line(trend.findtext(_CHART + "name") or "")])


def extended_chart_lines(root: Any) -> Iterator[str]:
    """The titles of a chart of the newer kinds and the names of its series, then what it shows, row
    by row."""
    for holder in root.iter(_EXTENDED + "title", _EXTENDED + "series"):
        found = [one_line(line) for line in shape_lines(holder)]
        found += [one_line(name.text or "") for name in holder.iter(_EXTENDED + "v")]
        yield from filter(None, found)
    for data in root.iter(_EXTENDED + "data"):
        columns = [
            [one_line(point.text or "") for point in level.iterchildren(_EXTENDED + "pt")]
            for level in data.iter(_EXTENDED + "lvl")
        ]
        for row in islice(zip_longest(*columns, fillvalue=""), _MAX_POINTS):
            yield "\t".join(row)


def _shapes_on_chart(package: Package, part: str, reference: str | None) -> Iterator[str]:
    """The texts that were drawn onto a chart."""
    relation = package.relations(part).get(reference or "")
    for name in package.related(relation.target, "chartUserShapes") if relation else ():
        root = package.parse(name)
        yield from () if root is None else filter(None, map(one_line, shape_lines(root)))


def _cached(holder: Any) -> list[str]:
    """The values that a chart keeps of the cells it shows."""
    if holder is None:
        return []
    return [one_line(value.text or "") for value in holder.iter(_CHART + "v")][:_MAX_POINTS]


def diagram_lines(root: Any) -> Iterator[str]:
    """The texts of a diagram's points, a line each."""
    for point in root.iter(_DIAGRAM + "pt"):
        if text := _text(point):
            yield text


def shape_lines(container: Any) -> Iterator[str]:
    """The paragraphs of DrawingML text in an element; not those that old programs show in the
    place of what they do not know."""
    for paragraph in container.iter(_A + "p"):
        if next(paragraph.iterancestors(_MC + "Fallback"), None) is None:
            yield paragraph_text(paragraph)


def paragraph_text(paragraph: Any) -> str:
    """A paragraph of DrawingML, with its formulas."""
    parts: list[str] = []
    # Tabs are characters of the text; elements of that name say where tabs stop.
    for element in paragraph.iter(_A + "t", _A + "br", MATH + "oMath"):
        if element.tag == MATH + "oMath":
            parts.append(formula_text(element))
        else:
            parts.append("\n" if local_name(element) == "br" else element.text or "")
    return "".join(parts)


def shown_choice(alternative: Any) -> Any:
    """Of several versions of one thing that which is read: the first, as new programs do; the
    other one of what is written by hand, which is a picture there."""
    choice = next(alternative.iterchildren(_MC + "Choice"), alternative)
    fallback = next(alternative.iterchildren(_MC + "Fallback"), None)
    written = next(choice.iter("{*}contentPart"), None) is not None
    return fallback if written and fallback is not None else choice


def _text(container: Any) -> str:
    found = [one_line(line) for line in shape_lines(container)]
    return " ".join(filter(None, found)) or " ".join(_cached(container))


def _related(package: Package, part: str, reference: str | None) -> Any | None:
    relation = package.relations(part).get(reference or "")
    return None if relation is None or relation.external else package.parse(relation.target)


def add_pictures(package: Package, part: str, container: Any, page: ParsedPage) -> None:
    """Add the pictures that an element of a part refers to; a missing one is a doubt."""
    for element in container.iter(_A + "blip", _VML_IMAGE):
        add_picture(package, part, element, page)


def add_picture(package: Package, part: str, element: Any, page: ParsedPage) -> None:
    """Add the picture that one element refers to."""
    reference = (
        element.get(RELATION_EMBED) or element.get(RELATION_ID) or element.get(_VML_RELATION)
    )
    relation = package.relations(part).get(reference or "")
    if relation is None or relation.external:
        if reference or element.keys():
            page.doubt("a picture is not in the file")
        return
    name = posixpath.basename(relation.target)
    if any(picture.name == name for picture in page.pictures):
        return
    if relation.target not in package:
        page.doubt(f"the picture {name} is missing in the file")
    else:
        add_picture_part(package, relation.target, page)


def add_picture_part(package: Package, part: str, page: ParsedPage) -> None:
    """Add the picture that a part is."""
    if has_room(page):
        name = posixpath.basename(part)
        page.pictures.append(Picture(name, package.read(part, MAX_PICTURE_BYTES)))
    else:
        page.doubt("the page holds more pictures than are read")
