"""Compares values of several documents: names, texts, amounts and dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from lineal_consumers.packages.definition import Compared

_TITLES = frozenset(
    ("mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "herr", "frau", "mme", "jr", "sr", "phd")
)
_APOSTROPHE = re.compile("(?<=\\w)['\u2018\u2019\u02bc`](?=\\w)")
_SHORT = {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ß": "ss", "ð": "d", "þ": "th"}
_LONG = _SHORT | {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
"""How letters are written where there are none of them: without their strokes and points, or as two
letters, as passports do (ICAO 9303, part 3, section 6)."""


def is_same_name(one: str, other: str) -> bool:
    """Whether two names may be of one person or company: the same words, where a single letter
    stands for a word that begins with it, one of them may lack middle initials, letters that not
    every keyboard has are written in two ways (``Müller``, ``Mueller``), and an apostrophe parts
    words or does not."""
    return any(
        _are_same(first, second) for first in _spelt_names(one) for second in _spelt_names(other)
    )


def _spelt_names(name: str) -> list[list[frozenset[str]]]:
    """The words of a name, each as the ways in which it is written."""
    written = [name] if _APOSTROPHE.search(name) is None else [name, _APOSTROPHE.sub("", name)]
    return [[_spellings(word) for word in _words(each)] for each in written]


def _words(name: str) -> list[str]:
    text = unicodedata.normalize("NFC", name).casefold()
    return [word for word in re.findall(r"\w+", text) if word not in _TITLES]


def _spellings(word: str) -> frozenset[str]:
    found = {"".join(written.get(each, each) for each in word) for written in (_SHORT, _LONG)}
    return frozenset(
        "".join(
            each for each in unicodedata.normalize("NFKD", one) if not unicodedata.combining(each)
        )
        for one in found
    )


def _are_same(one: list[frozenset[str]], other: list[frozenset[str]]) -> bool:
    first, second = (one, list(other)) if len(one) <= len(other) else (other, list(one))
    if not first:
        return not second
    for word in sorted(first, key=_length, reverse=True):
        found = next((each for each in second if each & word), None) or next(
            (
                each
                for each in second
                if 1 in (_length(each), _length(word))
                and {w[0] for w in each} & {w[0] for w in word}
            ),
            None,
        )
        if found is None:
            return False
        second.remove(found)
    # What only one of them has: initials.
    return len(first) > 1 and all(_length(word) == 1 for word in second) if second else True


def _length(word: frozenset[str]) -> int:
    return min(map(len, word))


def amount(text: str) -> Decimal | None:
    """A normalised amount; None where it is none."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def day(text: str) -> date | None:
    """A normalised date; None where it is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def all_same(values: Sequence[str], compared: Compared, tolerance: float = 0.0) -> bool:
    """Whether values say the same. What is no amount or date is compared as text."""
    if compared == "name":
        return all(is_same_name(values[0], other) for other in values[1:])
    if compared == "amount":
        amounts = [amount(each) for each in values]
        known = [each for each in amounts if each is not None]
        if len(known) == len(values):
            return max(known) - min(known) <= Decimal(str(tolerance))
    if compared == "date":
        return len({day(each) or each for each in values}) == 1
    return len({" ".join(each.casefold().split()) for each in values}) == 1


def adds_up(total: str, parts: Iterable[str], tolerance: float) -> bool:
    """Whether amounts add up to a total."""
    amounts = [amount(each) for each in (total, *parts)]
    known = [each for each in amounts if each is not None]
    if len(known) < len(amounts):
        return False
    return abs(known[0] - sum(known[1:])) <= Decimal(str(tolerance))


def are_within(values: Sequence[str], days: int) -> bool:
    """Whether dates lie within so many days of each other."""
    found = [day(each) for each in values]
    known = [each for each in found if each is not None]
    return len(known) == len(found) and (max(known) - min(known)).days <= days


def are_in_order(groups: Sequence[Sequence[str]]) -> bool:
    """Whether no date of a group is later than one of a group that follows."""
    latest: date | None = None
    for group in groups:
        found = [day(each) for each in group]
        known = [each for each in found if each is not None]
        if len(known) < len(found):
            return False
        if latest is not None and known and min(known) < latest:
            return False
        latest = max([*known, *([latest] if latest is not None else [])], default=None)
    return True
