"""Form fields that show something else than the value they store: a person reads the one, and what
imports the form takes the other."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from lineal_consumers.ocr.form_fields import FormField, words_inside
from lineal_consumers.ocr.layout import plain_word

if TYPE_CHECKING:
    from lineal_consumers.ocr.layout import Line

FIELD_CONFLICT = "a form field shows something else than its value"
"""The doubt whose places say where."""
_MAX_PLACES = 20
_NUMBER = re.compile(r"[.,]?\d[\d.,'\s]*")
_STORED_NUMBER = re.compile(rf"[-+]?{_NUMBER.pattern}")
_DATE = re.compile(r"\d{1,4}[-./ ]\d{1,2}[-./ ]\d{1,4}")


def find_field_conflicts(fields: list[FormField], drawn: list[Line]) -> list[FormField]:
    """The fields whose value is not what is drawn in their box, at most twenty.

    Args:
        drawn: the lines of the page with what its fields draw.
    """
    return [
        field
        for field in fields
        if field.state == "conflicting"
        or (field.state == "shown" and not _shows(words_inside(field, drawn), field.value))
    ][:_MAX_PLACES]


def _shows(drawn: list[str], value: str) -> bool:
    """Whether some words are a value as forms write it, with what else may stand in its box."""
    seen, stored = [[plain_word(word) for word in words] for words in (drawn, value.split())]
    together = " ".join(drawn)
    if not any(stored) or (drawn and not any(seen)):
        # Stars of a password, a tick.
        return True
    if "".join(seen) == "".join(stored) or f" {' '.join(stored)} " in f" {' '.join(seen)} ":
        return True
    if _STORED_NUMBER.fullmatch(value):
        return bool(_amounts(together) & _amounts(value))
    # The month may be a word.
    return bool(_DATE.fullmatch(value) and any(seen) and not _parts(together) - _parts(value))


def _amounts(text: str) -> set[float]:
    """What the first number of a text may be, to two decimals: 1.234 is either of two."""
    found = _NUMBER.search(text)
    if found is None:
        return set()
    figures = re.sub("[^0-9.,]", "", found[0]).rstrip(".,").replace(",", ".")
    whole, point, decimals = figures.rpartition(".")
    whole = whole.replace(".", "")
    readings = [f"{whole or 0}.{decimals}" if point else decimals]
    if len(decimals) == 3:
        readings.append(whole + decimals)
    scale = 0.01 if "%" in text else 1.0
    return {round(float(reading) * scale, 2) for reading in readings}


def _parts(date: str) -> Counter[int]:
    """Day, month and year in any order, the year without its century."""
    return Counter(int(part) % 100 for part in re.findall(r"\d{1,4}", date))
