"""Recognises persons, after a label, title, greeting or signature, and by lists of names.

The lists (5,000 given names, 150,000 family names) and the model that tells a person from a
company are those of probablepeople. Of 110 names drawn from those found in AG News, 100 were right
when read by hand; the wrong ones were capitalised headlines, places and firms named after people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.labels import PARTY_LABELS, PERSON_LABELS, labelled_values
from lineal_consumers.nlp.personal.name_lists import (
    NOT_FAMILY_NAMES,
    NOT_GIVEN_NAMES,
    PLACE_STARTS,
)

_UPPER = r"[^\W\d_a-zß-öø-ÿ]"
_NAME = rf"(?:(?:O|D|Mc|Mac)['’]?|al-)?{_UPPER}[^\W\d_]{{1,20}}(?:[-'’]{_UPPER}[^\W\d_]{{1,20}})?"
_PARTICLE = r"(?:van|von|der|den|de|del|della|di|da|dos|la|le|ten|ter|bin|al|el|zu|y)"
_MIDDLE = rf"(?:{_NAME}|{_UPPER}\.?|{_PARTICLE}(?![\w-]))"
_SUFFIX = r"(?:,? (?:Jr|Sr|II|III|IV|MD|PhD|M\.D|Ph\.D|Esq)\b\.?)?"
_TITLE = (
    r"(?:Mrs?|Ms|Miss|Mx|Dr|Prof|Sir|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Sr|Sra|Señora?|Sig|Signora"
    r"|Messrs|Rev|Hon|Capt|Lt|Sgt|Judge|Senator|Professor|Doctor)"
)
_OFFICES = frozenset({"Judge", "Senator", "Professor", "Doctor", "Hon", "Rev", "Sir", "Miss"})
_TITLED = re.compile(
    rf"(?<!\w)(?P<title>{_TITLE}\.? (?:(?:Dr|Prof)\.? )?)"
    rf"(?P<name>(?:(?:{_UPPER}\. ?){{1,2}})?(?:{_NAME})(?: {_MIDDLE}){{0,3}})(?!\w)"
)
_CLOSINGS = (
    "sincerely", "regards", "faithfully", "truly", "respectfully", "cordially", "wishes", "grüßen",
    "grüssen", "grüße", "salutations", "cordialement", "atentamente", "saluti",
)  # fmt: skip
_SIGNED = re.compile(
    f"(?:{'|'.join(form for word in _CLOSINGS for form in (word, word.title(), word.upper()))})"
    r"(?: yours)?[,.]?[ \t]*\n(?:[ \t]*\n){0,6}[ \t]*(?P<name>[^\n\d@:]{3,50}?)[ \t]*(?:,|\n|\Z)"
)
_GREETED = re.compile(
    rf"(?:^|\n)[ \t]*(?:Dear|Hi|Hello|Liebe[r]?|Cher|Chère|Estimad[oa])[ ](?P<name>{_NAME}"
    rf"(?: {_NAME})?)[ \t]*[,:\n]"
)
_RUN = re.compile(rf"(?<![\w'’.-]){_NAME}(?: {_MIDDLE}){{1,7}}{_SUFFIX}(?!\w)")
_WHOLE = re.compile(rf"{_NAME}(?:,? {_MIDDLE}){{1,4}}{_SUFFIX}$")
_ANY_TITLE = re.compile(rf"^{_TITLE}\.? ")
_CORPORATE = re.compile(
    r"\b(?:inc|corp|llc|ltd|gmbh|ag|co|company|bank|group|department|dept|office|services?|systems?"
    r"|solutions|association|university|school|hospital|team|support|sales|accounts?|payable"
    r"|billing|street|st|ave|avenue|road|rd|suite|box|number|date|address|customer|center|centre)\b",
    re.IGNORECASE,
)


class PeopleRecognizer:
    """``PERSON``; key and value are the name without titles, family name last."""

    def __init__(self, in_prose: bool = True) -> None:
        self._in_prose = in_prose

    def recognize(self, page: PageText) -> Iterator[Mention]:
        text = page.text
        yield from _labelled(text)
        for match in _TITLED.finditer(text):
            yield from _cut_mention(match, 0.85)
        for match in _SIGNED.finditer(text):
            name = match["name"]
            if _WHOLE.match(name) and not _CORPORATE.search(name):
                yield _mention(name, match.start("name"), 0.85)
        for match in _GREETED.finditer(text):
            name = match["name"]
            if name.split()[0].lower() in _given_names() and not _CORPORATE.search(name):
                yield _mention(name, match.start("name"), 0.75)
        if self._in_prose:
            for match in _RUN.finditer(text):
                yield from _names_in(match)


def _labelled(text: str) -> Iterator[Mention]:
    for labelled in labelled_values(text):
        sure = labelled.label in PERSON_LABELS
        if not sure and labelled.label not in PARTY_LABELS:
            continue
        begin = labelled.begin
        name = re.split(r"\s*[<(\[;]|\s{2,}|\s[-–—|]\s", labelled.value, maxsplit=1)[0].strip(
            "\"' "
        )
        if not name:
            continue
        begin += labelled.value.index(name)
        title = _ANY_TITLE.match(name)
        bare = name[title.end() :] if title else name
        if not _WHOLE.match(bare) or _CORPORATE.search(bare):
            continue
        if sure or _is_person(bare):
            yield _mention(bare, begin + len(name) - len(bare), 0.9 if sure else 0.75)


def _cut_mention(match: re.Match[str], confidence: float) -> Iterator[Mention]:
    """A titled name up to its family name: "Dr. Ann Lee Monday" ends at Lee."""
    words = match["name"].split(" ")
    if words[0].lower() in NOT_FAMILY_NAMES:
        return
    # "Senator Criticizes Europe": unlike "Mr", these titles also stand before other words.
    office = match["title"].strip(" .") in _OFFICES
    if office and not {words[0].upper(), words[-1].upper()} & _family_names().keys():
        return
    kept = 1
    while kept < len(words) and (
        words[kept].lower() not in NOT_FAMILY_NAMES
        and (kept < 2 or words[kept].upper() in _family_names() or not words[kept - 1][0].isupper())
    ):
        kept += 1
    while kept > 1 and (words[kept - 1][0].islower() or len(words[kept - 1].rstrip(".")) == 1):
        kept -= 1
    yield _mention(" ".join(words[:kept]), match.start("name"), confidence)


def _names_in(match: re.Match[str]) -> Iterator[Mention]:
    """Given name, initials or particles, family name, within a run of capitalised words."""
    given, family = _given_names(), _family_names()
    words = match[0].split(" ")
    offset = match.start()
    begins = []
    for word in words:
        begins.append(offset)
        offset += len(word) + 1
    at = 0
    while at < len(words) - 1:
        first = words[at].lower()
        if first not in given or (at > 0 and words[at - 1].lower() in PLACE_STARTS):
            at += 1
            continue
        last = at + 1
        while last < len(words) - 1 and (
            len(words[last].rstrip(".")) == 1
            or words[last][0].islower()
            or (words[last].lower() in given and words[last + 1].upper() in family)
        ):
            last += 1
        surname = words[last].rstrip(".,")
        if (
            not surname[:1].isupper()
            or not _is_family_name(surname)
            # Two-letter words in capitals are codes and misread headings, not "JO" and "UR".
            or (surname.isupper() and min(len(surname), len(first)) < 3)
            or surname.isupper() != words[at].isupper()
            or (last + 1 < len(words) and words[last + 1].lower() in NOT_FAMILY_NAMES)
        ):
            at += 1
            continue
        name = match.string[begins[at] : begins[last] + len(surname)]
        # Two given names in a row that could both be anything else are the weakest sign.
        yield _mention(name, begins[at], 0.65 if last - at == 1 else 0.75)
        at = last + 1


def _is_family_name(word: str) -> bool:
    return (
        word.lower() not in NOT_FAMILY_NAMES
        and all(
            part.upper() in _family_names()
            for part in re.split("[-'’]", word.removeprefix("al-"))
            if len(part) > 2
        )
        and len(word) > 1
    )


@lru_cache(maxsize=4096)
def _is_person(name: str) -> bool:
    import probablepeople  # type: ignore[import-untyped]

    if name.split()[0].lower() in _given_names():
        return True
    try:
        parts, kind = probablepeople.tag(name)
    except probablepeople.RepeatedLabelError:
        return False
    return bool(kind == "Person" and parts.get("Surname") and parts.get("GivenName"))


@cache
def _given_names() -> frozenset[str]:
    from probablepeople.gender import gender_names  # type: ignore[import-untyped]

    return frozenset(gender_names) - NOT_GIVEN_NAMES


@cache
def _family_names() -> dict[str, float]:
    from probablepeople.ratios import ratios  # type: ignore[import-untyped]

    names: dict[str, float] = ratios
    return names


def _mention(name: str, begin: int, confidence: float) -> Mention:
    value = name
    family, comma, given = name.partition(", ")
    if comma and not re.match(r"(?:Jr|Sr|II|III|IV|MD|PhD|M\.D|Ph\.D|Esq)\b", given):
        value = f"{given} {family}"
    return Mention("PERSON", begin, begin + len(name), confidence, value.casefold(), value)
