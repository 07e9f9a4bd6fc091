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


def plain_name(name: str) -> tuple[str, ...]:
    """The words of a name that tell persons apart, in the order of the alphabet: ``Dr. García,
    José`` and ``Jose Garcia`` are one."""
    decomposed = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    bare = "".join(each for each in decomposed if not unicodedata.combining(each)).casefold()
    words = [word for word in re.findall(r"\w+", bare) if word not in _TITLES]
    return tuple(sorted(words))


def is_same_name(one: str, other: str) -> bool:
    """Whether two names may be of one person or company: the same words, where a single letter
    stands for a word that begins with it, and one of them may lack middle initials."""
    first, second = list(plain_name(one)), list(plain_name(other))
    if len(first) > len(second):
        first, second = second, first
    if not first:
        return not second
    left = list(second)
    for word in sorted(first, key=len, reverse=True):
        found = next((each for each in left if each == word), None) or next(
            (each for each in left if min(len(each), len(word)) == 1 and each[0] == word[0]), None
        )
        if found is None:
            return False
        left.remove(found)
    # What only one of them has: initials.
    return len(first) > 1 and all(len(word) == 1 for word in left) if left else True


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
