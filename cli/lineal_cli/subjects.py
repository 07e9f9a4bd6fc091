"""What a person names: a document, or a subject of records."""

from __future__ import annotations

from lineal.lineage.ledger import records_of_subject
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import find_document


def find_subject(connection: Connection, wanted: str) -> str:
    """The subject of records that ``model:NAME``, ``order:ID``, or a document's id, beginning of
    its id, or name stands for.

    Raises:
        UnknownDocument: there is none.
    """
    kind, _, name = wanted.partition(":")
    if name and kind != "document" and records_of_subject(connection, wanted):
        return wanted
    found = find_document(connection, name if kind == "document" and name else wanted)
    return DOCUMENT + found.document_id
