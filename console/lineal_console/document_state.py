"""What is known of a document at present: whether a page that shows it is up to date."""

from __future__ import annotations

import hashlib

from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import UnknownDocument, find_document
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.reviews.queries import Filter, ReviewItem, list_reviews, places_of
from lineal_schemas.envelope import now_us


def document_state(document_id: str, names: tuple[str, ...] | None, connection: Connection) -> str:
    """A text that is another one when something else is known of a document.

    Args:
        names: of who asks; None: they may see everything.
    """
    try:
        info = find_document(connection, document_id, names=names)
    except UnknownDocument:
        return "gone"
    forms = find_renditions(connection, document_id)
    waiting = waiting_reviews(connection, document_id, names)
    shown = (info.to_dict(), info.attributes, sorted((name, a.sha256) for name, a in forms.items()),
             [item.item_id for item, _ in waiting])  # fmt: skip
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def waiting_reviews(
    connection: Connection, document_id: str, names: tuple[str, ...] | None
) -> list[tuple[ReviewItem, list[str]]]:
    """What people are asked about a document, with what was found at the places to look at."""
    items = list_reviews(
        connection, now=now_us(), wanted=Filter(subject=DOCUMENT + document_id), names=names
    )
    return [(item, [place.reason for place in places_of(connection, item)]) for item in items]
