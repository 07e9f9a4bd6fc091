"""Recognises telephone and fax numbers, checked against libphonenumber's numbering plans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.surroundings import NOT_PERSONAL, before

# Possessive quantifiers: a run of digits is read in one way only, however long it is.
_CANDIDATE = re.compile(
    r"(?<![\w+#/.,=$€£@-])(?<!\d[ :])(?:\+ ?|\()?\d(?:[ \u00a0()./-]{0,3}+\d){6,17}+"
    r"(?:\s?(?:x|ext\.?|extension)\s?\d{1,5})?(?![\w]|[-/:]\d|[.,]\d|\s?%)",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"\b(?:tel|tele(?:ph|f)on\w*|tél\w*|teléfono|phone|ph|mobile?|mob|cell(?:ular)?|fax|call|"
    r"handy|mobil\w*|telefax|whatsapp|sms|dial|hotline|toll[- ]free|contact|fon|rufnummer|gsm"
    r"|[tfm](?=\s?[.:]))\b"
)
# National notations that are unmistakably telephone numbers without a word saying so.
_NORTH_AMERICAN = re.compile(r"(?:1[ .-])?(?:\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}([-.])\d{3}\1\d{4})$")
_EXTENSION = re.compile(r"\s?(?:x|ext).*$", re.IGNORECASE)
_REGIONS = {
    "en": ("US", "GB"), "und": ("US", "GB"),
    "de": ("DE", "AT", "CH"), "fr": ("FR", "BE", "CH"), "es": ("ES", "MX"), "it": ("IT",),
    "nl": ("NL", "BE"), "pt": ("PT", "BR"), "pl": ("PL",), "sv": ("SE",), "da": ("DK",),
    "no": ("NO",), "nb": ("NO",), "fi": ("FI",), "cs": ("CZ",), "tr": ("TR",), "ru": ("RU",),
    "ja": ("JP",), "zh": ("CN",), "ko": ("KR",), "el": ("GR",), "hu": ("HU",), "ro": ("RO",),
}  # fmt: skip


class PhoneRecognizer:
    """``PHONE``, its value in E.164: with a country code, in North American notation, or
    announced by a word such as "Tel" and valid in the countries of the language."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        regions = _regions(page)
        for match in _CANDIDATE.finditer(page.text):
            candidate = match[0]
            context = before(page.text, match.start())
            if NOT_PERSONAL.search(context):
                continue
            announced = _WORDS.search(context[-28:]) is not None
            international = candidate.startswith(("+", "00"))
            plain = _NORTH_AMERICAN.match(_EXTENSION.sub("", candidate)) is not None
            if not (announced or candidate.startswith("+") or plain):
                continue
            if candidate.startswith("+"):
                where: tuple[str, ...] = ("ZZ",)
            else:
                where = ("US",) if plain else regions
            confidence = 0.95 if announced else 0.9 if international else 0.75
            # A number in the next column may have been taken in: drop groups from the right.
            for _ in range(3):
                number = _valid_number(candidate, where)
                if number is not None:
                    end = match.start() + len(candidate)
                    yield Mention("PHONE", match.start(), end, confidence, number, number)
                    break
                candidate = candidate.rpartition(" ")[0].rstrip()


def _regions(page: PageText) -> tuple[str, ...]:
    """The countries a national number may be from, the likeliest first."""
    spoken = _REGIONS.get(page.language, ())
    if page.language in ("en", "und"):
        return (page.region, *spoken)
    return (*spoken, page.region)


@lru_cache(maxsize=4096)
def _valid_number(text: str, regions: tuple[str, ...]) -> str | None:
    """E.164 of a number that exists in one of the numbering plans, the first that fits."""
    import phonenumbers

    if sum(map(str.isdigit, _EXTENSION.sub("", text))) < 7:
        return None
    if text.startswith("00"):
        text, regions = "+" + text[2:], ("ZZ",)
    for region in regions:
        try:
            number = phonenumbers.parse(text, None if region == "ZZ" else region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    return None
