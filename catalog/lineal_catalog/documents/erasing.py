"""Which documents an erasure is about: those that are named, and what is attached to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import attachments_of, list_documents, parents_of


class DocumentsToErase(NamedTuple):
    """Documents, and what is attached to them alone."""

    documents: tuple[str, ...]
    """Ids."""
    sources: tuple[str, ...]
    """URIs of where they came from."""
    attached_elsewhere: tuple[str, ...]
    """Ids of attachments that stay, since another document has them too."""
    owned_by_others: tuple[str, ...]
    """Ids of documents that stay, since they have another owner too."""
    unfinished: tuple[str, ...]
    """Ids of documents that are still being processed: what a step is making just now is written
    after they are erased."""

    @property
    def subjects(self) -> list[str]:
        return [DOCUMENT + document_id for document_id in self.documents]


def documents_to_erase(
    connection: Connection, named: Sequence[str], owner: str | None = None
) -> DocumentsToErase:
    """The documents with these ids, and those that belong to one owner alone, with their
    attachments."""
    chosen = dict.fromkeys(named)
    others = []
    for info in list_documents(connection, owner=owner) if owner is not None else ():
        if info.owners == (owner,):
            chosen[info.document_id] = None
        elif info.document_id not in chosen:
            others.append(info.document_id)
    kept: dict[str, None] = {}
    waiting = list(chosen)
    while waiting:
        for attached in attachments_of(connection, waiting.pop()):
            document_id = attached.document_id
            if document_id in chosen:
                continue
            if all(parent.document_id in chosen for parent in parents_of(connection, document_id)):
                chosen[document_id] = None
                kept.pop(document_id, None)
                waiting.append(document_id)
            else:
                kept[document_id] = None
    sources = {
        source: None
        for document_id in chosen
        for (source,) in connection.execute(
            "SELECT source FROM arrivals WHERE document_id = ?", (document_id,)
        ).fetchall()
    }
    return DocumentsToErase(
        tuple(chosen),
        tuple(sources),
        tuple(kept),
        tuple(item for item in others if item not in chosen),
        tuple(item for item in chosen if _is_unfinished(connection, item)),
    )


def _is_unfinished(connection: Connection, document_id: str) -> bool:
    row = connection.execute(
        "SELECT status FROM operations WHERE document_id = ?", (document_id,)
    ).fetchone()
    return row is not None and row[0] in ("registered", "processing")
