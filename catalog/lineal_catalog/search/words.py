"""A text's words as FTS5 sees them (``unicode61 remove_diacritics 2``), so that a search finds the
same pages in every store: letters and digits in a row, without case and without diacritics.

Made here and not by Postgres: its own parser takes URLs, paths and numbers with a sign for words,
and its extension ``unaccent`` is not for everybody to create.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_DIACRITICS = "\u0300-\u036f"
_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{_DIACRITICS}])*")
_DIACRITIC = re.compile(f"[{_DIACRITICS}]")
_LONGEST = 500
"""In characters, well below the 2,046 bytes that a lexeme may have. What is longer is cut."""


class Word(NamedTuple):
    """A word in a text."""

    lexeme: str
    begin: int
    end: int


def words(text: str) -> Iterator[Word]:
    """The words with where they stand."""
    for match in _WORD.finditer(text):
        yield Word(folded(match[0]), match.start(), match.end())


@lru_cache(maxsize=65_536)
def folded(word: str) -> str:
    """A word as it is compared."""
    word = word[:_LONGEST]
    if word.isascii():
        return word.lower()
    bare = _DIACRITIC.sub("", unicodedata.normalize("NFD", word.casefold()))
    return unicodedata.normalize("NFC", bare)[:_LONGEST]


def lexemes(text: str) -> list[str]:
    """The words as they are compared, in order."""
    return [folded(word) for word in _WORD.findall(text)]
