"""OpenDocument texts and spreadsheets (LibreOffice), by the XML inside."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineal_consumers.ocr.parsers.grid import MAX_CELLS, tidy
from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    check_amount,
    engine,
    one_line,
    row_line,
    table,
)

_NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
_OFFICE, _TEXT, _TABLE = (f"{{{_NAMES}{part}:1.0}}" for part in ("office", "text", "table"))
_P, _H = _TEXT + "p", _TEXT + "h"
_TBL, _ROW = _TABLE + "table", _TABLE + "table-row"
_CELLS = (_TABLE + "table-cell", _TABLE + "covered-table-cell")
_NOT_TEXT = {_TEXT + "tracked-changes", _TEXT + "sequence-decls", _OFFICE + "annotation"}
_MAX_REPEATED = 1_000


def is_open_document(path: Path) -> bool:
    """Whether a file is a ZIP archive with OpenDocument content."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "content.xml" in archive.namelist()


def read_text_document(path: Path) -> Parsed:
    """Paragraphs and tables in their order, as one page."""
    page = ParsedPage("")
    page.text = "\n".join(_lines(_body(path, "text"), page))
    return Parsed(engine("lxml", format="opendocument"), [page])


def read_spreadsheet(path: Path) -> Parsed:
    """Every sheet as a page and a table; cells as they are shown."""
    pages: list[ParsedPage] = []
    characters = 0
    for sheet in _body(path, "spreadsheet").iterchildren(_TBL):
        title = sheet.get(_TABLE + "name", "")
        rows = tidy(_rows(sheet))
        page = ParsedPage("\n".join([title, *map(row_line, rows)]))
        if rows:
            page.tables.append(table(rows, title))
        pages.append(page)
        characters += len(page.text)
        check_amount(characters)
    return Parsed(engine("lxml", format="opendocument"), pages)


def _body(path: Path, kind: str) -> Any:
    from lxml import etree  # type: ignore[import-untyped]

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as file:
        root = etree.parse(file, parser).getroot()
    body = root.find(f"{_OFFICE}body/{_OFFICE}{kind}")
    if body is None:
        raise ValueError(f"no {kind} in the body")
    return body


def _lines(container: Any, page: ParsedPage) -> Iterator[str]:
    for child in container.iterchildren():
        if child.tag in (_P, _H):
            yield "".join(_text(child))
        elif child.tag == _TBL:
            rows = tidy(_rows(child))
            if rows:
                page.tables.append(table(rows))
                yield from map(row_line, rows)
        elif isinstance(child.tag, str) and child.tag not in _NOT_TEXT:
            yield from _lines(child, page)


def _text(element: Any) -> Iterator[str]:
    """A paragraph's text; white space is collapsed except where it is spelled out."""
    yield _collapsed(element.text)
    for child in element.iterchildren():
        if child.tag == _TEXT + "s":
            yield " " * min(int(child.get(_TEXT + "c", "1")), _MAX_REPEATED)
        elif child.tag == _TEXT + "tab":
            yield "\t"
        elif child.tag == _TEXT + "line-break":
            yield "\n"
        elif isinstance(child.tag, str) and child.tag not in _NOT_TEXT:
            yield from _text(child)
        yield _collapsed(child.tail)


def _collapsed(text: str | None) -> str:
    if not text:
        return ""
    words = " ".join(text.split())
    return f"{' ' * text[0].isspace()}{words}{' ' * (bool(words) and text[-1].isspace())}"


def _rows(sheet: Any) -> Iterator[list[str]]:
    for row in sheet.iter(_ROW):
        if next(row.iterancestors(_TBL)) is not sheet:
            continue
        cells: list[str] = []
        for cell in row.iterchildren(*_CELLS):
            value = one_line(" ".join(_lines(cell, ParsedPage(""))))
            repeated = int(cell.get(_TABLE + "number-columns-repeated", "1"))
            cells.extend([value] * min(repeated, _MAX_REPEATED))
        repeated = int(row.get(_TABLE + "number-rows-repeated", "1")) if any(cells) else 1
        for _ in range(min(repeated, MAX_CELLS)):
            yield cells
