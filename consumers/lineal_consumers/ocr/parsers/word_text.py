"""What paragraphs, fields of forms and changes under review say in WordprocessingML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lineal_consumers.ocr.hidden import SMALLEST
from lineal_consumers.ocr.parsers.formula import MATH, formula_text
from lineal_consumers.ocr.parsers.parsed import one_line
from lineal_consumers.ocr.parsers.word_field import field_text

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_P, _T, _SYMBOL, _CHECK_BOX = WORD + "p", WORD + "t", WORD + "sym", WORD + "checkBox"
TEXT_BOX, FALLBACK = WORD + "txbxContent", _MC + "Fallback"
_RUN, _DELETED, _CHOICES = WORD + "r", WORD + "del", WORD + "ddList"
_INSTRUCTIONS = WORD + "instrText"
_RUBY, _RUBY_BASE, _READING = WORD + "ruby", WORD + "rubyBase", WORD + "rt"
FORMULAS = (MATH + "oMath", MATH + "oMathPara")
WORD_VALUE = WORD + "val"
_MARKS = {
    WORD + "tab": "\t",
    WORD + "br": "\n",
    WORD + "cr": "\n",
    WORD + "ptab": "\t",
    WORD + "noBreakHyphen": "\u2011",
}
NOT_TEXT = {
    WORD + "pPr", WORD + "rPr", WORD + "sdtPr", WORD + "del", WORD + "moveFrom", FALLBACK, TEXT_BOX,
}  # fmt: skip
"""Properties; text deleted under review, which follows its story, or moved away; the second version
of a text box that is kept for old programs; text boxes, which follow their paragraph as paragraphs
of their own."""
_BOXED = {WORD + "drawing", WORD + "pict", WORD + "object", _MC + "AlternateContent"}
_ON_COLOURS = (WORD + "tbl", TEXT_BOX)
"""What may have a colour of its own behind its text."""
_CHECK_BOXES = {"F0FE": "☒", "F0FD": "☒", "F0FC": "✓", "F052": "☑", "F0A8": "☐", "F06F": "☐"}
"""Characters of Wingdings that forms use."""
_FOUR_DIGITS = re.compile("[0-9A-F]{4}")
_MAX_COLUMNS = 1_000


def gather_text(element: Any, pieces: list[str], boxed: list[Any]) -> None:
    """Add the text of an element, and the elements that may hold text boxes or drawings. How
    characters are pronounced, which stands over them, follows all: they are a word without it."""
    readings: list[str] = []
    _gather(element, pieces, boxed, readings)
    if readings:
        pieces.append(f" ({' '.join(readings)})")


def _gather(element: Any, pieces: list[str], boxed: list[Any], readings: list[str]) -> None:
    for child in element.iterchildren():
        tag = child.tag
        if tag == _T:
            pieces.append(child.text or "")
        elif tag in _MARKS:
            pieces.append(_MARKS[tag])
        elif tag in FORMULAS:
            pieces.append(formula_text(child))
        elif tag == _INSTRUCTIONS:
            pieces.append(field_text(child))
        elif tag == _SYMBOL:
            pieces.append(_symbol(child.get(WORD + "char", "").upper()))
        elif tag == _CHECK_BOX:
            pieces.append("☒ " if _is_checked(child) else "☐ ")
        elif tag in _BOXED:
            boxed.append(child)
        elif tag == _CHOICES:
            pieces.append(_chosen(child))
        elif tag == _RUBY:
            for base in child.iterchildren(_RUBY_BASE):
                _gather(base, pieces, boxed, readings)
            readings += [plain_text(reading) for reading in child.iterchildren(_READING)]
        elif tag not in NOT_TEXT:
            _gather(child, pieces, boxed, readings)


def plain_text(element: Any) -> str:
    return "".join(text.text or "" for text in element.iter(_T))


def is_hidden(run: Any, styles: Mapping[str, bool]) -> bool:
    """Whether a run, its style or that of its paragraph is set to be hidden.

    Args:
        styles: see :func:`find_hidden_styles`.
    """
    properties = run.find(WORD + "rPr")
    own = None if properties is None else _vanishes(properties)
    if own is not None or not styles:
        return bool(own)
    named = None if properties is None else properties.find(WORD + "rStyle")
    if named is not None and (stated := styles.get(named.get(WORD_VALUE, ""))) is not None:
        return stated
    paragraph = next(run.iterancestors(_P), None)
    named = None if paragraph is None else paragraph.find(f"{WORD}pPr/{WORD}pStyle")
    return named is not None and styles.get(named.get(WORD_VALUE, ""), False)


def find_hidden_styles(roots: Iterable[Any]) -> dict[str, bool]:
    """Of the styles that say whether their text is hidden, or that are based on such ones, what
    they say; nothing where none hides any."""
    styles = {
        style.get(WORD + "styleId", ""): style
        for root in roots
        for style in root.iterchildren(WORD + "style")
    }
    found: dict[str, bool | None] = {}
    for name in styles:
        chain: list[str] = []
        at = name
        while at in styles and at not in found and at not in chain:
            chain.append(at)
            based = styles[at].find(WORD + "basedOn")
            at = "" if based is None else based.get(WORD_VALUE, "")
        stated = found.get(at)
        for each in reversed(chain):
            properties = styles[each].find(WORD + "rPr")
            own = None if properties is None else _vanishes(properties)
            stated = found[each] = stated if own is None else own
    hiding = {name: stated for name, stated in found.items() if stated is not None}
    return hiding if any(hiding.values()) else {}


def _vanishes(properties: Any) -> bool | None:
    hidden = properties.find(WORD + "vanish")
    return None if hidden is None else hidden.get(WORD_VALUE, "1") in ("1", "true", "on")


def is_unseen(run: Any) -> bool:
    """Whether a run is written too small, or in white where nothing says that it is not on
    white."""
    half_points = number_of(run, f"{WORD}rPr/{WORD}sz", 0)
    if 0 < half_points < 2 * SMALLEST:
        return True
    colour = run.find(f"{WORD}rPr/{WORD}color")
    if colour is None or colour.get(WORD_VALUE, "").upper() != "FFFFFF":
        return False
    if any(run.find(f"{WORD}rPr/{WORD}{name}") is not None for name in ("shd", "highlight")):
        return False
    return not any(
        ancestor.tag in _ON_COLOURS or ancestor.find(f"{WORD}pPr/{WORD}shd") is not None
        for ancestor in run.iterancestors()
    )


def deleted_lines(story: Any) -> list[str]:
    """What was deleted under review and is still shown, struck out: of each paragraph a line."""
    lines: list[str] = []
    for paragraph in story.iter(_P):
        pieces: list[str] = []
        author = ""
        for deletion in paragraph.iter(_DELETED):
            if next(deletion.iterancestors(_P, FALLBACK)) is not paragraph:
                continue  # of a text box in it, or of its second version
            text = "".join(piece.text or "" for piece in deletion.iter(WORD + "delText"))
            before = deletion.getprevious()
            apart = before is None or before.tag != _DELETED
            pieces.append(f" {text}" if apart else text)
            author = author or deletion.get(WORD + "author", "")
        if deleted := one_line("".join(pieces)):
            lines.append(f"Deleted by {author or 'somebody'}: {deleted}")
    return lines


def _chosen(choices: Any) -> str:
    """What is chosen in a list of a form of old, where its text does not stand behind it too."""
    field = next(choices.iterancestors(_RUN), None)
    for sibling in () if field is None else field.itersiblings():
        if any(mark.get(WORD + "fldCharType") == "end" for mark in sibling.iter(WORD + "fldChar")):
            break
        if plain_text(sibling).strip():
            return ""
    at = number_of(choices, WORD + "result", number_of(choices, WORD + "default", 0))
    entries = [entry.get(WORD_VALUE, "") for entry in choices.iterchildren(WORD + "listEntry")]
    return entries[at] if at < len(entries) else ""


def _symbol(code: str) -> str:
    """A character that is named by its number: in Unicode, or, in its private area, in a font of
    symbols."""
    if code in _CHECK_BOXES:
        return _CHECK_BOXES[code]
    number = int(code, 16) if _FOUR_DIGITS.fullmatch(code) else 0
    usual = 0x20 < number < 0xD800 and chr(number).isprintable()
    return chr(number) if usual else "•"


def _is_checked(box: Any) -> bool:
    """Whether a check box of a form of old is checked, as it was made or by hand."""
    state = box.find(WORD + "checked")
    state = box.find(WORD + "default") if state is None else state
    return state is not None and state.get(WORD_VALUE, "1") in ("1", "true", "on")


def number_of(element: Any, path: str, default: int) -> int:
    found = element.find(path)
    value = found.get(WORD_VALUE, "") if found is not None else ""
    return min(int(value), _MAX_COLUMNS) if value.isdecimal() and len(value) < 9 else default
