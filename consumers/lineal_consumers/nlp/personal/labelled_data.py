"""Personal data that only its label tells: dates of birth, passports, licences, tax ids and more.

The number alone looks like any other; with its label beside it, on the same line or the next, it is
what the label says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.entities.dates import DateRecognizer

_NUMBER_WORD = r"(?:[ \t]{0,2}(?:number|numbers|num|no|nr|nbr|n°|nº|nummer|numéro|número|#)\.?)?"
_GAP = (
    r"[ \t]{0,3}(?:\([^()\n]{0,20}\)[ \t]{0,2})?(?:is[ \t]|[:：=#.|-]){0,2}"
    r"[ \t]{0,30}\n?[ \t|]{0,30}"
)
_REACH = 48


class _Kind(NamedTuple):
    type: str
    label: re.Pattern[str]
    value: re.Pattern[str]
    digits: int
    """Fewest digits of a value."""


def _kind(type: str, label: str, value: str, digits: int) -> _Kind:
    pattern = rf"(?<![^\W_])(?:{label}){_NUMBER_WORD}(?![^\W_]){_GAP}"
    return _Kind(type, re.compile(pattern, re.IGNORECASE), re.compile(value), digits)


_CODE = r"(?=[A-Z0-9-]*\d)[A-Z0-9](?:[A-Z0-9]|-(?=[A-Z0-9])){%d,%d}(?![\w-])"
_GROUPED = r"[A-Z]{0,3}[ -]?\d(?:[ ./-]?[A-Z0-9]){4,18}(?!\w)"

_KINDS = (
    _kind(
        "PASSPORT",
        r"(?:travel|reise)?[ -]?passport|reise(?:pass)|passeport|pasaporte|passaporto|paspoort",
        _CODE % (5, 11), 3,
    ),
    _kind(
        "UK_NHS",
        r"nhs",
        r"\d{3}[ -]?\d{3}[ -]?\d{4}(?!\w)", 10,
    ),
    _kind(
        "DRIVER_LICENSE",
        r"driv(?:er|ing|ers|er['’]s)[ \t]{1,2}(?:licen[cs]e|permit)|dl|d\.l\.|führerschein"
        r"|permis de conduire|permiso de conducir|patente di guida|rijbewijs",
        _CODE % (4, 20) + r"|[A-Z]\d{3}(?:[ -]\d{3,4}){2,4}(?!\w)", 4,
    ),
    _kind(
        "TAX_ID",
        r"(?<!vat )(?<!ust-)(?:taxpayer|tax(?:payer)?)[ \t-]{0,2}(?:id(?:entification)?"
        r"|reference|file)(?:[ \t]{1,2}(?:id|code))?|itin|tin|utr|unique taxpayer reference"
        r"|steuer-?[ \t]?id(?:entifikationsnummer)?|steuernummer|identifikationsnummer"
        r"|num[ée]ro fiscal|spi|codice fiscale|nif|nie|cpf|bsn"
        r"|burgerservicenummer|pan(?= (?:no|number))",
        r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z](?!\w)|" + _GROUPED + "|" + _CODE % (6, 15), 6,
    ),
    _kind(
        "PATIENT_ID",
        r"(?:patient|medical record|hospital|chart|health record|case history)[ \t-]{0,2}"
        r"(?:id(?:entifier)?|number|no\.?|nr\.?|#|record)|mrn|m\.r\.n\.|patienten-?(?:nummer|nr|id)"
        r"|num[ée]ro de patient|n[uú]mero de paciente",
        r"[A-Z]{0,4}[ -]?\d(?:[./-]?[A-Z0-9]){2,15}(?!\w)", 3,
    ),
    _kind(
        "NATIONAL_ID",
        r"national insurance|ni(?= (?:no|number))|nino|national(?: identity| id)?(?: card)?"
        r"(?= (?:no|number|id))|identity card|id card|personalausweis|ausweis"
        r"|carte d['’]identit[ée]|dni|aadhaar|social insurance|sin(?= (?:no|number))"
        r"|sozialversicherung",
        r"[A-Z]{2}[ ]?\d{2}[ ]?\d{2}[ ]?\d{2}[ ]?[A-D](?!\w)|" + _GROUPED
        + "|" + _CODE % (6, 15), 6,
    ),
)  # fmt: skip

_BIRTH = re.compile(
    r"(?<![^\W_])(?:date of birth|birth[ \t-]?dates?|birthday|d\.?[ \t]?o\.?[ \t]?b\b\.?"
    r"|born(?: on)?|geburts(?:datum|tag)|geb(?:oren)?(?: am|\.)|date de naissance|née?(?: le)"
    r"|fecha de nacimiento|nacid[oa] el|data di nascita|nat[oa] il|geboortedatum"
    rf"|data de nascimento|生年月日|出生日期)(?![^\W_]){_GAP}",
    re.IGNORECASE,
)


def labelled_data(page: PageText) -> Iterator[Mention]:
    """``DATE_OF_BIRTH``, ``PASSPORT``, ``UK_NHS``, ``DRIVER_LICENSE``, ``TAX_ID``, ``PATIENT_ID``
    and ``NATIONAL_ID``."""
    yield from _births(page)
    for kind in _KINDS:
        for label in kind.label.finditer(page.text):
            found = kind.value.match(page.text, label.end())
            if found is None or sum(c.isdecimal() for c in found[0]) < kind.digits:
                continue
            key = re.sub(r"[ ./-]", "", found[0])
            confidence = _nhs_confidence(key) if kind.type == "UK_NHS" else 0.85
            yield Mention(kind.type, found.start(), found.end(), confidence, key, key)


def _births(page: PageText) -> Iterator[Mention]:
    dates = DateRecognizer()
    for label in _BIRTH.finditer(page.text):
        begin = label.end()
        near = PageText(
            page.text[begin : begin + _REACH], page.language, page.region, page.day_first
        )
        for date in dates.recognize(near):
            # A two-figure year needs its label before it to be read as one; here it is known.
            if date.begin <= 2:
                yield Mention(
                    "DATE_OF_BIRTH",
                    begin + date.begin,
                    begin + date.end,
                    max(date.confidence, 0.9),
                    date.key,
                    date.value,
                )
                break


def _nhs_confidence(number: str) -> float:
    """Surer where the check digit holds; where not it was misread or mistyped, and is one still."""
    from stdnum.gb import nhs

    return 0.98 if nhs.is_valid(number) else 0.7
