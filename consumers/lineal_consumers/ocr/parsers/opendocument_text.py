"""What paragraphs, formulas, form fields and page styles of OpenDocument say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lineal_consumers.ocr.parsers.markup import local_name

_NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT, _DRAW, _STYLE, FORM = (
    f"{{{_NAMES}{part}:1.0}}" for part in ("text", "drawing", "style", "form")
)
ANNOTATION = f"{{{_NAMES}office:1.0}}annotation"
NOT_TEXT = {_TEXT + "tracked-changes", _TEXT + "sequence-decls"}
MAX_REPEATED = 1_000


def gather_text(element: Any, pieces: list[str], apart: list[Any]) -> None:
    """A paragraph's text; white space is collapsed except where it is spelled out. Frames and
    comments, which stand on lines of their own, are put apart."""
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
        elif tag == ANNOTATION or (isinstance(tag, str) and tag.startswith(_DRAW)):
            apart.append(child)
        elif isinstance(tag, str) and tag not in NOT_TEXT:
            gather_text(child, pieces, apart)
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
    """What a field of a form says: what was typed into it or chosen, else its label."""
    chosen = control.get(FORM + "current-selected", control.get(FORM + "selected", "true"))
    for name in ("current-value", "label", "value"):
        if (text := control.get(FORM + name)) and chosen == "true":
            yield text
            return


def page_surroundings(styles: Any) -> list[Any]:
    """The headers and footers of the page styles, each text once."""
    found: dict[str, Any] = {}
    for master in styles.iter(_STYLE + "master-page"):
        for element in master.iterchildren():
            name = local_name(element)
            if name.startswith(("header", "footer")) and element.get(_STYLE + "display") != "false":
                found.setdefault(name[:6] + "".join(element.itertext()), element)
    return list(found.values())
