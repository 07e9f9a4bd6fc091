"""What paragraphs, formulas, form fields and page styles of OpenDocument say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lineal_consumers.ocr.hidden import HIDDEN_CELLS, HIDDEN_SHEET, HIDDEN_SLIDE, HIDDEN_TEXT
from lineal_consumers.ocr.parsers.markup import local_name

_NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT, _DRAW, _STYLE, FORM, _TABLE, _PRESENTATION = (
    f"{{{_NAMES}{part}:1.0}}"
    for part in ("text", "drawing", "style", "form", "table", "presentation")
)
_HIDING, _HIDES_ITS_PARAGRAPH = _TEXT + "hidden-text", _TEXT + "hidden-paragraph"
ANNOTATION = f"{{{_NAMES}office:1.0}}annotation"
NOTE = _TEXT + "note"
_DELETION, _P = _TEXT + "deletion", _TEXT + "p"
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_RUBY, _RUBY_BASE, _READING = _TEXT + "ruby", _TEXT + "ruby-base", _TEXT + "ruby-text"
NOT_TEXT = {_TEXT + "tracked-changes", _TEXT + "sequence-decls"}
MAX_REPEATED = 1_000


def gather_text(element: Any, pieces: list[str], apart: list[Any]) -> None:
    """A paragraph's text; white space is collapsed except where it is spelled out. Frames, notes
    and comments, which stand on lines of their own, are put apart. How characters are pronounced
    follows them: they are a word without it."""
    readings: list[str] = []
    _gather(element, pieces, apart, readings)
    if readings:
        pieces.append(f" ({' '.join(readings)})")


def _gather(element: Any, pieces: list[str], apart: list[Any], readings: list[str]) -> None:
    pieces.append(_collapsed(element.text))
    for child in element.iterchildren():
        tag = child.tag
        if tag == _TEXT + "s":
            count = child.get(_TEXT + "c", "1")
            pieces.append(" " * (min(int(count), MAX_REPEATED) if count.isdecimal() else 1))
        elif tag == _TEXT + "tab":
            pieces.append("\t")
        elif tag == _TEXT + "line-break":
            pieces.append("\n")
        elif tag == _RUBY:
            for base in child.iterchildren(_RUBY_BASE):
                _gather(base, pieces, apart, readings)
            readings += ["".join(said.itertext()) for said in child.iterchildren(_READING)]
        elif tag in (ANNOTATION, NOTE) or (isinstance(tag, str) and tag.startswith(_DRAW)):
            apart.append(child)
        elif isinstance(tag, str) and tag not in NOT_TEXT:
            _gather(child, pieces, apart, readings)
        pieces.append(_collapsed(child.tail))


def formula_pieces(element: Any) -> Iterator[str]:
    """The signs of a MathML formula in their order; not its source for the editor."""
    for part in element.iter():
        if isinstance(part.tag, str) and not part.tag.endswith("annotation"):
            yield part.text or ""


def _collapsed(text: str | None) -> str:
    if not text:
        return ""
    words = " ".join(text.split())
    return f"{' ' * text[0].isspace()}{words}{' ' * (bool(words) and text[-1].isspace())}"


def shown_by_control(control: Any) -> Iterator[str]:
    """What a field of a form says: what was typed into it or chosen, else its label, of a box with
    its tick."""
    if local_name(control) in ("checkbox", "radio"):
        state = control.get(FORM + "current-state", control.get(FORM + "current-selected", ""))
        state = state or control.get(FORM + "state", control.get(FORM + "selected", ""))
        yield f"{'☒' if state in ('checked', 'true') else '☐'} {control.get(FORM + 'label', '')}"
        return
    chosen = control.get(FORM + "current-selected", control.get(FORM + "selected", "true"))
    for name in ("current-value", "label", "value"):
        if (text := control.get(FORM + name)) and chosen == "true":
            yield text
            return


def deleted_lines(body: Any) -> Iterator[str]:
    """What was deleted under review and is still shown, struck out: of each change a line."""
    for deletion in body.iter(_DELETION):
        text = " ".join(" ".join("".join(p.itertext()).split()) for p in deletion.iter(_P))
        if text.strip():
            who = " ".join(name.text or "" for name in deletion.iter(_CREATOR)).strip()
            yield f"Deleted by {who or 'somebody'}: {text}"


def hidden_styles(trees: Iterable[Any]) -> frozenset[str]:
    """The names of the styles that hide what has them."""
    return frozenset(
        style.get(_STYLE + "name", "")
        for tree in trees
        for style in tree.iter(_STYLE + "style")
        for properties in style.iterchildren(f"{_STYLE}*")
        if properties.get(_TEXT + "display") == "none"
        or properties.get(_TABLE + "display") == "false"
        or properties.get(_PRESENTATION + "visibility") == "hidden"
    )


def hidden_doubts(body: Any, styles: frozenset[str]) -> set[str]:
    """What a body, a sheet or a slide has and does not show."""
    doubts = set()
    for element in body.iter():
        if not isinstance(element.tag, str):
            continue
        styled = any(
            value in styles for name, value in element.attrib.items() if name.endswith("style-name")
        )
        columns = element.tag == _TABLE + "table-column"
        if element.tag == _HIDES_ITS_PARAGRAPH:
            hides = element.get(_TEXT + "is-hidden", "true") == "true"
            if hides and _says_something(next(element.iterancestors(_P), element)):
                doubts.add(HIDDEN_TEXT)
            continue
        if element.get(_TABLE + "visibility", "visible") != "visible":
            if columns or _says_something(element):
                doubts.add(HIDDEN_CELLS)
        elif not _says_something(element):
            continue
        elif element.tag == _TABLE + "table" and styled:
            doubts.add(HIDDEN_SHEET)
        elif element.tag == _DRAW + "page" and styled:
            doubts.add(HIDDEN_SLIDE)
        elif styled or element.get(_TEXT + "display") == "none" or element.tag == _HIDING:
            doubts.add(HIDDEN_TEXT)
    return doubts


def _says_something(element: Any) -> bool:
    return any(text.strip() for text in element.itertext())


def page_surroundings(styles: Any) -> list[Any]:
    """The headers and footers of the page styles, each text once."""
    found: dict[str, Any] = {}
    for master in styles.iter(_STYLE + "master-page"):
        for element in master.iterchildren():
            name = local_name(element)
            if name.startswith(("header", "footer")) and element.get(_STYLE + "display") != "false":
                found.setdefault(name[:6] + "".join(element.itertext()), element)
    return list(found.values())
