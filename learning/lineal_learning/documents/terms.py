"""What a class of documents is known by: words, and where on the page they stand.

Terms are texts that are counted. Words are runs of two or more letters or digits of the
NFKC-normalised, lower-case text. Of pages whose words have places there are three kinds more, which
no word can be mistaken for: ``#word`` (and ``#two words``) in a heading, ``^two words`` at the
beginning of a line or of a column, ``word@0`` to ``word@2`` in the upper, middle or lower third of
the first page.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple
from unicodedata import normalize

import orjson

TOKEN = r"(?u)[^\W_]{2,}"  # noqa: S105
"""What a word is, as a regular expression."""
MAX_CHARACTERS = 200_000
"""Of a document; what follows says little about its class."""
_GZIP = b"\x1f\x8b"
_PAGE_SEPARATOR = "\f"
_LAYOUT_PAGES = 3
_HEADING_HEIGHT = 1.25
"""Of the median height of a line: higher ones are headings."""
_TOP = 0.25
"""Of the page: short lines there are headings too."""
_SHORT_LINE = 6
_COLUMN_GAP = 2.0
"""Heights of a line between two words: wider gaps begin another column."""


class PlacedWord(NamedTuple):
    """A word on a page, in fractions of the page from its top left."""

    text: str
    left: float
    top: float
    width: float
    height: float
    line: int


class ReadPage(NamedTuple):
    """A page that was read; without words where they have no places."""

    text: str
    words: tuple[PlacedWord, ...] = ()


class ReadDocument(NamedTuple):
    """What is known of a document's pages."""

    pages: tuple[ReadPage, ...]

    @property
    def text(self) -> str:
        """All of it, pages separated by form feeds."""
        return _PAGE_SEPARATOR.join(page.text for page in self.pages)


def read_document(data: bytes) -> ReadDocument:
    """The pages of a stored reading (gzipped JSON of a ``TextResult``), or of a plain text.

    Raises:
        ValueError: it is neither.
    """
    if not data.startswith(_GZIP):
        return text_document(data.decode())
    try:
        # Not by way of the model: checking each word would take longer than all else.
        result = orjson.loads(gzip.decompress(data))
        return ReadDocument(tuple(_page(result["text"], page) for page in result["pages"]))
    except (EOFError, OSError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not a reading of a document: {error!r}") from error


def text_document(text: str) -> ReadDocument:
    """The pages of a text."""
    return ReadDocument(tuple(ReadPage(page) for page in text.split(_PAGE_SEPARATOR)))


def _page(text: str, page: dict[str, Any]) -> ReadPage:
    words = page["words"] if page["width"] else ()
    return ReadPage(
        text[page["begin"] : page["end"]],
        tuple(PlacedWord(text[word[0] : word[1]], *word[3:8]) for word in words),
    )


def words_of(text: str, max_ngram: int = 1, token: str = TOKEN) -> list[str]:
    """The words of a text in their order, and then, where wanted, neighbours together."""
    words = re.findall(token, normalize("NFKC", text).lower())
    terms = list(words)
    for size in range(2, max_ngram + 1):
        terms += [" ".join(words[at : at + size]) for at in range(len(words) - size + 1)]
    return terms


def terms_of(document: ReadDocument, max_ngram: int = 1, *, layout: bool = True) -> list[str]:
    """All terms of a document, as often as they are there.

    Args:
        layout: whether those that say where a word stands are among them.
    """
    terms = words_of(document.text[:MAX_CHARACTERS], max_ngram)
    if layout:
        for number, page in enumerate(document.pages[:_LAYOUT_PAGES]):
            terms += _layout_terms(page.words, first=number == 0)
    return terms


def is_layout_term(term: str) -> bool:
    """Whether a term says where a word stands."""
    return term[0] in "#^" or "@" in term


def lines_of(words: Sequence[PlacedWord]) -> list[list[PlacedWord]]:
    """The lines of a page, cut where a column ends."""
    lines: list[list[PlacedWord]] = []
    before: PlacedWord | None = None
    for word in words:
        same = before is not None and before.line == word.line
        if same and before is not None:
            gap = word.left - before.left - before.width
            # Widths are of the page's width and heights of its height: about 1 to 1.4.
            same = gap < _COLUMN_GAP * word.height * 1.4
        if same:
            lines[-1].append(word)
        else:
            lines.append([word])
        before = word
    return lines


def _layout_terms(words: Sequence[PlacedWord], *, first: bool) -> list[str]:
    lines = lines_of(words)
    if not lines:
        return []
    usual = median(line[0].height for line in lines)
    terms: list[str] = []
    for line in lines:
        tokens = words_of(" ".join(word.text for word in line))
        if not tokens:
            continue
        terms.append("^" + " ".join(tokens[:2]))
        head = line[0]
        short = first and head.top < _TOP and len(tokens) <= _SHORT_LINE
        if short or head.height > _HEADING_HEIGHT * usual:
            terms += [f"#{token}" for token in tokens]
            terms += [f"#{one} {two}" for one, two in pairwise(tokens)]
        if first:
            third = min(2, int(3 * head.top))
            terms += [f"{token}@{third}" for token in tokens]
    return terms
