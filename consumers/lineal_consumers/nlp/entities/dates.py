"""Recognises dates, with their ISO 8601 values.

Own patterns; the names of the months come from the language data of dateparser, whose
``search_dates`` was wrong on 24 of 26 texts and whose ``parse`` takes 1.6 ms a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import import_module

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.surroundings import before

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_WITHOUT_LANGUAGE = ("en", "de", "fr", "es", "it", "nl", "pt")
"""The languages whose month names are tried in texts too short to detect their language."""
_MONTH_FIRST = frozenset({"US", "PH", "PR", "GU"})

_YEAR_FIRST = re.compile(
    r"\d{4}(?<![\w./:-]\d{4})([-/.])(\d{1,2})\1(\d{1,2})(?=[T_ ]\d{2}:\d{2}|(?![\w/:-]|\.\d))"
)
_EAST_ASIAN = re.compile(r"(?<!\d)(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_NUMERIC = re.compile(
    r"(?<![\w./:$€£-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|\.\d|,\d)(?!:)"
)
# Two digits are a year only close behind letters: "12-Mar-21", "5. Dez. 21", "March '21".
_YEAR = re.compile(
    r"(?:(?<![\w.,:])(?:1[5-9]|20|21)\d\d|(?:(?<=[^\W\d_][-/ '])|(?<=[^\W\d_]\. ))'?\d\d)"
    r"(?!\w|[-/:]\d|[.,]\d)"
)
_LONGEST_BEFORE_YEAR = 32
_DATE_WORD = re.compile(
    r"\b(?:date[ds]?|datum|due|born|dob|d\.o\.b\.?|birth\w*|geb\w*|issued|expir\w*|from|until|to|on"
    r"|le|am|vom|bis|since|effective|fecha|data)\b[^\n]{0,20}$"
)
_NOT_A_DATE = re.compile(
    r"(?:\bv|version|release|build|firmware|section|sec\.|§|chapter|ip|fig(?:ure)?\.?)"
    r"[ \t:.#]{0,3}$"
)


class DateRecognizer:
    """``DATE``: days (2024-03-05) and, where only they are named, months (2024-03)."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        yield from _year_first(page.text)
        yield from _numeric(page)
        yield from _written(page)


def _year_first(text: str) -> Iterator[Mention]:
    for match in _YEAR_FIRST.finditer(text):
        if match[1] != "." or not _NOT_A_DATE.search(before(text, match.start())):
            year, month, day = int(match[0][:4]), int(match[2]), int(match[3])
            yield from _mention(match.start(), match.end(), year, month, day, 0.95)
    if "年" in text or "년" in text:
        for match in _EAST_ASIAN.finditer(text):
            year, month, day = map(int, match.groups())
            yield from _mention(match.start(), match.end(), year, month, day, 0.95)


def _numeric(page: PageText) -> Iterator[Mention]:
    month_first = page.language in ("en", "und") and page.region in _MONTH_FIRST
    if page.day_first is not None:
        month_first = not page.day_first
    for match in _NUMERIC.finditer(page.text):
        first, second, separator, year = match[1], match[3], match[2], match[4]
        context = before(page.text, match.start())
        if _NOT_A_DATE.search(context):
            continue
        confidence = 0.9
        if len(year) == 2:
            announced = _DATE_WORD.search(context) is not None
            # 10-12-15 and 1.2.03 are as often lot numbers, scores and sections.
            if not announced and (separator == "-" or (separator == "." and len(second) < 2)):
                continue
            confidence = 0.85 if announced else 0.6
        a, b = int(first), int(second)
        if a > 12 or separator == ".":
            day, month = a, b
        elif b > 12 or month_first:
            month, day = a, b
            confidence -= 0.1 if b <= 12 and a != b else 0.0
        else:
            day, month = a, b
            confidence -= 0.1 if a != b else 0.0
        yield from _mention(match.start(), match.end(), _full_year(year), month, day, confidence)


def _written(page: PageText) -> Iterator[Mention]:
    pattern, months = _written_dates(page.language)
    # All notations end in the year, and digits are rare: from there the rest is looked at backwards
    # (a tenth of the time of trying the names of the months everywhere).
    for year_match in _YEAR.finditer(page.text):
        window = max(0, year_match.start() - _LONGEST_BEFORE_YEAR)
        match = pattern.search(page.text[window : year_match.start()])
        if match is None:
            continue
        name, year = match["m1"] or match["m2"] or match["m3"], year_match[0]
        day = match["d1"] or match["d2"]
        # "Mar 21" is a day without a year, and "may 2024" in lower case a verb and a number.
        if day is None and (len(year) != 4 or (name.islower() and page.language == "en")):
            continue
        if match["d2"] and len(year) != 4:
            continue
        yield from _mention(
            window + match.start(),
            year_match.end(),
            _full_year(year),
            months[name.lower()],
            int(day) if day else None,
            0.95 if len(year) == 4 else 0.75,
        )


@cache
def _written_dates(language: str) -> tuple[re.Pattern[str], dict[str, int]]:
    """Patterns of what precedes a year: day and month, month and day, or a month, with the names of
    a language and the English ones; and the number of each name."""
    months: dict[str, int] = {"sept": 9}
    for code in dict.fromkeys((language, "en") if language != "und" else _WITHOUT_LANGUAGE):
        try:
            info = import_module(f"dateparser.data.date_translation_data.{code}").info
        except ModuleNotFoundError as error:
            if error.name == "dateparser":
                raise  # else written dates would silently not be found
            continue
        for number, name in enumerate(_MONTHS, 1):
            for form in info[name]:
                months.setdefault(form.lower().rstrip("."), number)
    names = sorted((re.escape(name) for name in months if len(name) > 2), key=len, reverse=True)
    month = "|".join(names)
    of = r"(?:(?:of|de|del|d')\s?)?"
    pattern = re.compile(
        rf"(?:(?<![\w./-])(?P<d1>\d{{1,2}})(?:st|nd|rd|th|er|\.|º|ª)?[\s/-]{{0,2}}{of}"
        rf"(?P<m1>{month})\.?,?[\s/-]{{1,2}}{of}"
        rf"|(?<!\w)(?P<m2>{month})\.?\s{{1,2}}(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,?\s{{1,2}}"
        rf"|(?<!\w)(?P<m3>{month})\.?,?\s{{1,2}}{of})$",
        re.IGNORECASE,
    )
    return pattern, months


def _full_year(year: str) -> int:
    digits = year.lstrip("'")
    if len(digits) == 4:
        return int(digits)
    return int(digits) + (1900 if int(digits) >= 70 else 2000)


def _mention(
    begin: int, end: int, year: int, month: int, day: int | None, confidence: float
) -> Iterator[Mention]:
    if not 1500 <= year <= 2199 or not 1 <= month <= 12:
        return
    try:
        value = date(year, month, day or 1).isoformat()[: 10 if day is not None else 7]
    except ValueError:
        return
    yield Mention("DATE", begin, end, round(confidence, 3), value, value)
