"""Recognises social security numbers (US), IBANs and payment card numbers.

Only numbers whose checksum or structure holds (python-stdnum) are reported; one that merely looks
the part is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lineal_consumers.nlp.engines import Mention, PageText
from lineal_consumers.nlp.personal.labelled_data import labelled_data
from lineal_consumers.nlp.surroundings import NOT_PERSONAL, before

_SSN = re.compile(r"(?<![\w./-])(\d{3})([- ]?)(\d{2})\2(\d{4})(?![\w/-]|\.\d)")
_SSN_WORDS = re.compile(r"\bssn\b|\bs\.s\.n|social\s+security|\bsoc\.?\s+sec|\btax(?:payer)?\s+id")

_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,40}+")

_CARD = re.compile(r"(?<![\w.+#/-])(?<!\d )\d(?:[ -]?\d){12,18}(?![\w/-]|\.\d| \d)")
_CARD_WORDS = re.compile(
    r"\bcards?\b|\bvisa\b|master\s?card|\bamex\b|american\s+express|\bcredit\b|\bdebit\b|\bpan\b"
    r"|karten?nummer|kreditkarte|\bcarte\b|tarjeta"
)
# Issuer ranges with the lengths they have (ISO/IEC 7812); 13-digit Visa numbers are left out: none
# has been issued for decades, but every German article number (EAN 400 to 440) looks like one.
_ISSUERS = (
    (re.compile(r"4"), (16, 19)),
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(r"3[47]"), (15,)),
    (re.compile(r"6011|64[4-9]|65"), (16, 19)),
    (re.compile(r"3(?:0[0-5]|[689])"), (14,)),
    (re.compile(r"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(r"62"), (16, 17, 18, 19)),
)
_CARD_GROUPS = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 4, 2)}


class NumberRecognizer:
    """``US_SSN``, ``IBAN``, ``CREDIT_CARD``, and what its label tells (:mod:`labelled_data`)."""

    def recognize(self, page: PageText) -> Iterator[Mention]:
        yield from _social_security_numbers(page.text)
        yield from _ibans(page.text)
        yield from _cards(page.text)
        yield from labelled_data(page)


def _social_security_numbers(text: str) -> Iterator[Mention]:
    from stdnum.us import ssn

    for match in _SSN.finditer(text):
        number = f"{match[1]}-{match[3]}-{match[4]}"
        context = before(text, match.start())
        announced = _SSN_WORDS.search(context) is not None
        # Without hyphens it is any nine digits (a ZIP+4, an account): its label must say so.
        if not announced and (match[2] != "-" or NOT_PERSONAL.search(context)):
            continue
        if ssn.is_valid(number):
            yield Mention(
                "US_SSN", match.start(), match.end(), 0.95 if announced else 0.8, number, number
            )


def _ibans(text: str) -> Iterator[Mention]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        # The pattern may have taken in a following word: the longest valid part ending at a gap.
        candidate = match[0]
        while len(candidate) >= 15:
            compact = candidate.replace(" ", "")
            end = match.start() + len(candidate)
            whole = not text[end : end + 1].isalnum()
            if whole and len(compact) <= 34 and iban.is_valid(compact):
                yield Mention("IBAN", match.start(), end, 0.98, compact, compact)
                break
            candidate = candidate.rpartition(" ")[0]


def _cards(text: str) -> Iterator[Mention]:
    from stdnum import luhn

    for match in _CARD.finditer(text):
        groups = tuple(len(group) for group in re.split("[ -]", match[0]))
        if len(groups) > 1 and groups not in _CARD_GROUPS:
            continue
        number = match[0].replace(" ", "").replace("-", "")
        if not _issued(number) or not luhn.is_valid(number):
            continue
        context = before(text, match.start())
        announced = _CARD_WORDS.search(context) is not None
        if not announced and NOT_PERSONAL.search(context):
            continue
        confidence = 0.98 if announced else 0.9 if len(groups) > 1 else 0.7
        yield Mention("CREDIT_CARD", match.start(), match.end(), confidence, number, number)


def _issued(number: str) -> bool:
    if len(set(number)) == 1:
        return False
    return any(len(number) in lengths and prefix.match(number) for prefix, lengths in _ISSUERS)
