"""The status of a document that was put."""

from __future__ import annotations

from typing import NamedTuple

from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.queries import attachments_of
from lineal_cli.outcomes import DONE
from lineal_producers.arrival import Arrival


class DocumentStatus(NamedTuple):
    """The status of a document that was put."""

    document_id: str
    name: str
    status: str
    reason: str | None
    stage: str
    done: bool
    """Whether this arrival has been handled, and the document and all that is known to be attached
    to it are indexed, rejected or failed."""


async def document_status(runtime: Runtime, arrival: Arrival) -> DocumentStatus:
    """The status, now, of the document of an arrival."""
    return await runtime.store.read(lambda connection: _document_status(connection, arrival))


def _document_status(connection: Connection, arrival: Arrival) -> DocumentStatus:
    row = connection.execute(
        "SELECT status, reason, stage FROM operations WHERE document_id = ?",
        (arrival.document_id,),
    ).fetchone()
    if row is None:
        return DocumentStatus(
            arrival.document_id, arrival.name, "registered", None, "register", False
        )
    status, reason, stage = row
    handled = connection.execute(
        "SELECT 1 FROM arrivals WHERE document_id = ? AND event_id = ?",
        (arrival.document_id, arrival.event_id),
    ).fetchone()
    done = status in DONE and (handled is not None or status == "failed")
    done = done and _attachments_done(connection, arrival.document_id)
    return DocumentStatus(arrival.document_id, arrival.name, status, reason, stage, done)


def _attachments_done(connection: Connection, document_id: str) -> bool:
    reached, waiting = {document_id}, [document_id]
    while waiting:
        for attached in attachments_of(connection, waiting.pop()):
            if attached.status not in DONE:
                return False
            if attached.document_id not in reached:
                reached.add(attached.document_id)
                waiting.append(attached.document_id)
    return True
