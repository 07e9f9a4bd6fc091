"""What a person names: a document, or a subject of records."""

from __future__ import annotations

from lineal.lineage.ledger import records_of_subject, steps_of_event
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import ErasedDocument, UnknownDocument, find_document


def find_subject(connection: Connection, wanted: str) -> str:
    """The subject of records that ``model:NAME``, ``order:ID``, the id of an event, or a document's
    id, beginning of its id, or name stands for.

    Raises:
        UnknownDocument: there is none.
    """
    kind, _, name = wanted.partition(":")
    if name and kind != "document" and records_of_subject(connection, wanted):
        return wanted
    try:
        found = find_document(connection, name if kind == "document" and name else wanted)
    except ErasedDocument as error:
        return error.erasure.subject
    except UnknownDocument:
        steps = steps_of_event(connection, wanted)
        if not steps:
            raise
        return steps[0].subject
    return DOCUMENT + found.document_id
