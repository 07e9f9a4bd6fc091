"""The numbers of paragraphs in a DOCX: Word counts them when it shows the text, and writes none.

Source: ECMA-376-1, 17.9.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lineal_consumers.ocr.parsers.open_xml import Package

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_VAL = _W + "val"
_UNNUMBERED = ("bullet", "none")
_PLACE = re.compile(r"%([1-9])")
_LEVELS = 9
_MAX_NUMBER = 1_000_000
_MAX_STYLES = 20
"""That are based on each other."""
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


class _Level(NamedTuple):
    start: int
    format: str
    text: str


class _List(NamedTuple):
    abstract: str
    levels: dict[int, _Level]
    restarts: dict[int, int]
    """Levels that begin anew, at which number, where this list is used first."""


class Numbering:
    """Counts the numbered paragraphs of a document, in their order."""

    def __init__(self, package: Package, main: str) -> None:
        self._lists: dict[str, _List] = {}
        self._styles: dict[str, Any] = {}
        self._places: dict[str, tuple[str, str]] = {}
        self._counts: dict[str, list[int | None]] = {}
        self._used: set[str] = set()
        for part in package.related(main, "numbering"):
            self._take_lists(package.parse(part))
        if not self._lists:
            return
        for part in package.related(main, "styles"):
            root = package.parse(part)
            if root is not None:
                for style in root.iterchildren(_W + "style"):
                    self._styles[style.get(_W + "styleId", "")] = style

    def label(self, paragraph: Any) -> str:
        """The number that is shown before a paragraph; empty where there is none."""
        if not self._lists:
            return ""
        list_id, level = self._place(paragraph)
        found = self._lists.get(list_id)
        if found is None or level not in found.levels:
            return ""
        counts = self._counts.setdefault(found.abstract, [None] * _LEVELS)
        if list_id not in self._used:
            self._used.add(list_id)
            for at, start in found.restarts.items():
                counts[at] = start - 1
        before = counts[level]
        now = found.levels[level].start if before is None else before + 1
        counts[level] = min(now, _MAX_NUMBER)
        counts[level + 1 :] = [None] * (_LEVELS - level - 1)
        shown = found.levels[level]
        if shown.format in _UNNUMBERED:
            return ""

        def number(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            other = found.levels.get(at)
            if other is None:
                return ""
            return written_number(counts[at] or other.start, other.format)

        return _PLACE.sub(number, shown.text).strip()

    def _take_lists(self, root: Any) -> None:
        if root is None:
            return
        abstract = {
            item.get(_W + "abstractNumId", ""): _levels(item)
            for item in root.iterchildren(_W + "abstractNum")
        }
        for item in root.iterchildren(_W + "num"):
            name = _value(item, "abstractNumId")
            levels, restarts = dict(abstract.get(name, {})), {}
            for override in item.iterchildren(_W + "lvlOverride"):
                at = _number(override.get(_W + "ilvl", ""), 0)
                levels |= _levels(override)
                start = override.find(_W + "startOverride")
                if start is not None and at < _LEVELS:
                    restarts[at] = _number(start.get(_VAL, ""), 1)
            self._lists[item.get(_W + "numId", "")] = _List(name, levels, restarts)

    def _place(self, paragraph: Any) -> tuple[str, int]:
        """The list and the level of a paragraph, its own or those of its style."""
        properties = paragraph.find(_W + "pPr")
        if properties is None:
            return "", 0
        list_id, level = _stated(properties)
        if not list_id:
            list_id, further = self._place_of_style(_value(properties, "pStyle"))
            level = level or further
        return list_id, _number(level, 0)

    def _place_of_style(self, name: str) -> tuple[str, str]:
        """The list and the level of a style, its own or those of what it is based on."""
        known = self._places.get(name)
        if known is not None:
            return known
        list_id = level = ""
        style = self._styles.get(name)
        for _ in range(_MAX_STYLES):
            if style is None or list_id:
                break
            properties = style.find(_W + "pPr")
            if properties is not None:
                list_id, further = _stated(properties)
                level = level or further
            style = self._styles.get(_value(style, "basedOn"))
        self._places[name] = list_id, level
        return list_id, level


def _stated(properties: Any) -> tuple[str, str]:
    """The list and the level that properties of a paragraph state themselves."""
    stated = properties.find(_W + "numPr")
    return ("", "") if stated is None else (_value(stated, "numId"), _value(stated, "ilvl"))


def _levels(holder: Any) -> dict[int, _Level]:
    found = {}
    for level in holder.iterchildren(_W + "lvl"):
        at = _number(level.get(_W + "ilvl", ""), 0)
        if at < _LEVELS:
            start = _number(_value(level, "start"), 1 if level.find(_W + "start") is None else 0)
            format, text = _value(level, "numFmt") or "decimal", _value(level, "lvlText")
            found[at] = _Level(start, format, text)
    return found


def _value(holder: Any, name: str) -> str:
    found = holder.find(_W + name)
    return "" if found is None else str(found.get(_VAL, ""))


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else otherwise


def written_number(number: int, format: str) -> str:
    """A number as lists show it; formats of other languages in figures."""
    if format in ("lowerLetter", "upperLetter") and number > 0:
        times, at = divmod(number - 1, 26)
        letters = chr(ord("a") + at) * min(times + 1, _LEVELS)
        return letters if format == "lowerLetter" else letters.upper()
    if format in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        roman = ""
        for value, letters in _ROMAN:
            times, number = divmod(number, value)
            roman += letters * times
        return roman if format == "lowerRoman" else roman.upper()
    if format == "decimalZero":
        return f"{number:02d}"
    return str(number)
