"""Text as it is spoken: abbreviations, ranges, amounts and dates in words, by language."""

from __future__ import annotations

import re
from datetime import date

from lineal_schemas.articles import Language

_ABBREVIATIONS: dict[Language, dict[str, str]] = {
    "en": {
        "e.g.": "for example", "i.e.": "that is", "etc.": "and so on", "vs.": "versus",
        "approx.": "approximately", "Dr.": "Doctor", "Mr.": "Mister", "Mrs.": "Missis",
        "Ms.": "Miz", "Prof.": "Professor", "No.": "number", "Fig.": "figure", "cf.": "compare",
        "St.": "Saint", "Inc.": "Incorporated", "Ltd.": "Limited", "Jr.": "Junior",
        "w/o": "without",
    },
    "de": {
        "z. B.": "zum Beispiel", "z.B.": "zum Beispiel", "d. h.": "das heißt", "d.h.": "das heißt",
        "u. a.": "unter anderem", "u.a.": "unter anderem", "usw.": "und so weiter",
        "bzw.": "beziehungsweise", "ca.": "circa", "Dr.": "Doktor", "Prof.": "Professor",
        "Nr.": "Nummer", "Str.": "Straße", "vgl.": "vergleiche", "evtl.": "eventuell",
        "ggf.": "gegebenenfalls", "inkl.": "inklusive", "Mio.": "Millionen", "Mrd.": "Milliarden",
        "Abb.": "Abbildung", "bspw.": "beispielsweise", "etc.": "et cetera",
    },
}  # fmt: skip
_RANGE = {"en": r"\1 to \2", "de": r"\1 bis \2"}
_CURRENCIES: dict[Language, dict[str, str]] = {
    "en": {"€": "euros", "$": "dollars", "£": "pounds"},
    "de": {"€": "Euro", "$": "Dollar", "£": "Pfund"},
}
_SYMBOLS: dict[Language, dict[str, str]] = {
    "en": {"&": "and", "°C": "degrees Celsius", "≈": "about", "±": "plus or minus", "→": "to"},
    "de": {"&": "und", "°C": "Grad Celsius", "≈": "etwa", "±": "plus minus", "→": "zu"},
}
_MONTHS: dict[Language, tuple[str, ...]] = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"),
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
           "Oktober", "November", "Dezember"),
}  # fmt: skip
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_NUMBERS = re.compile(r"(?<![\d-])(\d+(?:[.,]\d+)?) ?[–—] ?(\d+(?:[.,]\d+)?)(?![\d-])|"
                      r"(?<![\d-])(\d+)-(\d+)(?![\d-])")  # fmt: skip
_AMOUNT = re.compile(r"([€$£]) ?(\d[\d.,]*\d|\d)")
_AMOUNT_BEFORE = re.compile(r"(\d[\d.,]*\d|\d) ?([€$£])")
_ADDRESS = re.compile(r"https?://(?:www\.)?([^\s/?#]+)[^\s]*")


def in_words(text: str, language: Language) -> str:
    """Text with what is written short in words. Numbers stay: voices read them by language."""
    text = _ADDRESS.sub(r"\1", text)
    text = _ISO_DATE.sub(lambda found: _date(found, language), text)
    for short, long in _ABBREVIATIONS[language].items():
        text = re.sub(rf"(?<!\w){re.escape(short)}(?!\w)", long, text)
    currencies = _CURRENCIES[language]
    text = _AMOUNT.sub(lambda found: f"{found[2]} {currencies[found[1]]}", text)
    text = _AMOUNT_BEFORE.sub(lambda found: f"{found[1]} {currencies[found[2]]}", text)
    text = _NUMBERS.sub(
        lambda found: re.sub(
            r"(.+) (.+)", _RANGE[language], f"{found[1] or found[3]} {found[2] or found[4]}"
        ),
        text,
    )
    for symbol, word in _SYMBOLS[language].items():
        text = text.replace(symbol, f" {word} ")
    return " ".join(text.split())


def _date(found: re.Match[str], language: Language) -> str:
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return found[0]
    month = _MONTHS[language][day.month - 1]
    if language == "de":
        return f"{day.day}. {month} {day.year}"
    return f"{month} {day.day}, {day.year}"
