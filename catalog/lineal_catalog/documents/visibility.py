"""Who may see a document, by the access lists of its sources, and what is found by searching after
its sources were deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from lineal.store.connection import Connection

SOURCE_READERS = """
CREATE TABLE source_readers (
    document_id TEXT NOT NULL,
    source TEXT NOT NULL,
    reader TEXT NOT NULL,
    PRIMARY KEY (document_id, source, reader)
) WITHOUT ROWID;
"""
"""A source without rows is open to all readers; one with an access list has the row of the empty
name, and one for each who may see it."""
WITHDRAWN_ARRIVALS = """
CREATE TABLE withdrawn_arrivals (
    document_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    hides INTEGER NOT NULL,
    PRIMARY KEY (document_id, event_id)
) WITHOUT ROWID;
"""

_ATTACHED = "document:"
"""Begins the source of an attachment: who may see it is decided by the documents around it."""


def restrict_source(
    connection: Connection, document_id: str, source: str, readers: Sequence[str] | None
) -> None:
    """Make this the access list of a source of a document; None for no list."""
    connection.execute(
        "DELETE FROM source_readers WHERE document_id = ? AND source = ?", (document_id, source)
    )
    if readers is not None:
        connection.executemany(
            "INSERT INTO source_readers VALUES (?, ?, ?)",
            [(document_id, source, reader) for reader in sorted({"", *readers})],
        )


def withdraw_arrivals(
    connection: Connection, document_id: str, deletion: Mapping[str, Any]
) -> None:
    """Note that the source of a document was deleted: of the arrival that the deletion names, and
    of those from the same source before it."""
    if not deletion:
        return  # erased since
    named, hides = deletion["arrival"], int(deletion.get("hides", False))
    earlier = connection.execute(
        "SELECT older.event_id FROM arrivals AS older JOIN arrivals AS named "
        "ON named.document_id = older.document_id AND named.event_id = ? "
        "WHERE older.document_id = ? AND older.source = ? AND older.arrived <= named.arrived",
        (named, document_id, deletion["source"]),
    ).fetchall()
    withdrawn = sorted({named, *(event_id for (event_id,) in earlier)})
    connection.executemany(
        "INSERT INTO withdrawn_arrivals VALUES (?, ?, ?) "
        "ON CONFLICT (document_id, event_id) DO UPDATE SET hides = excluded.hides",
        [(document_id, event_id, hides) for event_id in withdrawn],
    )


def not_hidden(document: str) -> str:
    """A condition: the document has a source that was not deleted, or none of those that were
    hides it. ``document`` is the column with its id."""
    return (
        "(NOT EXISTS (SELECT 1 FROM withdrawn_arrivals AS w "
        f"WHERE w.document_id = {document} AND w.hides = 1) "
        f"OR EXISTS (SELECT 1 FROM arrivals AS a WHERE a.document_id = {document} "
        "AND NOT EXISTS (SELECT 1 FROM withdrawn_arrivals AS w "
        "WHERE w.document_id = a.document_id AND w.event_id = a.event_id)))"
    )


def visible_to(document: str, names: Collection[str]) -> tuple[str, list[str]]:
    """A condition and its parameters: somebody of these names may see the document. They own it,
    or a source of it, or of a document that it is attached to, is open or lists one of them."""
    marks = ", ".join("?" * len(names))
    condition = (
        f"EXISTS (WITH RECURSIVE around (id) AS (SELECT {document} UNION "
        "SELECT t.parent_id FROM attachments AS t JOIN around ON t.document_id = around.id) "
        "SELECT 1 FROM around WHERE EXISTS (SELECT 1 FROM ownership AS o "
        f"WHERE o.document_id = around.id AND o.owner IN ({marks})) "
        "OR EXISTS (SELECT 1 FROM arrivals AS a WHERE a.document_id = around.id "
        f"AND substr(a.source, 1, {len(_ATTACHED)}) <> '{_ATTACHED}' "
        "AND (NOT EXISTS (SELECT 1 FROM source_readers AS r "
        "WHERE r.document_id = a.document_id AND r.source = a.source) "
        "OR EXISTS (SELECT 1 FROM source_readers AS r WHERE r.document_id = a.document_id "
        f"AND r.source = a.source AND r.reader IN ({marks})))))"
    )
    return condition, [*names, *names]
