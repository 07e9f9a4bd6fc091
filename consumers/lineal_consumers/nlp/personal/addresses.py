"""Postal addresses: US street lines checked by usaddress's model, post boxes, and German, French
and British notations by their shape."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.labels import ADDRESS_LABELS, labelled_values

_STREET_TYPE = (
    r"(?:street|st|avenue|ave|av|road|rd|drive|dr|lane|ln|boulevard|blvd|court|ct|circle|cir|way"
    r"|place|pl|terrace|ter|parkway|pkwy|highway|hwy|trail|trl|square|sq|loop|row|alley|plaza"
    r"|crescent|close|gardens|mews|broadway)"
)
_STATE = (
    r"(?:A[LKZR]|C[AOT]|D[EC]|FL|GA|HI|I[DLNA]|K[SY]|LA|M[EDAINSOT]|N[EVHJMYCD]|O[HKR]|PA|RI|S[CD]"
    r"|T[NX]|UT|V[TA]|W[AVIY]|PR)"
)
_UNIT = r"(?:,? ?(?:apt|suite|ste|unit|floor|fl|room|rm|#)\.? ?#?[\w-]{1,6})?"
_CITY = r"[^\W\d_][^\W\d_.'-]{1,20}(?:[ -][^\W\d_][^\W\d_.'-]{1,20}){0,3}"
_CITY_STATE = (
    rf"(?:,?[ ]?\n?[ \t]{{0,8}}{_CITY},?[ ]{{1,3}}(?-i:{_STATE})\.?[ ]{{1,4}}\d{{5}}(?:-\d{{4}})?)"
)
_US = re.compile(
    r"(?<![\w$€£#.,/-])\d{1,6}(?:-\d{1,4})?[A-Z]? (?:[NSEW]\.?[EW]?\.? )?"
    rf"(?:[^\W_][\w'.-]{{0,20}} ){{1,4}}{_STREET_TYPE}\b\.?(?: [NSEW][EW]?\b\.?)?{_UNIT}"
    rf"{_CITY_STATE}?",
    re.IGNORECASE,
)
_PO_BOX = re.compile(rf"(?<!\w)p\.? ?o\.? ?box \d{{1,6}}\b{_CITY_STATE}?", re.IGNORECASE)
_GERMAN = re.compile(
    r"(?<!\w)[A-ZÄÖÜ][\wäöüß.-]{1,30}(?:[ -][A-ZÄÖÜ][\wäöüß.-]{1,20}){0,2}?"
    r"(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer"
    r"|[ -](?:Straße|Str\.|Platz|Allee|Weg)) \d{1,4} ?[a-z]?(?!\w)"
    r"(?:,?[ ]?\n?[ \t]{0,8}(?:D-|A-|CH-)?\d{4,5} [A-ZÄÖÜ][\wäöüß-]{2,25}"
    r"(?: (?:am|an der|[A-ZÄÖÜ])[\wäöüß-]{1,20}){0,2})?"
)
_FRENCH = re.compile(
    r"(?<![\w,.])\d{1,4}(?: ?(?:bis|ter))?,? "
    r"(?:rue|avenue|boulevard|place|chemin|allée|impasse|quai)"
    r" (?:(?:de|du|des|la|le|les|d'|l')[ ]?){0,3}[\w'’-]{2,30}(?: [A-ZÀ-Ý][\w'’-]{1,30}){0,3}"
    r"(?:,?[ ]?\n?[ \t]{0,8}\d{5} [A-ZÀ-Ý][\wÀ-ÿ'-]{2,30})?",
    re.IGNORECASE,
)
_UK_POSTCODE = re.compile(
    r"(?P<street>\d{1,5}[A-Z]? [A-Z][\w'. -]{2,40}),[ ]?\n?(?:[A-Z][\w' -]{2,30},?[ ]?\n?){1,3}?"
    r"[ ]?[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}(?!\w)"
)
# The words before a street type that show a sentence about a number, not a house.
_PROSE = re.compile(
    r"\b(?:the|a|an|of|in|to|for|with|and|is|are|was|were|on|at|by|from|his|her|its|their|this|that"
    r"|percent|million|billion|years?|days?|people|points?|hours?|minutes?|miles?)\b"
)
_ANNOUNCED = re.compile(r"(?:[\n:|\t,]|  )[ \t]*$|\b(?:at|to|near|lives in) $")


class AddressRecognizer:
    """``ADDRESS``, street and, where it follows, town; over at most two lines."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        text = page.text
        for match in _US.finditer(text):
            yield from _us_address(match)
        for match in _PO_BOX.finditer(text):
            yield _mention(match[0], match.start(), 0.85)
        for match in _UK_POSTCODE.finditer(text):
            yield _mention(match[0], match.start(), 0.8)
        if page.language in ("de", "und", "nl", "lb"):
            for match in _GERMAN.finditer(text):
                yield _mention(
                    match[0], match.start(), 0.85 if re.search(r"\d{4}", match[0]) else 0.6
                )
        if page.language in ("fr", "und"):
            for match in _FRENCH.finditer(text):
                yield _mention(
                    match[0], match.start(), 0.85 if re.search(r"\d{5}", match[0]) else 0.6
                )
        for labelled in labelled_values(text):
            value = labelled.value
            if labelled.label in ADDRESS_LABELS and len(value) >= 8 and _has_both(value):
                yield _mention(value, labelled.begin, 0.7)


def _us_address(match: re.Match[str]) -> Iterator[Mention]:
    address = match[0].rstrip()
    street = address.split("\n")[0]
    complete = re.search(r"\d{5}(?:-\d{4})?$", address) is not None
    if not complete and not (_stands_alone(match) and _PROSE.search(street.lower()) is None):
        return
    if not _is_street_address(" ".join(address.split())):
        return
    yield _mention(address, match.start(), 0.9 if complete else 0.7)


def _stands_alone(match: re.Match[str]) -> bool:
    """Whether a street without a town is written like an address and not amid a sentence."""
    words = match[0].split()
    if not all(word[0].isupper() or word[0].isdigit() or word[0] == "#" for word in words):
        return False
    before = match.string[max(0, match.start() - 12) : match.start()]
    following = match.string[match.end() : match.end() + 2]
    announced = _ANNOUNCED.search(before) is not None or match.start() == 0
    return announced and (not following or following[0] in "\n,.;|\t)" or following == "  ")


@lru_cache(maxsize=4096)
def _is_street_address(address: str) -> bool:
    import usaddress  # type: ignore[import-untyped]

    try:
        parts, kind = usaddress.tag(address)
    except usaddress.RepeatedLabelError:
        return False
    return bool(kind == "Street Address" and parts.get("StreetName") and parts.get("AddressNumber"))


def _has_both(value: str) -> bool:
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


def _mention(address: str, begin: int, confidence: float) -> Mention:
    value = re.sub(r"\s+", " ", address.replace("\n", ", ").replace(",,", ",")).strip(" ,")
    key = re.sub(r"[\W_]+", " ", value).strip().casefold()
    return Mention("ADDRESS", begin, begin + len(address), confidence, key, value)
