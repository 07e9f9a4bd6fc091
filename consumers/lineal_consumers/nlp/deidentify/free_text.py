"""De-identifies free text: finds all identifiers, and writes what may stand in their place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from lineal_consumers.nlp.deidentify.dates import (
    DateFound,
    find_dates,
    find_high_ages,
    find_holidays,
    shift_in_place,
    year_only,
)
from lineal_consumers.nlp.deidentify.names import find_names
from lineal_consumers.nlp.deidentify.numbers import find_numbers
from lineal_consumers.nlp.deidentify.places import short_zip
from lineal_consumers.nlp.deidentify.secret import Pseudonyms

_WEAK = frozenset({"OTHER_ID", "PLACE"})
"""What gives way to a date at the same place."""
_LINKING = frozenset(
    (
        "NAME",
        "MRN",
        "HEALTH_PLAN",
        "ACCOUNT",
        "LICENSE",
        "VEHICLE",
        "DEVICE",
        "OTHER_ID",
        "BIOMETRIC",
    )
)
"""What is replaced by a pseudonym, so that records stay linked; the rest says nothing but its kind.
"""
OLDEST = 90


class Identifier(NamedTuple):
    """An identifier in a text."""

    kind: str
    """``NAME``, ``PLACE``, ``ZIP``, ``DATE``, ``AGE``, ``PHONE``, ``FAX``, ``EMAIL``, ``SSN``,
    ``MRN``, ``HEALTH_PLAN``, ``ACCOUNT``, ``LICENSE``, ``VEHICLE``, ``DEVICE``, ``URL``, ``IP``,
    ``BIOMETRIC``, ``OTHER_ID``."""
    begin: int
    end: int
    date: DateFound | None = None


class Treatment(NamedTuple):
    """How what was found is replaced."""

    pseudonyms: Pseudonyms
    consistent: bool
    """The same pseudonym for the same name; else its kind alone: ``[NAME]``."""
    shift: bool
    """Dates are moved by the patient's offset; else only their year stays."""
    this_year: int
    """The year that a date without one is taken to be of."""


def find_identifiers(text: str, known: Iterable[str] = ()) -> list[Identifier]:
    """What identifies somebody in a text, in order, without overlaps.

    Args:
        known: names of persons that the text is about, from elsewhere in the record.
    """
    numbers = list(find_numbers(text))
    dates = [Identifier("DATE", one.begin, one.end, one) for one in find_dates(text)]
    candidates = [Identifier(*one) for one in numbers if one.kind not in _WEAK]
    candidates += [Identifier("AGE", begin, end) for begin, end in find_high_ages(text)]
    candidates += dates
    candidates += [Identifier("DATE", begin, end) for begin, end in find_holidays(text)]
    candidates += [Identifier(*one) for one in numbers if one.kind in _WEAK]
    candidates += [Identifier("NAME", *one) for one in find_names(text, known)]
    return sorted(_without_overlaps(candidates, len(text)), key=lambda one: one.begin)


def _without_overlaps(candidates: Iterable[Identifier], length: int) -> Iterator[Identifier]:
    """Each candidate, or what of it is not in an earlier one."""
    taken = bytearray(length)
    for one in candidates:
        begin = one.begin
        while begin < one.end:
            while begin < one.end and taken[begin]:
                begin += 1
            end = begin
            while end < one.end and not taken[end]:
                end += 1
            if end > begin:
                taken[begin:end] = b"\1" * (end - begin)
                whole = (begin, end) == (one.begin, one.end)
                yield one if whole else one._replace(begin=begin, end=end, date=None)
            begin = end


def deidentify_text(
    text: str, patient: str, how: Treatment, counts: Counter[str], known: Iterable[str] = ()
) -> str:
    """A text without identifiers; what was replaced is counted by its kind.

    Args:
        patient: by which dates are shifted.
        known: names of persons that the text is about, from elsewhere in the record.
    """
    offset = how.pseudonyms.offset(patient)
    pieces, at = [], 0
    for one in find_identifiers(text, known):
        counts[one.kind] += 1
        pieces += [text[at : one.begin], _instead(text, one, offset, how)]
        at = one.end
    return "".join([*pieces, text[at:]])


def _instead(text: str, one: Identifier, offset: timedelta, how: Treatment) -> str:
    if one.kind == "AGE":
        return f"{OLDEST}+"
    if one.kind == "ZIP":
        return short_zip(text[one.begin : one.end])
    if one.kind == "DATE" and one.date is not None:
        if one.date.year is not None and how.this_year - one.date.year >= OLDEST:
            return "[DATE]"  # a year of birth that tells an age over 89
        if how.shift:
            return shift_in_place(text, one.date, offset, how.this_year)
        return year_only(one.date)
    if how.consistent and one.kind in _LINKING:
        name = text[one.begin : one.end]
        return how.pseudonyms.of(one.kind, family_name(name) if one.kind == "NAME" else name)
    return f"[{one.kind}]"


def family_name(name: str) -> str:
    """What a person is called throughout a text: "Smith, Ann" and "Ann Smith" are one."""
    before_comma = name.partition(",")[0]
    return before_comma.split()[-1] if before_comma.split() else name
