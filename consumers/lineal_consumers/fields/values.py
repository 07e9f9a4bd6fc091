"""What the text of a value means, by its type: dates, amounts, numbers, account numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from unicodedata import normalize

from lineal_schemas.fields import FieldType


class Match(NamedTuple):
    """A stretch of a text that can be a value."""

    begin: int
    end: int
    value: str
    """Normalised."""
    fit: float
    """How much it looks like one, up to 1."""


class DateOrder(NamedTuple):
    """How dates of three numbers are read."""

    month_first: bool


_AMOUNT = re.compile(
    r"(?<![\w,/-])(?<!\w\.)(?P<before>[$€£¥]|EUR|USD|GBP|CHF|US\$)?\s?(?P<sign>[-–−(])?\s?[$€£]?"
    r"(?P<number>\d{1,3}(?:[.,'’ ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,3})?)"
    r"(?P<end>-|\))?\s?(?P<after>[$€£¥]|EUR|USD|GBP|CHF|Euro)?(?![\w%/]|[.,]\d|-\d|\s?%)",
    re.I,
)
_NUMBER = re.compile(r"(?<![\w.,])[-−]?\d+(?:[.,'’]\d+)*(?![\w])")
_ID = re.compile(r"(?:\b[A-Z]{1,5}[ ])?[#]?(?=[\w./-]*\d)[A-Za-z0-9][\w./-]*(?:[ ]?[-/][ ]?\d+)?")
_IBAN = re.compile(r"\b[A-Z]{2}[\dOIl]{2}(?:[ ]?[A-Z0-9l]{2,4}){3,8}(?:[ ]?[A-Z0-9l]{1,3})?\b")
_LOOK_LIKE_DIGITS = str.maketrans("OIlSB", "01158")
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jän jänner janvier janv", "feb february februar février févr fév",
            "mar march märz mär mrz mars", "apr april avril avr", "may mai", "jun june juni juin",
            "jul july juli juillet juil", "aug august août", "sep sept september septembre",
            "oct october okt oktober octobre", "nov november novembre",
            "dec december dez dezember décembre déc",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})(?!\d)"),
    re.compile(
        r"(?<!\d)(?<!\d\.)(?P<a>\d{1,2})(?P<s>[./-])\s?(?P<b>\d{1,2})(?P=s)\s?(?P<y>\d{4}|\d{2})(?!\d)"
    ),
    re.compile(
        r"(?<!\d)(?P<d>\d{1,2})(?:st|nd|rd|th|er|\.)?[ -](?P<n>[^\W\d_]{3,9})\.?,?[ -]"
        r"(?P<y>\d{4}|\d{2})(?!\d)"
    ),
    re.compile(r"\b(?P<n>[^\W\d_]{3,9})\.? (?P<d>\d{1,2})(?:st|nd|rd|th)?,? (?P<y>\d{4})(?!\d)"),
)


def matches(kind: FieldType, text: str, order: DateOrder) -> Iterator[Match]:
    """All stretches of a text that can be a value of a type, from left to right."""
    if kind == "date":
        yield from _dates(text, order)
    elif kind == "amount":
        yield from _amounts(text)
    elif kind == "number":
        for found in _NUMBER.finditer(text):
            value = decimal_of(found.group())
            if value is not None:
                yield Match(found.start(), found.end(), value, 1.0)
    elif kind == "iban":
        for found in _IBAN.finditer(text):
            value = _iban(found.group().replace(" ", ""))
            if value[2:4].isdigit():
                yield Match(found.start(), found.end(), value, 1.0 if is_iban(value) else 0.4)
    elif kind == "id":
        dates = [(day.begin, day.end) for day in _dates(text, order)]
        for match in _ids(text):
            if not any(match.begin < end and begin < match.end for begin, end in dates):
                yield match
    elif kind == "text":
        # Dots of a line to write on, and the edge of a cell, are read as parts of what is beside.
        stripped = re.sub(r"^[\s:.,;…‚_|]+|[\s:…_|]+$|\s*\.{2,}$", "", text)
        if stripped.startswith("[") and "]" not in stripped:
            stripped = stripped[1:].lstrip()
        if stripped and any(letter.isalnum() for letter in stripped):
            begin = text.index(stripped)
            yield Match(begin, begin + len(stripped), stripped, 0.9)


def normalized(kind: FieldType, text: str, order: DateOrder) -> str:
    """A value that a person has said, normalised where it can be."""
    cleaned = " ".join(text.split())
    for found in matches(kind, cleaned, order):
        if kind == "text" or found.end - found.begin >= 0.6 * len(cleaned):
            return found.value
    return cleaned


def _ids(text: str) -> Iterator[Match]:
    for found in _ID.finditer(text):
        value = found.group().lstrip("#").rstrip("./-")
        if len(value) < 2 or value.endswith("%"):
            continue
        fit = 1.0
        if _AMOUNT.fullmatch(value) and re.search(r"[.,]\d\d$", value):
            fit = 0.3
        yield Match(found.start(), found.end(), value, fit)


def _amounts(text: str) -> Iterator[Match]:
    for found in _AMOUNT.finditer(text):
        value = decimal_of(found["number"])
        if value is None:
            continue
        if any(pattern.search(text[max(0, found.start() - 6) : found.end() + 6]) and
               not re.search(r"[.,]\d\d$", found["number"]) for pattern in _DATES):  # fmt: skip
            continue
        has_sign = found["sign"] is not None or found["end"] is not None
        negative = (has_sign and found["sign"] != "(") or found["end"] == "-"
        if found["sign"] == "(" and found["end"] == ")":
            negative = True
        has_currency = bool(found["before"] or found["after"])
        decimals = re.search(r"[.,]\d{2}$", found["number"]) is not None
        fit = 1.0 if decimals else 0.75 if has_currency else 0.4
        yield Match(
            found.start(), found.end(), f"{'-' if negative else ''}{Decimal(value):.2f}", fit
        )


def decimal_of(text: str) -> str | None:
    """A number with a decimal point, from one with whatever separators; None: it is none.

    The last separator is the decimal one, unless exactly three digits follow it and it is not the
    only one, or it stands more than once.
    """
    cleaned = re.sub(r"['’\s]", "", text).replace("−", "-")
    points, commas = cleaned.count("."), cleaned.count(",")
    if points and commas:
        decimal = "." if cleaned.rindex(".") > cleaned.rindex(",") else ","
        cleaned = cleaned.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif points + commas:
        separator = "." if points else ","
        after = len(cleaned) - cleaned.rindex(separator) - 1
        many = points + commas > 1
        cleaned = cleaned.replace(separator, "" if many or after == 3 else ".")
    try:
        return str(Decimal(cleaned))
    except InvalidOperation:
        return None


def _dates(text: str, order: DateOrder) -> Iterator[Match]:
    taken: list[tuple[int, int]] = []
    for pattern in _DATES:
        for found in pattern.finditer(text):
            if any(found.start() < end and begin < found.end() for begin, end in taken):
                continue
            value = _date(found.groupdict(), order)
            if value is not None:
                taken.append(found.span())
                yield Match(found.start(), found.end(), value.isoformat(), 1.0)


def _date(parts: dict[str, str | None], order: DateOrder) -> date | None:
    year = int(parts["y"] or 0)
    if year < 100:
        year += 2000 if year < 70 else 1900
    if "a" in parts:
        first, second = int(parts["a"] or 0), int(parts["b"] or 0)
        month_first = order.month_first and parts["s"] != "."
        if first > 12 >= second:
            month_first = False
        elif second > 12 >= first:
            month_first = True
        day, month = (second, first) if month_first else (first, second)
    elif "n" in parts:
        day, month = (
            int(parts["d"] or 0),
            _MONTHS.get(normalize("NFC", parts["n"] or "").casefold(), 0),
        )
    else:
        day, month = int(parts["d"] or 0), int(parts["m"] or 0)
    try:
        return date(year, month, day) if 1900 <= year <= 2200 else None
    except ValueError:
        return None


def _iban(text: str) -> str:
    """An account number as it was written, where letters were read for digits and its check digits
    prove it; else the text."""
    # Banks of some countries have letters in their numbers.
    for digits in (0, 4, len(text)):
        value = text[:2] + text[2:digits].translate(_LOOK_LIKE_DIGITS) + text[max(2, digits) :]
        if is_iban(value):
            return value
    return text


def is_iban(value: str) -> bool:
    """Whether the check digits of an IBAN are right, and its length is that of its country."""
    from stdnum import iban

    return bool(iban.is_valid(value, check_country=False))


def shape_of(value: str) -> str:
    """The kinds of characters of a value, runs as one: ``RE-2026`` is ``A-9``."""
    kinds = re.sub(r"[^\W\d_]+", "A", value)
    return re.sub(r"\d+", "9", kinds)[:40]
