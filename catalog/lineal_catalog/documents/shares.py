"""Whom the work on a document is for: its owner, so that each has a share of the workers."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT


def owner_of(connection: Connection, correlation_id: str) -> str | None:
    """The owner of a document, of several the first by name; None for what has none."""
    if not correlation_id.startswith(DOCUMENT):
        return None
    row = connection.execute(
        "SELECT MIN(owner) FROM ownership WHERE document_id = ?",
        (correlation_id.removeprefix(DOCUMENT),),
    ).fetchone()
    return None if row is None else row[0]
