"""Dates in clinical texts: found in the forms in which they are written, and shifted within them.

``3/14/21``, ``14MAR2021``, ``Mar 14th``, ``the 3rd of June '19``: what is not a whole date with a
year is one too, for Safe Harbor lets nothing but the year stay. Ages over 89 are found here
too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from lineal_consumers.nlp.deidentify.secret import shifted

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_NUMBERS = {name[:3]: number for number, name in enumerate(_MONTHS, 1)}
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_YEAR4 = r"(?P<year>(?:18|19|20)\d\d)"
_YEAR = r"(?P<year>(?:18|19|20)\d\d|['’]?\d\d)"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])"
_TH = r"(?:st|nd|rd|th)?"
_END = r"(?![\w%°]|[.,/-]\d)"
_TIME = r"T\d\d:?\d\d(?::?\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?(?!\w)"
_BEGIN = r"(?<![\w.,/$€£'’-])"

_CUE = (
    r"(?:\b(?:on|since|from|until|till|through|thru|dated?|by|as of|seen|admitted|admit|admission"
    r"|discharged?|d/c|dos|doa|dod|lmp|edd|edc|due|before|after|between|and|to|born|dob|visit"
    r"|started?|stopped|begun|began|ended|performed|drawn|collected|signed|received|surgery|follow"
    r"[- ]?up|f/u|appt|appointment|returns?|last|next|effective|exp|completed|of)\b[ :.(]{0,3}$"
    r"|[:(;][ ]?$|(?:^|\n)[ ]*$|\d[ ]?[-–][ ]?$)"
)
_NO_DATE_BEFORE = re.compile(
    r"\b(?:bp|blood pressure|score|scale|strength|gcs|apgars?|pain|stage|grade|gleason|vision|va"
    r"|acuity|ratio|motor|reflexes|pulses|fraction|dose|level|lot|version|room|rm)\b[^\n.;]{0,14}$",
    re.IGNORECASE,
)
_NO_DATE_AFTER = re.compile(
    r"\s?(?:strength|mg|mcg|ml|tab|tablet|murmur|pain|systolic|diastolic|mm|cm|bilat|power|motor"
    r"|pulses|reflex|vision|scale|on the right|on the left|in (?:the )?(?:right|left|all|both)"
    r"|of (?:the|an?)|cup|teaspoon|strain|mmhg|positive|cores|nodes|doses|criteria|vials|times"
    r"|extremit|days|weeks|hours)",
    re.IGNORECASE,
)

_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_BEGIN}{_YEAR4}(?P<sep>[-/.])(?P<number>0?[1-9]|1[0-2])(?P=sep){_DAY}"
        rf"(?:{_TIME}|(?![\w%]|[./-]\d))",
        rf"{_BEGIN}{_YEAR4}(?P<number>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])"
        rf"(?:{_TIME}|(?![\w%]|[.,]\d))",
        rf"{_BEGIN}(?P<first>\d{{1,2}})(?P<sep>[ ]?[-/.][ ]?)(?P<second>\d{{1,2}})(?P=sep)"
        rf"{_YEAR}{_END}",
        rf"{_BEGIN}{_DAY}{_TH}[ ]?(?:of[ ])?[-/. ]?{_MONTH}\.?,?[-/. ]{{0,2}}{_YEAR}{_END}",
        rf"{_BEGIN}{_MONTH}\.?[-/ ]{{1,2}}{_DAY}{_TH},?[-/ ]{{1,2}}{_YEAR}{_END}",
        rf"{_BEGIN}{_MONTH}\.?[ ]?(?:of[ ])?[-/, ]{{1,2}}{_YEAR4}{_END}",
        rf"{_BEGIN}{_MONTH}\.?[-/ ]['’](?P<year>\d\d){_END}",
        rf"{_BEGIN}{_DAY}{_TH}[ ]?(?:of[ ])?[-/ ]?{_MONTH}(?![\w'’])\.?",
        rf"{_BEGIN}{_MONTH}\.?[ ]{_DAY}{_TH}(?![\w%]|[.,/-]\d)",
        rf"(?<![\w./-])(?P<number>0?[1-9]|1[0-2])/{_YEAR4}{_END}",
    )
)
_DAY_AND_MONTH = re.compile(
    rf"{_BEGIN}(?P<number>0?[1-9]|1[0-2])(?P<sep>[/-]){_DAY}{_END}(?!\s?-\s?\d{{1,2}}[/-])"
)
_MONTH_ALONE = re.compile(
    r"\b(?:in|since|until|last|this|next|early|late|mid|of|by|from|through)[ -](?P<month>january"
    r"|february|march|april|june|july|august|september|october|november|december|may)(?![\w'’])",
    re.IGNORECASE,
)
_ORDINAL = re.compile("st|nd|rd|th", re.IGNORECASE)
_HOLIDAY = re.compile(
    r"\b(?:christmas(?: eve| day)?|thanksgiving(?: day)?|new year['’]?s(?: eve| day)?|easter(?: "
    r"sunday)?|labor day|memorial day|independence day|fourth of july|july fourth|halloween"
    r"|mother['’]s day|father['’]s day|veterans day|valentine['’]?s day|hanukkah|ramadan)\b",
    re.IGNORECASE,
)
_AGE = re.compile(
    r"(?<![\d.])(?P<age>9\d|1[0-3]\d)(?=[ -]{0,2}(?:years?|yrs?|y)[ .-]{0,2}(?:old|/?o\b|of age)"
    r"|[ -]?(?:y/o|yo\b|y\.o\.|year)|[ ]?yr[- ]old)"
    r"|\b(?:aged?|age of|turned|age is|age:)[ :]{1,2}(?P<aged>9\d|1[0-3]\d)(?![\d%.])",
    re.IGNORECASE,
)
_AGE_IN_WORDS = re.compile(
    r"\b(?:ninety|one hundred)(?:[- ](?:one|two|three|four|five|six|seven|eight|nine|and [a-z]+))?"
    r"(?=[- ](?:years?|yrs?)[- ]old)",
    re.IGNORECASE,
)


class DateFound(NamedTuple):
    """A date at a place of a text, and its parts."""

    begin: int
    end: int
    year: int | None
    month: int
    day: int | None
    parts: tuple[tuple[str, int, int], ...]
    """``year``, ``month`` (in letters), ``number`` (of the month) and ``day``: where they stand."""


def find_dates(text: str) -> Iterator[DateFound]:
    """All dates of a text, each once; the longest form first."""
    taken = bytearray(len(text))
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            found = None if _is_verb(match) else _date_of(match)
            if found is not None and not any(taken[found.begin : found.end]):
                taken[found.begin : found.end] = b"\1" * (found.end - found.begin)
                yield found
    for match in _DAY_AND_MONTH.finditer(text):
        before = text[max(0, match.start() - 24) : match.start()]
        if (
            not any(taken[match.start() : match.end()])
            and re.search(_CUE, before, re.IGNORECASE)
            and not _NO_DATE_BEFORE.search(before)
            and not _NO_DATE_AFTER.match(text, match.end())
        ):
            found = _date_of(match)
            if found is not None:
                taken[found.begin : found.end] = b"\1" * (found.end - found.begin)
                yield found
    for match in _MONTH_ALONE.finditer(text):
        begin, end = match.span("month")
        if not any(taken[begin:end]) and not (match["month"] == "may" or match["month"] == "march"):
            number = _NUMBERS[match["month"][:3].lower()]
            yield DateFound(begin, end, None, number, None, (("month", begin, end),))


def find_holidays(text: str) -> Iterator[tuple[int, int]]:
    """Named days of the year: where they stand."""
    for match in _HOLIDAY.finditer(text):
        yield match.span()


def find_high_ages(text: str) -> Iterator[tuple[int, int]]:
    """Ages over 89: where they stand."""
    for match in _AGE.finditer(text):
        begin, end = match.span("age" if match["age"] else "aged")
        yield begin, end
    for match in _AGE_IN_WORDS.finditer(text):
        yield match.span()


def _is_verb(match: re.Match[str]) -> bool:
    """ "may 2 of them": a month in lower case that is a word too, and no year or ordinal."""
    groups = match.groupdict()
    return (
        groups.get("month") in ("may", "mar", "dec", "sep")
        and not groups.get("year")
        and re.search(r"\d(?:st|nd|rd|th)", match[0]) is None
    )


def _date_of(match: re.Match[str]) -> DateFound | None:
    groups = match.groupdict()
    places = {name: match.span(name) for name, value in groups.items() if value is not None}
    day = int(groups["day"]) if groups.get("day") else None
    if groups.get("first") is not None:
        first, second = int(groups["first"]), int(groups["second"])
        month_first = first <= 12
        month, day = (first, second) if month_first else (second, first)
        names = ("number", "day") if month_first else ("day", "number")
        places[names[0]], places[names[1]] = places.pop("first"), places.pop("second")
    elif groups.get("month"):
        month = _NUMBERS[groups["month"][:3].lower()]
    else:
        month = int(groups["number"])
    year = None
    if groups.get("year"):
        digits = groups["year"].lstrip("'’")
        end = places["year"][1]
        places["year"] = (end - len(digits), end)
        year = int(digits)
        if len(digits) == 2:
            year += 1900 if year > 40 else 2000
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    parts = tuple(
        (name, *places[name]) for name in ("year", "month", "number", "day") if name in places
    )
    return DateFound(
        match.start(), match.end(), year, month, day, tuple(sorted(parts, key=lambda one: one[1]))
    )


def shift_in_place(text: str, found: DateFound, by: timedelta, this_year: int) -> str:
    """A found date, moved by an offset and written in the same form.

    Args:
        this_year: of a date without one. A month without a day is moved as its 15th.
    """
    try:
        day = date(found.year or this_year, found.month, found.day or 15)
    except ValueError:  # the 31st of a shorter month
        day = date(found.year or this_year, found.month, 28)
    moved = shifted(day, by)
    pieces, at = [], found.begin
    for name, begin, end in found.parts:
        pieces += [text[at:begin], _written(name, text[begin:end], moved)]
        at = end
        ordinal = _ORDINAL.match(text, end, found.end) if name == "day" else None
        if ordinal is not None:
            pieces.append(_ordinal(moved.day))
            at = ordinal.end()
    return "".join([*pieces, text[at : found.end]])


def year_only(found: DateFound) -> str:
    """What Safe Harbor leaves of a date."""
    return "[DATE]" if found.year is None else str(found.year)


def _ordinal(day: int) -> str:
    return "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _written(name: str, before: str, day: date) -> str:
    if name == "year":
        return f"{day.year:04}" if len(before) == 4 else f"{day.year % 100:02}"
    if name == "month":
        full = _MONTHS[day.month - 1]
        short = len(before) <= 4 and before.lower() not in ("june", "july")
        new = full[:3] if short else full
        return new.upper() if before.isupper() else new.title() if before[0].isupper() else new
    number = day.month if name == "number" else day.day
    return f"{number:02}" if len(before) == 2 else str(number)
