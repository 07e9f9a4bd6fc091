"""XLSX workbooks: every sheet a page, with its cells as a person sees them and what stands on it.

Sheets are read element by element: a sheet of a hundred megabytes has no tree.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineal.stages import Reject
from lineal_consumers.ocr.hidden import HIDDEN_CELLS, HIDDEN_SHEET, HIDDEN_TEXT
from lineal_consumers.ocr.parsers.drawing import (
    add_picture_part,
    add_pictures,
    drawn_lines,
    shape_lines,
)
from lineal_consumers.ocr.parsers.grid import tidy
from lineal_consumers.ocr.parsers.markup import local_name, parse_markup
from lineal_consumers.ocr.parsers.number_format import (
    BUILT_IN,
    format_number,
    format_text,
    shows_no_text,
)
from lineal_consumers.ocr.parsers.open_xml import OTHER_PROGRAM, RELATION_ID, Package
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    check_amount,
    engine,
    one_line,
    row_line,
    table,
)
from lineal_consumers.ocr.parsers.vml import vml_lines

_S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]+)$")
_MAX_COLUMNS = 16_384
_TRUE = ("1", "true")
_NONE = ("0", "0.0")
"""Heights and widths of rows and columns of which nothing is seen."""
_HEADER_CODE = re.compile(r'&(?:"[^"]*"|K[0-9A-Fa-f]{6}|\d+|[A-Za-z&])')
_IN_CELLS = ("richValueRel", "rdRichValueWebImage")
"""The parts that name the pictures in cells."""
_THREAD = "[Threaded comment]"
"""How what old programs show in the place of a conversation begins."""
_HEADERS = {"oddHeader", "evenHeader", "firstHeader"}


def read_workbook(path: Path) -> Parsed:
    """All sheets, hidden ones too, in their order.

    A formula gives the value that was stored with it when the workbook was saved; one without is
    shown itself, and is a doubt.
    """
    with Package(path) as package:
        main = package.main_part()
        root = package.parse(main)
        if root is None:
            raise ValueError("the workbook is missing")
        workbook = _Workbook(package, main, root)
        pages: list[ParsedPage] = []
        characters = 0
        for sheet in root.iterfind(f"{_S}sheets/{_S}sheet"):
            page = workbook.page(sheet)
            characters += len(page.text)
            check_amount(characters)
            pages.append(page)
        if pages and package.has_unread_object():
            pages[0].doubt(OTHER_PROGRAM)
    return Parsed(engine("lxml", format="xlsx"), pages)


class _Workbook:
    """What all sheets share: texts, formats, how dates are counted."""

    def __init__(self, package: Package, main: str, root: Any) -> None:
        self._package = package
        self._main = main
        properties = root.find(_S + "workbookPr")
        self._from_1904 = properties is not None and properties.get("date1904") in ("1", "true")
        self._texts = self._shared_texts()
        self._formats = self._cell_formats()
        self._in_cells: set[str] = set()
        """Pictures in cells that a page has."""

    def page(self, sheet: Any) -> ParsedPage:
        """A sheet as a page."""
        title = sheet.get("name", "")
        page = ParsedPage(title)
        relation = self._package.relations(self._main).get(sheet.get(RELATION_ID, ""))
        if relation is None or relation.external or relation.target not in self._package:
            page.doubt(f"the sheet {title} is missing in the file")
            return page
        part = relation.target
        reader = _SheetReader(self._texts, self._formats, from_1904=self._from_1904)
        rows = tidy(reader.rows(self._package.read(part)))
        lines = [title, *reader.headers, *map(row_line, rows), *reader.footers]
        if rows:
            page.tables.append(table(rows, title))
        controls = [
            line
            for drawing in self._package.related(part, "vmlDrawing")
            for line in vml_lines(self._package, drawing, page)
        ]
        captions = {line.lstrip("☒☐ ") for line in controls}
        for drawing in self._package.related(part, "drawing"):
            # It has the controls once more, and does not say which are ticked.
            lines += [line for line in self._drawn(drawing, page) if line not in captions]
        lines += controls
        lines += self._comments(part)
        if sheet.get("state", "visible") != "visible":
            page.doubt(HIDDEN_SHEET)
        if reader.has_hidden:
            page.doubt(HIDDEN_CELLS)
        if reader.has_pictures:
            self._add_cell_pictures(page)
        if reader.unstored:
            page.doubt(
                f"{reader.unstored} formulas have no stored value and are shown themselves: "
                "open the workbook in a spreadsheet program and save it"
            )
        page.text = "\n".join(lines)
        return page

    def _drawn(self, part: str, page: ParsedPage) -> Iterator[str]:
        root = self._package.parse(part)
        if root is not None:
            yield from filter(str.strip, shape_lines(root))
            for about in root.iter("{*}cNvPr"):
                shape = about.getparent().getparent()
                if about.get("hidden") in _TRUE and "".join(shape_lines(shape)).strip():
                    page.doubt(HIDDEN_TEXT)
            yield from drawn_lines(self._package, part, root, page)
            add_pictures(self._package, part, root, page)

    def _comments(self, part: str) -> Iterator[str]:
        threads = self._package.related(part, "threadedComment")
        for name in self._package.related(part, "comments"):
            root = self._package.parse(name)
            for comment in () if root is None else root.iter(_S + "comment"):
                text = one_line("".join(t.text or "" for t in comment.iter(_S + "t")))
                if text and not (threads and text.startswith(_THREAD)):
                    yield f"{comment.get('ref', '')}: {text}"
        for name in threads:
            root = self._package.parse(name)
            for said in () if root is None else root.iter("{*}threadedComment"):
                if text := one_line(said.findtext("{*}text") or ""):
                    yield f"{said.get('ref', '')}: {text}"

    def _add_cell_pictures(self, page: ParsedPage) -> None:
        """Add the pictures that stand in cells: of all sheets to the first that has any, since
        which of them it shows is said nowhere near."""
        for part in (p for kind in _IN_CELLS for p in self._package.related(self._main, kind)):
            for picture in self._package.related(part, "image"):
                if picture not in self._in_cells and picture in self._package:
                    self._in_cells.add(picture)
                    add_picture_part(self._package, picture, page)

    def _shared_texts(self) -> list[str]:
        texts: list[str] = []
        for name in self._package.related(self._main, "sharedStrings"):
            root = self._package.parse(name)
            for item in () if root is None else root.iterchildren(_S + "si"):
                texts.append(_rich_text(item))
        check_amount(sum(map(len, texts)))
        return texts

    def _cell_formats(self) -> list[str]:
        """The format code of each style that cells refer to."""
        for name in self._package.related(self._main, "styles"):
            root = self._package.parse(name)
            if root is None:
                continue
            codes = {
                item.get("numFmtId", ""): item.get("formatCode", "")
                for item in root.iter(_S + "numFmt")
            }
            found = []
            for style in root.iterfind(f"{_S}cellXfs/{_S}xf"):
                number = style.get("numFmtId", "0")
                built_in = BUILT_IN.get(int(number), "") if number.isdecimal() else ""
                found.append(codes.get(number, built_in))
            return found
        return []


class _SheetReader:
    """The rows of one sheet as texts."""

    def __init__(self, texts: list[str], formats: list[str], *, from_1904: bool) -> None:
        self.headers: list[str] = []
        self.footers: list[str] = []
        self.unstored = 0
        """Formulas without a value."""
        self.has_hidden = False
        """Whether rows or columns are hidden that hold something."""
        self.has_pictures = False
        """Whether cells have values of another kind, as pictures are."""
        self._texts = texts
        self._formats = formats
        self._from_1904 = from_1904
        self._hidden_columns: set[int] = set()

    def rows(self, data: bytes) -> Iterator[list[str]]:
        """The rows in their order; any number of missing ones is one empty row.

        Raises:
            Reject: a cell lies outside of what a sheet can have.
        """
        from lxml import etree  # type: ignore[import-untyped]

        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            data = etree.tostring(parse_markup(data))
        expected = 1
        for _, element in etree.iterparse(
            io.BytesIO(data), events=("end",), tag=("{*}row", "{*}col", "{*}headerFooter"),
            resolve_entities=False, no_network=True, huge_tree=False,
        ):  # fmt: skip
            if local_name(element) == "headerFooter":
                self._around(element)
                continue
            if local_name(element) == "col":
                if element.get("hidden") in _TRUE or element.get("width") in _NONE:
                    self._hidden_columns.update(_range_of(element))
                continue
            number = element.get("r", "")
            at = int(number) if number.isdecimal() and len(number) < 12 else expected
            if at > expected:
                yield []
            expected = at + 1
            cells = self._row(element)
            hidden = element.get("hidden") in _TRUE or element.get("ht") in _NONE
            self.has_hidden = (
                self.has_hidden
                or (hidden and any(cells))
                or (
                    bool(self._hidden_columns)
                    and any(text and at in self._hidden_columns for at, text in enumerate(cells))
                )
            )
            yield cells
            element.clear()
            while (before := element.getprevious()) is not None:
                element.getparent().remove(before)

    def _row(self, row: Any) -> list[str]:
        cells: list[str] = []
        for cell in row.iterchildren("{*}c"):
            match = _REFERENCE.match(cell.get("r", ""))
            column = _column(match[1]) if match else len(cells)
            if column >= _MAX_COLUMNS:
                raise Reject(f"the sheet is damaged: it has at most {_MAX_COLUMNS:,} columns")
            cells.extend([""] * (column - len(cells)))
            if column < len(cells):
                cells[column] = self._value(cell)
            else:
                cells.append(self._value(cell))
        return cells

    def _value(self, cell: Any) -> str:
        kind = cell.get("t", "n")
        self.has_pictures = self.has_pictures or "vm" in cell.attrib
        if kind == "inlineStr":
            inline = cell.find("{*}is")
            text = "" if inline is None else _rich_text(inline)
            return self._text(text, cell.get("s", ""))
        stored = cell.find("{*}v")
        text = "" if stored is None else stored.text or ""
        formula = cell.find("{*}f")
        if not text and formula is not None and kind != "str":
            self.unstored += 1
            return f"={formula.text}" if formula.text else ""
        match kind:
            case "s":
                at = int(text) if text.isdecimal() else -1
                text = self._texts[at] if 0 <= at < len(self._texts) else ""
                return self._text(text, cell.get("s", ""))
            case "b":
                return "TRUE" if text in ("1", "true") else "FALSE" if text else ""
            case "str" | "e":
                return text
            case "d":
                return _iso_date(text)
        return self._number(text, cell.get("s", ""))

    def _text(self, text: str, style: str) -> str:
        code = self._format(style)
        self.has_hidden = self.has_hidden or (bool(text.strip()) and shows_no_text(code))
        return format_text(text, code)

    def _number(self, text: str, style: str) -> str:
        try:
            value = float(text)
        except ValueError:
            return text
        if value - value != 0:
            return text
        code = self._format(style)
        # ;;; shows nothing at all.
        self.has_hidden = self.has_hidden or (";" in code and not code.strip("; "))
        return format_number(value, code, from_1904=self._from_1904)

    def _format(self, style: str) -> str:
        at = int(style) if style.isdecimal() else -1
        return self._formats[at] if 0 <= at < len(self._formats) else ""

    def _around(self, element: Any) -> None:
        for child in element.iterchildren():
            lines = self.headers if local_name(child) in _HEADERS else self.footers
            text = one_line(_HEADER_CODE.sub(" ", child.text or ""))
            if text and text not in lines:
                lines.append(text)


def _rich_text(item: Any) -> str:
    """The text of a string, without the phonetic readings beside it."""
    parts: list[str] = []
    for child in item.iterchildren():
        name = local_name(child)
        if name == "t":
            parts.append(child.text or "")
        elif name == "r":
            parts += [t.text or "" for t in child.iterchildren("{*}t")]
    return "".join(parts)


def _range_of(column: Any) -> range:
    """The numbers from 0 of what is said of some columns."""
    first, last = (column.get(name, "") for name in ("min", "max"))
    if not (first.isdecimal() and last.isdecimal() and len(first) < 6 and len(last) < 6):
        return range(0)
    return range(max(0, int(first) - 1), min(int(last), _MAX_COLUMNS))


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _iso_date(text: str) -> str:
    """Strict workbooks store dates as ISO 8601; midnight is a date alone."""
    day, _, clock = text.partition("T")
    clock = clock.rstrip("Z").partition(".")[0]
    return day if clock in ("", "00:00:00") else f"{day} {clock}"
