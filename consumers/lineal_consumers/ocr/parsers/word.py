"""DOCX: paragraphs and tables in their order, and what python-docx's own ``text`` leaves out:
content controls, insertions under review, text boxes, notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lineal_consumers.ocr.parsers.parsed import (
    Parsed,
    ParsedPage,
    check_amount,
    engine,
    key_value,
    one_line,
    row_line,
    table,
)

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_P, _TBL, _TR, _TC, _T = _W + "p", _W + "tbl", _W + "tr", _W + "tc", _W + "t"
_SDT, _BOX, _FALLBACK = _W + "sdt", _W + "txbxContent", _MC + "Fallback"
_VAL = _W + "val"
_MARKS = {
    _W + "tab": "\t",
    _W + "br": "\n",
    _W + "cr": "\n",
    _W + "noBreakHyphen": "\u2011",
}
_NOT_TEXT = {
    _W + "pPr", _W + "rPr", _W + "sdtPr", _W + "del", _W + "moveFrom", _FALLBACK, _BOX,
}  # fmt: skip
"""Properties; text deleted or moved away under review; the second version of a text box that is
kept for old programs; text boxes, which follow their paragraph as paragraphs of their own."""
_NOTES = ("/word/footnotes.xml", "/word/endnotes.xml")
_MAX_COLUMNS = 1_000


def read_word(path: Path) -> Parsed:
    """The text as one page: page headers, body, notes, page footers.

    Content controls with a title or tag give key-values.
    """
    part = _main_part(path)
    page = ParsedPage("")
    lines: list[str] = []
    sections = part.document.sections
    headers = _distinct(section.header for section in sections)
    footers = _distinct(section.footer for section in sections)
    for container in [*headers, part.document.element.body, *_notes(part), *footers]:
        lines.extend(_lines(container, page))
        check_amount(sum(map(len, lines)))
        page.key_values.extend(_controls(container))
    page.text = "\n".join(lines)
    return Parsed(engine("python-docx"), [page])


def _main_part(path: Path) -> Any:
    from docx.opc.part import PartFactory
    from docx.package import Package
    from docx.parts.document import DocumentPart

    for content_type in (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
    ):
        # Templates and documents with macros have the same body under another name.
        PartFactory.part_type_for.setdefault(content_type, DocumentPart)
    return Package.open(str(path)).main_document_part


def _distinct(stories: Iterator[Any]) -> list[Any]:
    """The elements of headers or footers, each text once: sections repeat them."""
    found: dict[str, Any] = {}
    for story in stories:
        if not story.is_linked_to_previous:
            element = story._element
            found.setdefault("".join(element.itertext()), element)
    return list(found.values())


def _notes(part: Any) -> Iterator[Any]:
    from docx.oxml.parser import parse_xml

    for other in part.package.iter_parts():
        if str(other.partname) in _NOTES:
            yield from parse_xml(other.blob)


def _blocks(container: Any) -> Iterator[Any]:
    """Paragraphs and tables, also those inside content controls and other wrappers."""
    for child in container.iterchildren():
        if child.tag in (_P, _TBL):
            yield child
        elif child.tag not in _NOT_TEXT and isinstance(child.tag, str):
            yield from _blocks(child)


def _lines(container: Any, page: ParsedPage) -> Iterator[str]:
    for block in _blocks(container):
        if block.tag == _TBL:
            rows = _rows(block)
            if any(any(row) for row in rows):
                page.tables.append(table(rows))
                yield from map(row_line, rows)
            continue
        yield "".join(_text(block))
        for box in block.iter(_BOX):
            if next(box.iterancestors(_FALLBACK), None) is None:
                yield from _lines(box, page)


def _text(element: Any) -> Iterator[str]:
    for child in element.iterchildren():
        tag = child.tag
        if tag == _T:
            yield child.text or ""
        elif tag in _MARKS:
            yield _MARKS[tag]
        elif tag not in _NOT_TEXT:
            yield from _text(child)


def _rows(tbl: Any) -> list[list[str]]:
    rows: list[list[str]] = []
    for tr in _children(tbl, _TR):
        row = [""] * _number(tr, f"{_W}trPr/{_W}gridBefore", 0)
        for tc in _children(tr, _TC):
            merged = tc.find(f"{_W}tcPr/{_W}vMerge")
            continued = merged is not None and merged.get(_VAL) != "restart"
            row.append("" if continued else _cell(tc))
            row.extend([""] * (_number(tc, f"{_W}tcPr/{_W}gridSpan", 1) - 1))
        rows.append(row)
    return rows


def _children(element: Any, tag: str) -> Iterator[Any]:
    """Children of one kind, also those inside content controls and insertions."""
    for child in element.iterchildren():
        if child.tag == tag:
            yield child
        elif child.tag not in (_P, _TBL, _TR, _TC) and child.tag not in _NOT_TEXT:
            yield from _children(child, tag)


def _cell(tc: Any) -> str:
    # Tables inside a cell become its text, and are no tables of the page.
    return one_line(" ".join(_lines(tc, ParsedPage(""))))


def _number(element: Any, path: str, default: int) -> int:
    found = element.find(path)
    value = found.get(_VAL, "") if found is not None else ""
    return min(int(value), _MAX_COLUMNS) if value.isdecimal() else default


def _controls(container: Any) -> Iterator[Any]:
    for control in container.iter(_SDT):
        properties, content = control.find(_W + "sdtPr"), control.find(_W + "sdtContent")
        if properties is None or content is None:
            continue
        label = properties.find(_W + "alias")
        label = properties.find(_W + "tag") if label is None else label
        if label is None or properties.find(_W + "showingPlcHdr") is not None:
            continue
        value = one_line(" ".join(_text(content)) if content.find(_P) is None else _cell(content))
        if value and label.get(_VAL):
            yield key_value(label.get(_VAL), value)
