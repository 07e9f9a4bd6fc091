"""What a person names: a document, or a subject of records."""

from __future__ import annotations

from lineal.lineage.ledger import all_steps, records_of_subject
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
        if (subject := _subject_of_event(connection, wanted)) is None:
            raise
        return subject
    return DOCUMENT + found.document_id


def _subject_of_event(connection: Connection, event_id: str) -> str | None:
    """The subjects of the steps that emitted or handled an event. Every record is looked at: events
    are not in the ledger's index."""
    for step in all_steps(connection):
        if event_id in step.events_in or event_id in step.events_out:
            return step.subject
    return None
