"""The numbers of lists in HTML: browsers count the items, and the file has none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lineal_consumers.ocr.parsers.word_numbering import written_number

_NUMBERS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_UNMARKED = re.compile(r"list-style(?:-type)?\s*:[^;]*\bnone\b", re.IGNORECASE)


@dataclass(slots=True)
class OpenList:
    """A list whose items a browser numbers, or puts a dot before."""

    format: str | None
    number: int
    step: int

    @classmethod
    def of(cls, tag: str, attributes: dict[str, str]) -> OpenList:
        """The list that an element begins."""
        if tag == "ul" or _UNMARKED.search(attributes.get("style", "")):
            return cls(None, 0, 0)
        backwards = "reversed" in attributes and "start" in attributes
        start = _whole(attributes.get("start", ""), 1)
        kind = _NUMBERS.get(attributes.get("type", "1"), "decimal")
        return cls(kind, start, -1 if backwards else 1)

    def mark(self, value: str) -> str:
        """What stands before the next item, which may have a number of its own."""
        if self.format is None:
            return ""
        number = _whole(value, self.number)
        self.number = number + self.step
        return f"{written_number(number, self.format)}. "


def _whole(text: str, otherwise: int) -> int:
    text = text.strip()
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 7 else otherwise
