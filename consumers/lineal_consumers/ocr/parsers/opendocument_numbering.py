"""The numbers of items and headings in OpenDocument: programs count them when they show the text,
and write none.

Source: OASIS OpenDocument 1.3, part 3, 5.3 (lists), 16.30 (list styles) and 16.34 (outline styles).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from lineal_consumers.ocr.parsers.word_numbering import written_number

_NAMES = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT, _STYLE = f"{{{_NAMES}text:1.0}}", f"{{{_NAMES}style:1.0}}"
_LIST, _ITEM = _TEXT + "list", _TEXT + "list-item"
_P, _H = _TEXT + "p", _TEXT + "h"
_FORMATS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman",
            "I": "upperRoman"}  # fmt: skip
_LEVELS = 10
_MAX_NUMBER = 1_000_000


class _Level(NamedTuple):
    format: str
    prefix: str
    suffix: str
    start: int
    shown: int
    """How many levels a number shows, this one included."""


_Levels = dict[int, _Level]


def number_labels(body: Any, roots: Iterable[Any]) -> dict[Any, str]:
    """The number that is shown before each numbered paragraph and heading of a body.

    Args:
        roots: the trees in which styles are.
    """
    lists: dict[str, _Levels] = {}
    outline: _Levels = {}
    for root in roots:
        for style in root.iter(_TEXT + "list-style"):
            lists[style.get(_STYLE + "name", "")] = _levels(style, "list-level-style-number")
        for style in root.iter(_TEXT + "outline-style"):
            outline = _levels(style, "outline-level-style")
    labels: dict[Any, str] = {}
    counts: dict[str, list[int | None]] = {}
    for element in body.iter(_LIST):
        if next(element.iterancestors(_LIST), None) is None:
            name = element.get(_TEXT + "style-name", "")
            goes_on = element.get(_TEXT + "continue-numbering") == "true"
            goes_on = goes_on or element.get(_TEXT + "continue-list") is not None
            if not goes_on or name not in counts:
                counts[name] = [None] * _LEVELS
            _number_items(element, name, lists, counts[name], 0, labels)
    headings: list[int | None] = [None] * _LEVELS
    for heading in body.iter(_H) if outline else ():
        level = _whole(heading.get(_TEXT + "outline-level", ""), 1) - 1
        counted = heading.get(_TEXT + "is-list-header") != "true" and 0 <= level < _LEVELS
        if counted and heading not in labels:
            _label(heading, outline, headings, level, labels)
    return labels


def _number_items(
    container: Any,
    name: str,
    lists: dict[str, _Levels],
    counts: list[int | None],
    level: int,
    labels: dict[Any, str],
) -> None:
    name = container.get(_TEXT + "style-name", name)
    for item in container.iterchildren(_ITEM):
        start = item.get(_TEXT + "start-value", "")
        if start.isdecimal() and level < _LEVELS:
            counts[level] = _whole(start, 1) - 1
        first = next(item.iterchildren(_P, _H), None)
        if first is not None and level < _LEVELS:
            _label(first, lists.get(name, {}), counts, level, labels)
        for inner in item.iterchildren(_LIST):
            _number_items(inner, name, lists, counts, level + 1, labels)


def _label(
    paragraph: Any,
    levels: _Levels,
    counts: list[int | None],
    level: int,
    labels: dict[Any, str],
) -> None:
    """Count a paragraph, and note the number that stands before it."""
    found = levels.get(level)
    start = found.start if found else 1
    before = counts[level]
    counts[level] = min(start if before is None else before + 1, _MAX_NUMBER)
    counts[level + 1 :] = [None] * (_LEVELS - level - 1)
    if found is None or not found.format:
        return
    parts = []
    for at in range(max(0, level - found.shown + 1), level + 1):
        shown = levels.get(at)
        if shown is not None and shown.format:
            number = counts[at]
            parts.append(written_number(shown.start if number is None else number, shown.format))
    labels[paragraph] = f"{found.prefix}{'.'.join(parts)}{found.suffix}".strip()


def _levels(style: Any, kind: str) -> _Levels:
    found: _Levels = {}
    for level in style.iterchildren(_TEXT + kind):
        at = _whole(level.get(_TEXT + "level", ""), 1) - 1
        found[at] = _Level(
            _FORMATS.get(level.get(_STYLE + "num-format", ""), ""),
            level.get(_STYLE + "num-prefix", ""),
            level.get(_STYLE + "num-suffix", ""),
            _whole(level.get(_TEXT + "start-value", ""), 1),
            _whole(level.get(_TEXT + "display-levels", ""), 1),
        )
    return found


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else otherwise
