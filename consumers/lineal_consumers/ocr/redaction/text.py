"""Redacts texts and tables of values by masks or pseudonyms."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from lineal_consumers.ocr.parsers.decoding import decode
from lineal_consumers.ocr.redaction.pages import NotRedacted
from lineal_consumers.ocr.redaction.places import Places, left_over, term_pattern, tokens, undivided
from lineal_schemas.results import TextResult

PLAIN = frozenset({"text/plain", "text/csv", "text/tab-separated-values", "text/markdown"})
"""Files that are text themselves: their copies are files of the same kind."""
_BETWEEN_CELLS = re.compile(r'([,;|"\t\r\n]+)')
_MASK = "\N{FULL BLOCK}"


def redact_text(
    path: str, media_type: str, result: TextResult, places: Places, *, pseudonyms: bool
) -> tuple[bytes, str]:
    """The copy as UTF-8, and its media type; of what is no text itself, its text.

    Raises:
        NotRedacted: it has no pages for boxes, or something would be left.
    """
    if places.boxes and not places.spans:
        raise NotRedacted("it has no pages: name words, fields or types instead of boxes")
    kinds = {result.text[span.begin : span.end].casefold(): span.what for span in places.spans}
    replace = _Pseudonyms(kinds) if pseudonyms else _masked
    if media_type in PLAIN:
        source, _ = decode(Path(path).read_bytes())
    else:
        media_type = "text/plain"
        source = _by_spans(result, places, replace)
    for term in sorted(places.terms, key=len, reverse=True):
        pattern = term_pattern(term)
        if pattern is not None:
            source = pattern.sub(lambda found: _in_cells(found[0], replace), source)
    if any(left_over(places.terms, tokens(text)) for text in (source, undivided(source))):
        raise NotRedacted("the text still holds what is to be redacted")
    return source.encode(), media_type


def _in_cells(text: str, replace: Callable[[str], str]) -> str:
    """What is divided between cells of a table is replaced in each, so that there are as many."""
    return "".join(
        part if number % 2 else replace(part) if part.strip() else part
        for number, part in enumerate(_BETWEEN_CELLS.split(text))
    )


def _by_spans(result: TextResult, places: Places, replace: Callable[[str], str]) -> str:
    pieces, at = [], 0
    for span in places.spans:
        pieces += [result.text[at : span.begin], replace(result.text[span.begin : span.end])]
        at = span.end
    return "".join([*pieces, result.text[at:]])


def _masked(text: str) -> str:
    return re.sub(r"\S", _MASK, text)


class _Pseudonyms:
    """Gives each text one name throughout a document: ``[PERSON-1]``."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self._kinds = kinds
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        known = " ".join(text.casefold().split())
        if known not in self._names:
            kind = self._kinds.get(text.casefold(), "TEXT")
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[known] = f"[{kind}-{self._counts[kind]}]"
        return self._names[known]
