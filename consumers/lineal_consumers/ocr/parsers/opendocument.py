"""OpenDocument (LibreOffice): texts, spreadsheets, presentations and drawings, by the XML inside.

Source of the names: OASIS OpenDocument 1.3, part 3.
"""

from __future__ import annotations

import binascii
import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineal_consumers.ocr.parsers.flat_package import FlatPackage
from lineal_consumers.ocr.parsers.grid import MAX_CELLS, tidy
from lineal_consumers.ocr.parsers.markup import local_name
from lineal_consumers.ocr.parsers.open_xml import Package
from lineal_consumers.ocr.parsers.opendocument_numbering import number_labels
from lineal_consumers.ocr.parsers.opendocument_text import (
    ANNOTATION,
    FORM,
    MAX_REPEATED,
    NOT_TEXT,
    NOTE,
    deleted_lines,
    formula_pieces,
    gather_text,
    hidden_doubts,
    hidden_styles,
    page_surroundings,
    shown_by_control,
)
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    Picture,
    check_amount,
    engine,
    one_line,
    row_line,
    table,
)
from lineal_consumers.ocr.parsers.picture_limits import MAX_PICTURE_BYTES, has_room

_NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
_OFFICE, _TEXT, _TABLE, _DRAW, _STYLE = (
    f"{{{_NAMES}{part}:1.0}}" for part in ("office", "text", "table", "drawing", "style")
)
_PRESENTATION = f"{{{_NAMES}presentation:1.0}}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_MATH = "{http://www.w3.org/1998/Math/MathML}"
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_P, _H = _TEXT + "p", _TEXT + "h"
_TBL, _ROW, _PAGE = _TABLE + "table", _TABLE + "table-row", _DRAW + "page"
_CELLS = (_TABLE + "table-cell", _TABLE + "covered-table-cell")
_OBJECT, _IMAGE = _DRAW + "object", _DRAW + "image"
_VALUES = ("string-value", "date-value", "time-value", "boolean-value", "value")
_CONTENT = "content.xml"
_AROUND_BY_DEFAULT = ("", "page", "seite", "sheet", "of", "page of", "pagina", "página")
"""What LibreOffice prints around sheets if nobody says otherwise, without numbers and names."""


def is_open_document(path: Path) -> bool:
    """Whether a file is a ZIP archive with OpenDocument content."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return _CONTENT in archive.namelist()


def read_open_document(path: Path) -> Parsed:
    """A text as one page, each sheet of a spreadsheet and each slide or drawing as a page.

    What is on a page and not read is a doubt.

    Raises:
        ValueError: it has none of these bodies.
    """
    with Package(path) as package:
        return Parsed(engine("lxml", format="opendocument"), _pages(package))


def read_flat_open_document(path: Path) -> Parsed:
    """The same of a document that is one XML file; all of it is one page.

    Raises:
        ValueError: it has none of these bodies.
    """
    pages = _pages(FlatPackage(path))
    page = ParsedPage("\n\n".join(page.text for page in pages))
    for part in pages:
        page.tables += part.tables
        page.pictures += part.pictures
        page.doubts += part.doubts
    return Parsed(engine("lxml", format="opendocument"), [page])


def _pages(package: Package | FlatPackage) -> list[ParsedPage]:
    content = package.parse(_CONTENT)
    body = None if content is None else content.find(_OFFICE + "body")
    kinds = [] if body is None else [child for child in body if isinstance(child.tag, str)]
    if not kinds:
        raise ValueError("the document has no body")
    reader = _Reader(package)
    reader.number(content, body)
    match local_name(kinds[0]):
        case "text":
            pages = [reader.text(kinds[0])]
        case "spreadsheet":
            pages = [reader.sheet(sheet) for sheet in kinds[0].iterchildren(_TBL)]
        case "presentation" | "drawing":
            pages = [reader.slide(slide) for slide in kinds[0].iterchildren(_PAGE)]
        case other:
            raise ValueError(f"the body is of kind {other}")
    return pages


class _Reader:
    """Walks bodies and writes their lines; counts the characters of all pages."""

    def __init__(self, package: Package | FlatPackage) -> None:
        self._package = package
        self._characters = 0
        self._masters: dict[str, Any] | None = None
        """Of slides, by their names; those that were read are gone."""
        self._page = ParsedPage("")
        self._labels: dict[Any, str] = {}
        self._hidden: frozenset[str] = frozenset()
        """Names of styles that hide what has them."""
        self._surrounded = False
        """Whether a sheet has what is printed around all of them."""

    def number(self, content: Any, body: Any) -> None:
        """Count the items and headings of a body."""
        styles = self._package.parse("styles.xml")
        trees = [content] if styles is None else [styles, content]
        self._labels = number_labels(body, trees)
        self._hidden = hidden_styles(trees)

    def text(self, body: Any) -> ParsedPage:
        """A text with the headers and footers of its page styles."""
        page = self._page = ParsedPage("")
        lines: list[str] = []
        styles = self._package.parse("styles.xml")
        around = [] if styles is None else page_surroundings(styles)
        for element in (e for e in around if local_name(e).startswith("header")):
            self._blocks(element, lines, page)
        self._blocks(body, lines, page)
        lines += deleted_lines(body)
        for element in (e for e in around if local_name(e).startswith("footer")):
            self._blocks(element, lines, page)
        page.text = "\n".join(lines)
        self._doubt_hidden(body, page)
        return page

    def sheet(self, sheet: Any) -> ParsedPage:
        """A sheet; cells as they are shown, then what is drawn on it and noted at its cells."""
        page = self._page = ParsedPage("")
        title = sheet.get(_TABLE + "name", "")
        noted: list[str] = []
        rows = tidy(self._rows(sheet, noted))
        if rows:
            page.tables.append(table(rows, title))
        lines = [title, *self._around(), *map(row_line, rows)]
        for shapes in sheet.iterchildren(_TABLE + "shapes"):
            self._blocks(shapes, lines, ParsedPage(""))
        page.text = "\n".join([*lines, *noted])
        self._count(page.text)
        self._doubt_hidden(sheet, page)
        return page

    def _around(self) -> list[str]:
        """What the page styles of a workbook print around its sheets, for the first of them, but
        for names and numbers that are filled in."""
        styles = None if self._surrounded else self._package.parse("styles.xml")
        self._surrounded = True
        lines: list[str] = []
        for element in () if styles is None else page_surroundings(styles):
            for paragraph in element.iter(_P):
                text = "".join(paragraph.xpath("text() | .//*[local-name() = 'span']/text()"))
                if one_line(text).strip(" ()/?-").lower() not in _AROUND_BY_DEFAULT:
                    lines.append(one_line(text))
        return lines

    def slide(self, slide: Any) -> ParsedPage:
        """A slide or drawing, the notes to it, and what its master shows on the first of them."""
        page = self._page = ParsedPage("")
        lines: list[str] = []
        self._blocks(slide, lines, page)
        if self._masters is None:
            styles = self._package.parse("styles.xml")
            found = () if styles is None else styles.iter(_STYLE + "master-page")
            self._masters = {master.get(_STYLE + "name", ""): master for master in found}
        master = self._masters.pop(slide.get(_DRAW + "master-page-name", ""), None)
        for shape in () if master is None else master.iterchildren(f"{_DRAW}*"):
            # Those of a class are filled in by each slide.
            if shape.get(_PRESENTATION + "class") is None:
                self._blocks([shape], lines, page)
        page.text = "\n".join(line for line in lines if line.strip())
        self._doubt_hidden(slide, page)
        return page

    def _doubt_hidden(self, body: Any, page: ParsedPage) -> None:
        for doubt in sorted(hidden_doubts(body, self._hidden)):
            page.doubt(doubt)

    def _blocks(self, container: Any, lines: list[str], page: ParsedPage) -> None:
        for child in container:
            tag = child.tag
            if tag in (_P, _H):
                self._paragraph(child, lines, page)
            elif tag == _TBL:
                rows = tidy(self._rows(child, lines))
                if rows:
                    page.tables.append(table(rows))
                    lines.extend(map(row_line, rows))
            elif tag == ANNOTATION:
                self._annotation(child, lines)
            elif tag == _OBJECT:
                self._object(child, lines)
                return  # the picture that follows shows the same
            elif tag == _IMAGE:
                self._image(child)
            elif isinstance(tag, str) and tag not in NOT_TEXT:
                if tag.startswith(FORM):
                    lines += shown_by_control(child)
                self._blocks(child, lines, page)

    def _paragraph(self, paragraph: Any, lines: list[str], page: ParsedPage) -> None:
        pieces: list[str] = []
        apart: list[Any] = []
        gather_text(paragraph, pieces, apart)
        text = "".join(pieces)
        if (label := self._labels.get(paragraph)) and text.strip():
            text = f"{label} {text.lstrip()}"
        self._count(text)
        lines.append(text)
        for element in apart:
            if element.tag == ANNOTATION:
                self._annotation(element, lines)
            elif element.tag == NOTE:
                self._note(element, lines)
            else:
                self._blocks(element, lines, page)

    def _note(self, note: Any, lines: list[str]) -> None:
        """A note with its mark, below the paragraph that it belongs to."""
        said: list[str] = []
        for body in note.iterchildren(_TEXT + "note-body"):
            self._blocks(body, said, ParsedPage(""))
        mark = one_line(note.findtext(_TEXT + "note-citation") or "")
        lines.append(f"{mark} {' '.join(said)}".strip())

    def _annotation(self, annotation: Any, lines: list[str]) -> None:
        creator = annotation.findtext(_CREATOR) or "somebody"
        lines.append(f"Comment by {one_line(creator)}:")
        for paragraph in annotation.iter(_P):
            pieces: list[str] = []
            gather_text(paragraph, pieces, [])
            lines.append("".join(pieces))

    def _object(self, element: Any, lines: list[str]) -> None:
        """A formula, chart or other document inside this one."""
        folder = posixpath.normpath(element.get(_HREF, "")).lstrip("./")
        name = f"{folder}/{_CONTENT}"
        if name not in self._package:
            name = folder
        root = self._package.parse(name) if folder else element
        if root is None:
            self._page.doubt("a document that is embedded in this one was not read")
            return
        if (formula := next(root.iter(_MATH + "math"), None)) is not None:
            lines.append(one_line(" ".join(formula_pieces(formula))))
            return
        for paragraph in root.iter(_P, _H):
            pieces: list[str] = []
            gather_text(paragraph, pieces, [])
            if text := "".join(pieces):
                self._count(text)
                lines.append(text)

    def _image(self, image: Any) -> None:
        inside = image.findtext(_OFFICE + "binary-data")
        if inside is not None:
            self._picture_inside(inside)
            return
        name = posixpath.normpath(image.get(_HREF, "")).lstrip("./")
        if not name or name.startswith("ObjectReplacements/"):
            return
        label = posixpath.basename(name)
        if any(picture.name == label for picture in self._page.pictures):
            return
        if name not in self._package:
            self._page.doubt(f"the picture {label} is missing in the file")
        elif not has_room(self._page):
            self._page.doubt("the page holds more pictures than are read")
        else:
            data = self._package.read(name, MAX_PICTURE_BYTES)
            self._page.pictures.append(Picture(label, data))

    def _picture_inside(self, packed: str) -> None:
        try:
            data = binascii.a2b_base64(packed)
        except binascii.Error:
            self._page.doubt("a picture is damaged")
            return
        if len(data) > MAX_PICTURE_BYTES or not has_room(self._page):
            self._page.doubt("the page holds more pictures than are read")
        else:
            self._page.pictures.append(Picture(f"picture {len(self._page.pictures) + 1}", data))

    def _rows(self, sheet: Any, noted: list[str]) -> Iterator[list[str]]:
        for row in sheet.iter(_ROW):
            if next(row.iterancestors(_TBL)) is not sheet:
                continue
            cells: list[str] = []
            for cell in row.iterchildren(*_CELLS):
                value = self._value(cell, noted)
                repeated = _repeated(cell, "number-columns-repeated")
                cells.extend([value] * min(repeated, MAX_REPEATED))
            times = _repeated(row, "number-rows-repeated") if any(cells) else 1
            for _ in range(min(times, MAX_CELLS)):
                yield cells

    def _value(self, cell: Any, noted: list[str]) -> str:
        lines: list[str] = []
        comments: list[str] = []
        for child in cell.iterchildren():
            if child.tag == ANNOTATION:
                self._annotation(child, comments)
            elif isinstance(child.tag, str):
                holder = [child] if child.tag in (_P, _H, _TBL) else child
                for part in holder:
                    if part.tag in (_P, _H):
                        self._paragraph(part, lines, ParsedPage(""))
                    elif isinstance(part.tag, str):
                        self._blocks(part, lines, ParsedPage(""))
        noted.extend(comments)
        if lines:
            return one_line(" ".join(lines))
        return next((v for name in _VALUES if (v := cell.get(_OFFICE + name))), "")

    def _count(self, text: str) -> None:
        self._characters += len(text)
        check_amount(self._characters)


def _repeated(element: Any, name: str) -> int:
    value = element.get(_TABLE + name, "1")
    return int(value) if value.isdecimal() and len(value) < 10 else 1
