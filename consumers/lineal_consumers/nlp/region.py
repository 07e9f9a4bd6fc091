"""Guesses the country of a document from its text, for its order of day and month and its national
phone numbers."""

from __future__ import annotations

import re
from typing import NamedTuple

_SAMPLE = 100_000
"""Characters from the beginning that are looked at."""
_SIGNS: tuple[tuple[str, re.Pattern[str], int], ...] = (
    ("GB", re.compile(r"\b(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2})\b"), 2),
    ("GB", re.compile(r"\+44[ (\d]|£ ?\d|\bVAT (?:Reg(?:istration)?\.? )?(?:No\.? |Number )?:? ?GB"
                      r"|\bGB ?\d{3} ?\d{4} ?\d{2}\b|\b(?:United Kingdom|England|Scotland"
                      r"|Wales)\b"), 2),
    ("IE", re.compile(r"\+353[ (\d]|\bEircode\b|\b(?:Dublin|Ireland)\b"), 2),
    ("AU", re.compile(r"\+61[ (\d]|\bABN:? ?\d|\b(?:NSW|VIC|QLD) \d{4}\b|\bAustralia\b"), 2),
    ("NZ", re.compile(r"\+64[ (\d]|\bNew Zealand\b|\bNZBN\b"), 2),
    ("IN", re.compile(r"\+91[ -]?\d|\bGSTIN\b|₹ ?\d|\bIndia\b"), 2),
    ("ZA", re.compile(r"\+27[ (\d]|\bSouth Africa\b"), 2),
    ("SG", re.compile(r"\+65[ \d]|\bSingapore \d{6}\b"), 2),
    ("US", re.compile(r"\b(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]"
                      r"|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]) \d{5}(?:-\d{4})?\b"), 2),
    ("US", re.compile(r"\+1[ (-]?\d{3}|\(\d{3}\) \d{3}-\d{4}|\b(?:USA|U\.S\.A\."
                      r"|United States)\b"), 2),
    ("US", re.compile(r"(?<![A-Z])\$ ?\d"), 1),
)  # fmt: skip
_NUMERIC = re.compile(r"(?<![\w./-])(\d{1,2})([/-])(\d{1,2})\2(?:19|20)\d{2}(?![\w/-])")


class Region(NamedTuple):
    """Whose conventions count in a document."""

    country: str
    """ISO 3166."""
    day_first: bool | None
    """Whether 03/04/2026 is in April, by dates that can be read in one way only; None: the
    document has none, or of both kinds."""


def document_region(text: str, usual: str) -> Region:
    """The region of an English document.

    Args:
        usual: the country that counts where nothing speaks for another.
    """
    sample = text[:_SAMPLE]
    scores: dict[str, int] = {}
    for country, pattern, weight in _SIGNS:
        found = len(
            {match[0] for match, _ in zip(pattern.finditer(sample), range(20), strict=False)}
        )
        if found:
            scores[country] = scores.get(country, 0) + weight * min(found, 3)
    best = max(scores, key=lambda country: scores[country], default=usual)
    if scores.get(best, 0) < 2 or scores.get(best, 0) <= scores.get(usual, 0):
        best = usual
    return Region(best, _day_first(sample))


def _day_first(sample: str) -> bool | None:
    day_first = month_first = 0
    for match in _NUMERIC.finditer(sample):
        first, second = int(match[1]), int(match[3])
        day_first += 12 < first <= 31 and second <= 12
        month_first += 12 < second <= 31 and first <= 12
    if bool(day_first) == bool(month_first):
        return None
    return day_first > 0
