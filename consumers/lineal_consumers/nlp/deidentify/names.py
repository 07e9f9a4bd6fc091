"""Names of persons in clinical texts: by what stands around them, and by lists of names.

Beside the recogniser of the ``nlp`` stage, which reads letters and contracts, this one reads notes:
names in lower case after a title or relation, ``LAST, FIRST``, names before credentials, and a name
found once wherever else it stands in the text. The lists are those of probablepeople.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from lineal_consumers.nlp.deidentify.clinical_words import COMMON_WORDS, EPONYMS, is_eponym
from lineal_consumers.nlp.engines import PageText
from lineal_consumers.nlp.personal.name_lists import NOT_FAMILY_NAMES, NOT_GIVEN_NAMES
from lineal_consumers.nlp.personal.people import PeopleRecognizer

_UPPER = r"[^\W\d_a-zß-öø-ÿ]"
_CAPITAL = (
    rf"(?:(?:O|D|Mc|Mac|De|Di|La|Le|Van)['’]?)?{_UPPER}[^\W\d_]*(?:[-'’](?!s\b){_UPPER}?[^\W\d_]+)*"
)
_PARTICLE = r"(?:van|von|der|den|de|del|della|di|da|dos|la|le|ten|ter|bin|ibn|al|el|st\.?)"
_INITIAL = rf"{_UPPER}\."
_ANY = r"[^\W\d_]+(?:[-'’](?!s\b)[^\W\d_]+)*"
_RUN = rf"(?:{_INITIAL}[ ]?){{0,2}}{_CAPITAL}(?:[ ](?:{_INITIAL}|{_PARTICLE}(?=[ ])|{_CAPITAL}))*"
_TITLE = (
    r"(?:drs?|mrs?|ms|miss|mx|prof|professor|doctor|nurse|sr|sra|señora?|rev|father|sister|pastor"
    r"|rabbi|deacon|chaplain|officer|detective|judge|capt|sgt)"
)
_RELATION = (
    r"(?:wife|husband|spouse|partner|son|daughter|mother|father|mom|dad|brother|sister|aunt|uncle"
    r"|cousin|niece|nephew|grandson|granddaughter|grandmother|grandfather|grandma|grandpa"
    r"|fianc[ée]e?"
    r"|girlfriend|boyfriend|friend|neighbor|neighbour|roommate|caregiver|caretaker|guardian"
    r"|stepson|stepdaughter|stepmother|stepfather|twin|son-in-law|daughter-in-law|mother-in-law"
    r"|father-in-law|sister-in-law|brother-in-law|coworker|landlord|employer|boss|supervisor"
    r"|interpreter|aide|social worker|case manager|surrogate|proxy)"
)
_LABEL = (
    r"(?:patient(?:['’]s)?(?: name)?|pt(?: name)?|name|full name|attending(?: physician| md)?"
    r"|(?:primary care |referring |ordering |consulting |admitting |treating )?"
    r"(?:physician|provider|surgeon|doctor)|resident|intern|fellow|pcp|author|anesthesiologist"
    r"|anesthesia|assistant|first assistant|nurse|rn|emergency contact|next of kin|nok|contact"
    r"|guarantor|subscriber|insured|(?:electronically )?signed(?: by)?|dictated by|dictating"
    r"|transcribed by|transcriptionist|reviewed by|verified by|entered by|cosigned by|co-signed by"
    r"|authored by|prepared by|ordered by|collected by|requested by|performed by|witness(?:ed by)?"
    r"|cc|to|from|re|dear|d|t|health care proxy|hcp|poa|guardian|mother|father|spouse|informant"
    r"|historian|accompanied by|interpreter|caregiver|first name|last name|surname|given name"
    r"|maiden name|alias|aka|a\.k\.a\.)"
)
_CREDENTIAL = (
    r"(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|PA(?:-C)?|Ph\.?D\.?|LCSW|LPN|CRNA|DPM|DDS|PharmD|MSW"
    r"|MBBS|FACS|FACP|BSN|MSN|APRN|ARNP|FNP|DPT|OTR|RD|LVN|MPH|CNM|EMT)\b"
)
_REPORTING = (
    r"(?:is|was|has|had|presents?|presented|reports?|reported|denies|denied|states?|stated"
    r"|complains"
    r"|returns?|returned|underwent|came|arrived|lives|works|notes|endorses|describes|called"
    r"|tolerated|will|would|wishes|agreed|agrees|appears|remains|continues|requested|asked|says"
    r"|said|felt|feels|did|does|also|now|verbalized|expressed|understood|understands|fell)"
)
_I = re.IGNORECASE
_CUED = (
    re.compile(rf"\b(?i:{_TITLE})\b\.?[ ](?P<name>{_RUN})"),
    re.compile(rf"\b(?i:{_LABEL})[ ]?[:#][ \t]*(?:(?i:{_TITLE})\b\.?[ ])?"
               rf"(?P<name>{_CAPITAL}(?:,[ ]?{_CAPITAL})?(?:[ ](?:{_INITIAL}|{_CAPITAL}"
               rf"|{_UPPER}\b))*)"),
    re.compile(rf"\b(?i:{_RELATION})(?:,[ ]|[ ]\(?|[ ](?:named|is|called)[ ])(?P<name>{_RUN})"),
    re.compile(rf"(?P<name>{_RUN}),?[ ]{{1,2}}{_CREDENTIAL}"),
    re.compile(rf"\b(?:named|called|known as|nicknamed|goes by|aka|a\.k\.a\.)"
               rf"[ ][\"“']?(?P<name>{_RUN})"),
    re.compile(rf"\b(?:patient|pt|Patient|Pt|PATIENT|client|resident|veteran|Veteran)"
               rf"[ ](?P<name>{_RUN})"),
    re.compile(rf"\b(?:[Ss]igned|[Dd]ictated|[Ss]een|[Ee]valuated|[Ff]ollowed|[Rr]eferred|"
               rf"[Pp]erformed|[Rr]eviewed|[Aa]ccompanied|[Ww]itnessed|[Ee]xamined|[Cc]alled|"
               rf"[Oo]rdered|[Ii]nterviewed|[Aa]dministered|[Cc]onsulted|[Pp]aged|[Ss]poke|"
               rf"[Dd]iscussed|[Mm]et|[Dd]iscussion|[Cc]onversation|[Hh]andoff)[ ](?:\w+"
               rf"[ ]){{0,2}}?"
               rf"(?:by|with|to)[ ](?:(?i:{_TITLE})\b\.?[ ])?(?P<name>{_RUN})"),
    re.compile(rf"(?:^|[.\n][ ]*|\b(?:HPI|Subjective|S|Summary|Note):[ ]?)(?P<name>{_CAPITAL}(?:[ ]"
               rf"(?:{_INITIAL}|{_CAPITAL})){{0,3}}),?[ ](?:is[ ]an?[ ]\d|is[ ]a[ ](?:\w+"
               rf"[ ]){{0,2}}"
               r"(?:man|woman|male|female|boy|girl|gentleman|lady)|\d{1,3}[ -]?(?:y|F|M)\b)"),
    re.compile(rf"(?<![\w.])(?P<name>{_CAPITAL},[ ](?![A-Z]{{2}}\b){_CAPITAL}(?:[ ](?:{_INITIAL}"
               rf"|{_UPPER}\b|{_CAPITAL}))?)"
               r"(?=[ ]*(?:\(|[-–|;#]|\n|$|MRN|DOB|\d|[,.][ ]?(?:MRN|DOB|\d)))"),
)  # fmt: skip
_LOWER_CUED = (
    re.compile(rf"\b(?:dr|mr|mrs|ms|miss|prof|nurse)\b\.?[ ]"
               rf"(?P<name>{_ANY}(?:[ ]{_ANY}){{0,2}})", _I),
    re.compile(rf"\b(?:patient|pt|name|patient name|pt name|seen by|signed by|called|spoke with"
               rf"|spoke to|attending|pcp|nok|contact|dictated by)[ ]?:?[ ](?P<name>{_ANY}(?:"
               rf"[ ]{_ANY}){{1,2}})", _I),
    re.compile(rf"\b{_RELATION},?[ ](?:named[ ]|is[ ])?\(?(?P<name>{_ANY}(?:[ ]{_ANY})?)", _I),
)  # fmt: skip
_DOCTOR = re.compile(rf"\b(?:dr|mr|mrs)\b\.?[ ](?P<name>{_ANY})", _I)
_SENTENCE = re.compile(rf"(?<![\w'’-])(?P<name>{_CAPITAL})(?![\w-])")
_WORD = re.compile(_ANY)


class NameFound(NamedTuple):
    """Where a name of a person stands."""

    begin: int
    end: int


def find_names(text: str, known: Iterable[str] = ()) -> Iterator[NameFound]:
    """Names in a text; pieces of one name may be found one by one.

    Args:
        known: names of persons that the text is about, from elsewhere in the record.
    """
    found: set[tuple[int, int]] = set()
    for pattern in _CUED:
        for match in pattern.finditer(text):
            found |= set(_kept(text, *match.span("name"), sure=True))
    for match in _DOCTOR.finditer(text):
        if match["name"].lower() not in COMMON_WORDS:
            found.add(match.span("name"))
    for pattern in _LOWER_CUED:
        for match in pattern.finditer(text):
            found |= set(_listed(text, *match.span("name")))
    for mention in PeopleRecognizer().recognize(PageText(text, "en", "US")):
        found |= set(_kept(text, mention.begin, mention.end, sure=False))
    found |= set(_single_names(text))
    found |= set(_pairs(text))
    words = {
        word.lower()
        for begin, end in found
        for word in _WORD.findall(text[begin:end])
        if len(word) > 1 and word.lower() not in COMMON_WORDS
    }
    words |= {word.lower() for name in known for word in _WORD.findall(name) if len(word) > 1}
    found |= set(
        _again(text, words, {one.lower() for name in known for one in _WORD.findall(name)})
    )
    yield from _joined(text, sorted(found))


def _joined(text: str, pieces: list[tuple[int, int]]) -> Iterator[NameFound]:
    """Pieces that overlap, or have but a space between them, are one name; "CARTER, JOHN" too."""
    at = 0
    while at < len(pieces):
        begin, end = pieces[at]
        at += 1
        while at < len(pieces) and (
            pieces[at][0] <= end
            or text[end : pieces[at][0]] in (" ", ". ")
            or (text[end : pieces[at][0]] == ", " and " " not in text[begin:end])
        ):
            end = max(end, pieces[at][1])
            at += 1
        yield NameFound(begin, end)


def _kept(text: str, begin: int, end: int, *, sure: bool) -> Iterator[tuple[int, int]]:
    """A name without the ordinary words at its ends; nothing of an eponym."""
    words = [
        (begin + one.start(), begin + one.end()) for one in re.finditer(r"[^\s,]+", text[begin:end])
    ]
    plain = [_plain(text, *word) for word in words]
    while words and (plain[0] or (not sure and text[words[0][0]].islower())):
        words, plain = words[1:], plain[1:]
    # "Dr. Ann Lee Monday": what follows an ordinary word is not of the name.
    if True in plain:
        words = words[: plain.index(True)]
    if words and not is_eponym(text, words[0][0], words[-1][1]):
        yield words[0][0], words[-1][1]


def _plain(text: str, begin: int, end: int) -> bool:
    word = text[begin:end].strip(".,;:()'\"’").lower()
    return word in COMMON_WORDS or (len(word) > 1 and word in NOT_FAMILY_NAMES)


def _listed(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The first words of a part that are in the lists of names, whatever their case."""
    last = begin
    for word in re.finditer(_ANY, text[begin:end]):
        lower = word[0].lower()
        if lower in COMMON_WORDS or not _is_name(lower):
            break
        if last > begin and text[begin].isupper() and not word[0][0].isupper():
            break
        last = begin + word.end()
    if last > begin and not is_eponym(text, begin, last):
        yield begin, last


def _single_names(text: str) -> Iterator[tuple[int, int]]:
    """Capitalised given names amid sentences."""
    for match in _SENTENCE.finditer(text):
        lower = match["name"].lower()
        if (
            lower in _given()
            and lower not in COMMON_WORDS
            and lower not in EPONYMS
            and not match["name"].isupper()
            and not is_eponym(text, *match.span("name"))
        ):
            yield match.span("name")


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    """A given and a family name side by side in lower case or capitals."""
    words = list(_WORD.finditer(text))
    for first, second in pairwise(words):
        if text[first.end() : second.start()] not in (" ", ", "):
            continue
        a, b = first[0].lower(), second[0].lower()
        if text[first.end()] == ",":
            a, b = b, a
        if (
            min(len(a), len(b)) > 2
            and a in _given()
            and b.upper() in _family()
            and not {a, b} & COMMON_WORDS
            and a not in EPONYMS
            and b not in NOT_FAMILY_NAMES
            and not is_eponym(text, first.start(), second.end())
        ):
            yield first.start(), second.end()


def _again(text: str, words: set[str], known: set[str]) -> Iterator[tuple[int, int]]:
    """Wherever else a word of a found name stands: as a name is written, or in any case if it is
    not a word otherwise."""
    for match in _WORD.finditer(text):
        lower = match[0].lower().removesuffix("'s").removesuffix("’s")
        if lower not in words or is_eponym(text, match.start(), match.start() + len(lower)):
            continue
        if match[0][0].isupper() or (len(lower) > 2 and (lower in known or lower not in EPONYMS)):
            yield match.start(), match.start() + len(lower)


def _is_name(lower: str) -> bool:
    return lower in _given() or (len(lower) > 2 and lower.upper() in _family())


@cache
def _given() -> frozenset[str]:
    from probablepeople.gender import gender_names  # type: ignore[import-untyped]

    return frozenset(gender_names) - NOT_GIVEN_NAMES


@cache
def _family() -> dict[str, float]:
    from probablepeople.ratios import ratios  # type: ignore[import-untyped]

    names: dict[str, float] = ratios
    return names
