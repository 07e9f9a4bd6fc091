"""Questions about documents: listed, found by (the beginning of) an id, and their outputs."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from lineal.lineage.ledger import records_of_root
from lineal.lineage.metadata import DOCUMENT
from lineal.lineage.record import Artifact, parse_record

Form = Literal["original", "text", "json", "csv", "pdf"]
FORMS: tuple[Form, ...] = ("original", "text", "json", "csv", "pdf")

_FORM_OF_ROLE = {
    "text": "text", "result": "json", "csv": "csv", "pdf": "pdf", "analysis": "analysis",
}  # fmt: skip
"""What the outputs with these roles in lineage records are to a person."""


class UnknownDocument(LookupError):
    """No document has this id, or its beginning is not unique."""


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document with where it stands."""

    document_id: str
    name: str
    status: str
    stage: str
    reason: str | None
    owner: str | None
    owners: tuple[str, ...]
    labels: Mapping[str, str]
    pages: int | None
    arrivals: int
    media_type: str | None
    bytes: int | None
    registered: int
    """Microseconds since the Unix epoch, as ``updated``."""
    updated: int
    facts: Mapping[str, Any]


_SELECT = """
SELECT registry.document_id, registry.name, coalesce(operations.status, 'registered'),
    coalesce(operations.stage, 'register'), operations.reason,
    (SELECT json_group_array(owner) FROM
        (SELECT owner FROM ownership WHERE document_id = registry.document_id ORDER BY since)),
    (SELECT json_group_object(key, value) FROM labels WHERE document_id = registry.document_id),
    (SELECT count(*) FROM arrivals WHERE document_id = registry.document_id),
    registry.media_type, registry.bytes, registry.registered,
    coalesce(operations.updated, registry.registered), coalesce(operations.facts, '{}')
FROM registry LEFT JOIN operations ON operations.document_id = registry.document_id
"""


def list_documents(
    connection: sqlite3.Connection,
    *,
    status: str | None = None,
    owner: str | None = None,
    labels: Mapping[str, str] | None = None,
    limit: int | None = None,
) -> list[DocumentInfo]:
    """Documents, newest first."""
    clauses, values = ["1"], list[Any]()
    if status is not None:
        clauses.append("coalesce(operations.status, 'registered') = ?")
        values.append(status)
    if owner is not None:
        clauses.append(
            "EXISTS (SELECT 1 FROM ownership AS o "
            "WHERE o.document_id = registry.document_id AND o.owner = ?)"
        )
        values.append(owner)
    for key, value in (labels or {}).items():
        clauses.append(
            "EXISTS (SELECT 1 FROM labels AS l "
            "WHERE l.document_id = registry.document_id AND l.key = ? AND l.value = ?)"
        )
        values += [key, value]
    rows = connection.execute(
        f"{_SELECT} WHERE {' AND '.join(clauses)} "
        "ORDER BY registry.registered DESC, registry.document_id LIMIT ?",
        (*values, -1 if limit is None else limit),
    )
    return [_info(row) for row in rows]


def find_document(connection: sqlite3.Connection, wanted: str) -> DocumentInfo:
    """The document with this id, or with the only id that begins like this, or with this name.

    Raises:
        UnknownDocument: there is none, or more than one.
    """
    rows = connection.execute(
        f"{_SELECT} WHERE registry.document_id >= ? AND registry.document_id < ? LIMIT 2",
        (wanted, wanted + "\U0010ffff"),
    ).fetchall()
    if not rows:
        rows = connection.execute(
            f"{_SELECT} WHERE registry.name = ? LIMIT 2", (wanted,)
        ).fetchall()
    if not rows:
        raise UnknownDocument(f"no document {wanted!r}: `lineal documents` lists them")
    if len(rows) > 1:
        raise UnknownDocument(f"more than one document is meant by {wanted!r}: give more of the id")
    return _info(rows[0])


def find_form(connection: sqlite3.Connection, document_id: str, form: Form) -> Artifact | None:
    """The newest output of a document in one of the four forms (or the searchable PDF)."""
    return find_forms(connection, document_id).get(form)


def find_forms(connection: sqlite3.Connection, document_id: str) -> dict[str, Artifact]:
    """The newest output of a document in each form there is, and its ``analysis``.

    Found in the ledger by their roles, so each is there as soon as the step that made it is
    settled. A PDF whose text layer was good is its own searchable PDF.
    """
    found: dict[str, Artifact] = {}
    original = _registered_content(connection, document_id)
    for canonical in records_of_root(connection, DOCUMENT + document_id):
        record = parse_record(canonical)
        for item in record.inputs:
            if item.role == "content":
                original = item  # a later step knows its media type from the bytes themselves
        for item in record.outputs:
            form = _FORM_OF_ROLE.get(item.role)
            if form is not None:
                found[form] = item
    if original is not None:
        found["original"] = original
        if "text" in found and original.media_type == "application/pdf":
            found.setdefault("pdf", original)
    return found


def _registered_content(connection: sqlite3.Connection, document_id: str) -> Artifact | None:
    row = connection.execute(
        "SELECT sha256, media_type, bytes FROM registry WHERE document_id = ?", (document_id,)
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return Artifact(row[0], row[1], row[2], "content")


def _info(row: tuple[Any, ...]) -> DocumentInfo:
    owners = tuple(orjson.loads(row[5]))
    facts = orjson.loads(row[12])
    return DocumentInfo(
        document_id=row[0],
        name=row[1],
        status=row[2],
        stage=row[3],
        reason=row[4],
        owner=owners[0] if owners else None,
        owners=owners,
        labels=orjson.loads(row[6]),
        pages=facts.get("pages"),
        arrivals=row[7],
        media_type=facts.get("media_type", row[8]),
        bytes=row[9],
        registered=row[10],
        updated=row[11],
        facts=facts,
    )
