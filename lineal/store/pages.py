"""What goes into the search index, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MARK_BEGIN, MARK_END = "\x02", "\x03"
"""Around the hits in a snippet; control characters, so that no text can be taken for them."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a document as the index holds it."""

    number: int
    """From 1, within the document."""
    text: str


class Hit(NamedTuple):
    """A page that answers a query."""

    document_id: str
    name: str
    page: int
    score: float
    """Higher is better; comparable within one answer only."""
    snippet: str
