"""PPTX: every slide a page, with its shapes, tables, charts, notes and comments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lineal_consumers.ocr.hidden import HIDDEN_SLIDE, HIDDEN_TEXT
from lineal_consumers.ocr.parsers.drawing import (
    HANDWRITING,
    add_pictures,
    drawn_lines,
    paragraph_text,
    shape_lines,
    shown_choice,
)
from lineal_consumers.ocr.parsers.grid import tidy
from lineal_consumers.ocr.parsers.markup import local_name
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

_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_TRUE = ("1", "true")
_PLAYED = ("videoFile", "audioFile", "quickTimeFile", "wavAudioFile", "audioCd")
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"


def read_slides(path: Path) -> Parsed:
    """All slides in their order, hidden ones too. What is on one and not read is a doubt.

    Raises:
        ValueError: the presentation is missing.
    """
    pages: list[ParsedPage] = []
    characters = 0
    known: set[str] = set()
    with Package(path) as package:
        main = package.main_part()
        root = package.parse(main)
        if root is None:
            raise ValueError("the presentation is missing")
        for slide in root.iterfind(f"{_P}sldIdLst/{_P}sldId"):
            relation = package.relations(main).get(slide.get(RELATION_ID, ""))
            page = ParsedPage("")
            if relation is None or relation.external or relation.target not in package:
                page.doubt("the slide is missing in the file")
            else:
                _read_slide(package, relation.target, page, known)
            characters += len(page.text)
            check_amount(characters)
            pages.append(page)
        if pages and package.has_unread_object():
            pages[0].doubt(OTHER_PROGRAM)
    return Parsed(engine("lxml", format="pptx"), pages)


def _read_slide(package: Package, part: str, page: ParsedPage, known: set[str]) -> None:
    lines: list[str] = []
    root = package.parse(part)
    if root is not None:
        if root.get("show", "1") not in _TRUE:
            page.doubt(HIDDEN_SLIDE)
        _shapes(package, part, root, lines, page)
        if root.get("showMasterSp", "1") in _TRUE:
            _behind(package, part, lines, page, known)
    for notes in package.related(part, "notesSlide"):
        found = package.parse(notes)
        if found is not None:
            _shapes(package, notes, found, lines, page, notes=True)
    for comments in package.related(part, "comments"):
        found = package.parse(comments)
        for text in () if found is None else found.iter("{*}text", "{*}txBody"):
            shown = text.text if local_name(text) == "text" else " ".join(shape_lines(text))
            lines.append(f"Comment: {one_line(shown or '')}")
    page.text = "\n".join(line for line in lines if line.strip())


def _behind(
    package: Package, part: str, lines: list[str], page: ParsedPage, known: set[str]
) -> None:
    """What the layout of a slide shows on it, and the master of that; each for the first slide
    that has it."""
    for kind in ("slideLayout", "slideMaster"):
        part = next(iter(package.related(part, kind)), "")
        root = package.parse(part) if part not in known else None
        known.add(part)
        if root is not None:
            _shapes(package, part, root, lines, page, prompts=False)
            if root.get("showMasterSp", "1") not in _TRUE:
                return


def _shapes(
    package: Package,
    part: str,
    container: Any,
    lines: list[str],
    page: ParsedPage,
    *,
    notes: bool = False,
    prompts: bool = True,
) -> None:
    """Add what some shapes show; those of a layout without what it asks to fill in."""
    for child in container.iterchildren():
        name = local_name(child)
        about = child.find(f"./*/{_P}cNvPr")
        if about is not None and about.get("hidden") in _TRUE and "".join(shape_lines(child)):
            page.doubt(HIDDEN_TEXT)
        if name in ("sp", "cxnSp"):
            kind = child.find(f".//{_P}ph")
            if notes and kind is not None and kind.get("type") in ("sldNum", "sldImg"):
                continue
            if not prompts and kind is not None:
                continue
            for paragraph in child.iter(_A + "p"):
                lines.append(paragraph_text(paragraph))
            add_pictures(package, part, child, page)
        elif name == "graphicFrame":
            for found in child.iter(_A + "tbl"):
                rows = tidy(
                    [one_line(" ".join(shape_lines(cell))) for cell in row.iterchildren(_A + "tc")]
                    for row in found.iterchildren(_A + "tr")
                )
                if rows:
                    page.tables.append(table(rows))
                    lines.extend(map(row_line, rows))
            lines.extend(drawn_lines(package, part, child, page))
        elif name in ("pic", "blipFill"):
            if any(local_name(inner) in _PLAYED for inner in child.iter(f"{_A}*")):
                page.doubt("a film or a sound was not read")
            add_pictures(package, part, child, page)
        elif name == "AlternateContent":
            choice = shown_choice(child)
            _shapes(package, part, choice, lines, page, notes=notes, prompts=prompts)
        elif name == "contentPart":
            page.doubt(HANDWRITING)
        elif name in ("cSld", "spTree", "grpSp", "bg", "bgPr"):
            _shapes(package, part, child, lines, page, notes=notes, prompts=prompts)
