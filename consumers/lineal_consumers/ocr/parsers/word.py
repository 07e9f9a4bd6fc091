"""DOCX: everything that a reader of the document sees, in its order.

The main story with its content controls, changes under review, text boxes, formulas, drawings and
chunks of other formats; then what stands beside it: headers and footers of all kinds, notes,
comments.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from lineal_consumers.ocr.hidden import HIDDEN_TEXT, UNSEEN
from lineal_consumers.ocr.parsers.chunk import chunk_page
from lineal_consumers.ocr.parsers.drawing import (
    HANDWRITING,
    add_pictures,
    drawn_lines,
    shown_choice,
)
from lineal_consumers.ocr.parsers.formula import formula_text
from lineal_consumers.ocr.parsers.grid import check_cells
from lineal_consumers.ocr.parsers.open_xml import OTHER_PROGRAM, RELATION_ID, Package
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
from lineal_consumers.ocr.parsers.word_numbering import Numbering
from lineal_consumers.ocr.parsers.word_text import (
    FALLBACK,
    FORMULAS,
    NOT_TEXT,
    TEXT_BOX,
    WORD,
    WORD_VALUE,
    deleted_lines,
    find_hidden_styles,
    gather_text,
    is_hidden,
    is_unseen,
    number_of,
    plain_text,
)

_P, _TBL, _TR, _TC = WORD + "p", WORD + "tbl", WORD + "tr", WORD + "tc"
_SDT, _CHUNK = WORD + "sdt", WORD + "altChunk"
_ALTERNATIVE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}AlternateContent"
_NOTES = ("footnotes", "endnotes")
_MAX_NESTED_CONTROLS = 8


def read_word(path: Path, *, chunks: bool = True) -> Parsed:
    """The text as one page: page headers, body, notes, comments, page footers.

    Content controls with a title or tag give key-values. What is on the page and not read is a
    doubt.

    Args:
        chunks: whether content of other formats inside it is read too.
    """
    page = ParsedPage("")
    with Package(path) as package:
        reader = _Reader(package, page, chunks=chunks)
        main = package.main_part()
        body = package.parse(main)
        if body is None:
            raise ValueError("the document has no body")
        for part, story in _surroundings(package, main, body, "headerReference"):
            reader.read(part, story)
        reader.read(main, body)
        for kind in _NOTES:
            for part in package.related(main, kind):
                for note in _children_of(package, part):
                    if note.get(WORD + "type", "normal") == "normal":
                        reader.read(part, note)
        for part in package.related(main, "comments"):
            for comment in _children_of(package, part):
                reader.lines.append(f"Comment by {comment.get(WORD + 'author', 'somebody')}:")
                reader.read(part, comment)
        for part, story in _surroundings(package, main, body, "footerReference"):
            reader.read(part, story)
        if package.has_unread_object():
            page.doubt(OTHER_PROGRAM)
        page.text = "\n".join(reader.lines)
    return Parsed(engine("lxml", format="docx"), [page])


def _surroundings(package: Package, main: str, body: Any, kind: str) -> list[tuple[str, Any]]:
    """The headers or footers that sections refer to, first and even ones too, each text once:
    sections repeat them."""
    found: dict[str, tuple[str, Any]] = {}
    looked_at: set[str] = set()
    for reference in body.iter(WORD + kind):
        relation = package.relations(main).get(reference.get(RELATION_ID, ""))
        if relation is None or relation.external or relation.target in looked_at:
            continue
        looked_at.add(relation.target)
        root = package.parse(relation.target)
        if root is not None:
            drawn = sum(1 for _ in root.iter(WORD + "drawing", WORD + "pict"))
            found.setdefault(f"{drawn} {''.join(root.itertext())}", (relation.target, root))
    return list(found.values())


def _children_of(package: Package, part: str) -> list[Any]:
    root = package.parse(part)
    return [] if root is None else list(root.iterchildren(tag=f"{WORD}*"))


class _Reader:
    """Walks stories and writes their lines."""

    def __init__(self, package: Package, page: ParsedPage, *, chunks: bool) -> None:
        self.lines: list[str] = []
        self._chunks = chunks
        self._numbering = Numbering(package, package.main_part())
        styles = map(package.parse, package.related(package.main_part(), "styles"))
        self._hiding = find_hidden_styles(root for root in styles if root is not None)
        self._package = package
        self._page = page
        self._characters = 0
        self._cells = 0

    def read(self, part: str, story: Any) -> None:
        """Add the lines of a story of a part, and the values of its controls."""
        self._blocks(part, story, self.lines, self._page)
        for line in deleted_lines(story):
            self._add(line, self.lines)
        self._page.key_values.extend(_controls(story))
        if next(story.iter(WORD + "subDoc"), None) is not None:
            self._page.doubt("a part of the text is in another file")
        if any(
            is_hidden(run, self._hiding) and plain_text(run).strip()
            for run in story.iter(WORD + "r")
        ):
            self._page.doubt(HIDDEN_TEXT)
        if any(is_unseen(run) and plain_text(run).strip() for run in story.iter(WORD + "r")):
            self._page.doubt(UNSEEN)

    def _blocks(self, part: str, container: Any, lines: list[str], page: ParsedPage) -> None:
        """Paragraphs, tables and chunks, also those inside content controls and other wrappers."""
        for child in container.iterchildren():
            tag = child.tag
            if tag == _P:
                self._paragraph(part, child, lines, page)
            elif tag == _TBL:
                self._table(part, child, lines, page)
            elif tag == _CHUNK:
                self._chunk(part, child, lines)
            elif tag in FORMULAS:
                self._add(formula_text(child), lines)
            elif isinstance(tag, str) and tag not in NOT_TEXT:
                self._blocks(part, child, lines, page)

    def _paragraph(self, part: str, paragraph: Any, lines: list[str], page: ParsedPage) -> None:
        pieces: list[str] = []
        boxed: list[Any] = []
        gather_text(paragraph, pieces, boxed)
        text, label = "".join(pieces), self._numbering.label(paragraph)
        self._add(f"{label} {text}" if label and text.strip() else text, lines)
        for holder in boxed:
            boxes = [box for box in holder.iter(TEXT_BOX) if _is_shown(box, holder)]
            for box in boxes:
                self._blocks(part, box, lines, page)
            if boxes:
                add_pictures(self._package, part, _shown(holder), self._page)
                continue
            shown = _shown(holder)
            if next(shown.iter("{*}contentPart"), None) is not None:
                self._page.doubt(HANDWRITING)
            for line in drawn_lines(self._package, part, shown, self._page):
                self._add(line, lines)

    def _table(self, part: str, tbl: Any, lines: list[str], page: ParsedPage) -> None:
        rows = self._rows(part, tbl)
        if any(any(row) for row in rows):
            page.tables.append(table(rows))
            for row in rows:
                self._add(row_line(row), lines)

    def _rows(self, part: str, tbl: Any) -> list[list[str]]:
        rows: list[list[str]] = []
        for tr in _children(tbl, _TR):
            row = [""] * number_of(tr, f"{WORD}trPr/{WORD}gridBefore", 0)
            for tc in _children(tr, _TC):
                merged = tc.find(f"{WORD}tcPr/{WORD}vMerge")
                continued = merged is not None and merged.get(WORD_VALUE) != "restart"
                row.append("" if continued else self._cell(part, tc))
                row.extend([""] * (number_of(tc, f"{WORD}tcPr/{WORD}gridSpan", 1) - 1))
            rows.append(row)
            self._cells += len(row)
            check_cells(self._cells)
        return rows

    def _cell(self, part: str, tc: Any) -> str:
        # Tables inside a cell become its text, and are no tables of the page.
        lines: list[str] = []
        self._blocks(part, tc, lines, ParsedPage(""))
        return one_line(" ".join(lines))

    def _chunk(self, part: str, chunk: Any, lines: list[str]) -> None:
        relation = self._package.relations(part).get(chunk.get(RELATION_ID, ""))
        if relation is None or relation.external or relation.target not in self._package:
            self._page.doubt("a part of the text is not in the file")
            return
        if not self._chunks:
            self._page.doubt("a document inside a document that is inside this one was not read")
            return
        read = chunk_page(
            self._package.read(relation.target), relation.target, partial(read_word, chunks=False)
        )
        self._page.tables += read.tables
        self._page.key_values += read.key_values
        self._page.pictures += read.pictures
        for doubt in read.doubts:
            self._page.doubt(doubt)
        self._add(read.text, lines)

    def _add(self, line: str, lines: list[str]) -> None:
        self._characters += len(line)
        check_amount(self._characters)
        lines.append(line)


def _is_shown(box: Any, holder: Any) -> bool:
    """Whether a text box is the version that is shown, and is not inside another box."""
    for ancestor in box.iterancestors():
        if ancestor is holder:
            return True
        if ancestor.tag in (FALLBACK, TEXT_BOX):
            return False
    return True


def _shown(holder: Any) -> Any:
    """What is looked at for drawings: one choice of an alternative."""
    return shown_choice(holder) if holder.tag == _ALTERNATIVE else holder


def _children(element: Any, tag: str) -> list[Any]:
    """Children of one kind, also those inside content controls and insertions."""
    found: list[Any] = []
    for child in element.iterchildren():
        if child.tag == tag:
            found.append(child)
        elif child.tag not in (_P, _TBL, _TR, _TC) and child.tag not in NOT_TEXT:
            found += _children(child, tag)
    return found


def _controls(container: Any) -> list[Any]:
    found = []
    for control in container.iter(_SDT):
        properties, content = control.find(WORD + "sdtPr"), control.find(WORD + "sdtContent")
        if properties is None or content is None:
            continue
        if sum(1 for _ in control.iterancestors(_SDT)) > _MAX_NESTED_CONTROLS:
            continue
        label = properties.find(WORD + "alias")
        label = properties.find(WORD + "tag") if label is None else label
        if label is None or properties.find(WORD + "showingPlcHdr") is not None:
            continue
        pieces: list[str] = []
        for paragraph in content.iter(_P) if content.find(f".//{_P}") is not None else [content]:
            gather_text(paragraph, pieces, [])
            pieces.append(" ")
        value = one_line("".join(pieces))
        if value and label.get(WORD_VALUE):
            found.append(key_value(label.get(WORD_VALUE), value))
    return found
