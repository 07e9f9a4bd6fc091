"""Lists documents and finds them by id, beginning of an id, or name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from lineal.erasure.erasures import Erasure, find_erasures
from lineal.errors import LinealError
from lineal.store.connection import Connection
from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.label_sources import LabelSource, sources_of_labels
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.visibility import visible_to


class UnknownDocument(LinealError, LookupError):
    """No document has this id, or its beginning is not unique."""


class ErasedDocument(UnknownDocument):
    """The document was erased."""

    def __init__(self, erasure: Erasure) -> None:
        self.erasure = erasure
        erased = datetime.fromtimestamp(erasure.erased / 1_000_000, UTC)
        super().__init__(
            f"{erasure.subject.removeprefix(DOCUMENT)} was erased on {erased:%Y-%m-%d %H:%M} UTC "
            f"by {erasure.actor}: {erasure.reason}"
        )


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document with its status."""

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
    attributes: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    """Its labels without a value."""
    label_sources: Mapping[str, LabelSource] = field(default_factory=dict)
    """What recognised a label, or who said it; of those of which that is kept."""

    def to_dict(self) -> dict[str, Any]:
        """As it is listed in JSON, by the command line and over HTTP."""
        return {
            "document_id": self.document_id,
            "name": self.name,
            "status": self.status,
            "reason": self.reason,
            "owner": self.owner,
            "labels": dict(self.labels),
            "tags": list(self.tags),
            "label_sources": {key: one.to_dict() for key, one in self.label_sources.items()},
            "pages": self.pages,
            "arrivals": self.arrivals,
        }


_SELECT = """
SELECT registry.document_id, registry.name, coalesce(operations.status, 'registered'),
    coalesce(operations.stage, 'register'), operations.reason,
    (SELECT count(*) FROM arrivals WHERE document_id = registry.document_id),
    registry.media_type, registry.bytes, registry.registered,
    coalesce(operations.updated, registry.registered), coalesce(operations.facts, '{}')
FROM registry LEFT JOIN operations ON operations.document_id = registry.document_id
"""
_QUERY_BATCH_SIZE = 500
_MAX_LISTED = 10
"""Ids in an error."""


def list_documents(
    connection: Connection,
    *,
    status: str | None = None,
    owner: str | None = None,
    labels: Mapping[str, str] | None = None,
    tags: Collection[str] = (),
    limit: int | None = None,
    names: Collection[str] | None = None,
) -> list[DocumentInfo]:
    """Documents, newest first.

    Args:
        names: those of who asks, to list only what they may see; None: an owner, who sees
            everything.
    """
    wanted = DocumentFilter(status=status, owner=owner, labels=labels or {}, tags=tuple(tags))
    clauses, values = wanted.conditions(names)
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    order = "ORDER BY registry.registered DESC, registry.document_id"
    if limit is not None:
        order += " LIMIT ?"
        values.append(limit)
    rows = connection.execute(f"{_SELECT} {where} {order}", values)
    return _infos(connection, rows.fetchall())


def documents_by_id(connection: Connection, ids: Sequence[str]) -> list[DocumentInfo]:
    """These documents, in this order; those that there are."""
    rows: dict[str, Sequence[Any]] = {}
    for begin in range(0, len(ids), _QUERY_BATCH_SIZE):
        asked = ids[begin : begin + _QUERY_BATCH_SIZE]
        marks = ", ".join("?" * len(asked))
        for row in connection.execute(f"{_SELECT} WHERE registry.document_id IN ({marks})", asked):
            rows[row[0]] = row
    return _infos(connection, [rows[wanted] for wanted in ids if wanted in rows])


def _visible(names: Collection[str] | None) -> tuple[str, list[str]]:
    return ("1 = 1", []) if names is None else visible_to("registry.document_id", names)


def find_document(
    connection: Connection, wanted: str, *, names: Collection[str] | None = None
) -> DocumentInfo:
    """The document with this id, or with the only id that begins like this, or that arrived under
    this name, the first or a later one.

    Args:
        names: those of who asks, who finds only what they may see; None: an owner.

    Raises:
        ErasedDocument: it was erased.
        UnknownDocument: there is none, or more than one; then it lists their ids.
    """
    visible, parameters = _visible(names)
    rows = connection.execute(
        f"{_SELECT} WHERE registry.document_id >= ? AND registry.document_id < ? "
        f"AND {visible} ORDER BY registry.document_id LIMIT ?",
        (wanted, wanted + "\U0010ffff", *parameters, _MAX_LISTED + 1),
    ).fetchall()
    if not rows:
        rows = connection.execute(
            f"{_SELECT} WHERE (registry.name = ? OR registry.document_id IN "
            f"(SELECT document_id FROM arrivals WHERE name = ?)) AND {visible} "
            "ORDER BY registry.registered DESC, registry.document_id LIMIT ?",
            (wanted, wanted, *parameters, _MAX_LISTED + 1),
        ).fetchall()
    if not rows:
        erasures = find_erasures(connection, DOCUMENT + wanted) if wanted else []
        if len(erasures) == 1:
            raise ErasedDocument(erasures[0])
        raise UnknownDocument(f"no document {wanted!r}: `lineal documents` lists them")
    if len(rows) > 1:
        ids = [str(row[0]) for row in rows]
        more = ", ..." if len(ids) > _MAX_LISTED else ""
        raise UnknownDocument(
            f"more than one document is meant by {wanted!r}: give one of their ids, the newest "
            f"first: {', '.join(ids[:_MAX_LISTED])}{more}"
        )
    return _infos(connection, rows)[0]


def is_visible_to(connection: Connection, document_id: str, names: Collection[str] | None) -> bool:
    """Whether somebody of these names may see a document; None: an owner."""
    visible, parameters = _visible(names)
    found = connection.execute(
        f"SELECT 1 FROM registry WHERE registry.document_id = ? AND {visible}",
        (document_id, *parameters),
    )
    return found.fetchone() is not None


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """Where a document arrived from."""

    source: str
    """Its URI."""
    name: str
    """The newest by which it arrived from there."""
    deleted: bool
    """Whether it is not there any more: it was deleted, or holds another document now."""

    def to_dict(self) -> dict[str, Any]:
        """As it is listed in JSON."""
        return {"source": self.source, "name": self.name, "deleted": self.deleted}


def sources_of(connection: Connection, document_id: str) -> list[DocumentSource]:
    """The sources of a document, in the order in which it first arrived from them."""
    rows = connection.execute(
        "SELECT arrivals.source, arrivals.name, withdrawn.event_id FROM arrivals "
        "LEFT JOIN withdrawn_arrivals AS withdrawn "
        "ON withdrawn.document_id = arrivals.document_id "
        "AND withdrawn.event_id = arrivals.event_id "
        "WHERE arrivals.document_id = ? ORDER BY arrivals.arrived, arrivals.event_id",
        (document_id,),
    )
    found: dict[str, DocumentSource] = {}
    for source, name, withdrawn in rows.fetchall():
        found[source] = DocumentSource(source, name, withdrawn is not None)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class RelatedDocument:
    """A document that is attached to another one, or has it attached."""

    document_id: str
    name: str
    status: str
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """As it is listed in JSON, by the command line and over HTTP."""
        return {
            "document_id": self.document_id,
            "name": self.name,
            "status": self.status,
            "reason": self.reason,
        }


def attachments_of(connection: Connection, document_id: str) -> list[RelatedDocument]:
    """The documents that are attached to a document, in the order in which they arrived."""
    return _related(connection, "document_id", "parent_id", document_id)


def parents_of(connection: Connection, document_id: str) -> list[RelatedDocument]:
    """The documents that a document is attached to: the same bytes may be in several."""
    return _related(connection, "parent_id", "document_id", document_id)


def tenant_of(connection: Connection, document_id: str) -> str:
    """The tenant that a document belongs to."""
    row = connection.execute(
        "SELECT tenant FROM registry WHERE document_id = ?", (document_id,)
    ).fetchone()
    return "default" if row is None else str(row[0])


def _related(
    connection: Connection, wanted: str, given: str, document_id: str
) -> list[RelatedDocument]:
    rows = connection.execute(
        f"SELECT attachments.{wanted}, coalesce(registry.name, ''), "
        "coalesce(operations.status, 'registered'), operations.reason FROM attachments "
        f"LEFT JOIN registry ON registry.document_id = attachments.{wanted} "
        f"LEFT JOIN operations ON operations.document_id = attachments.{wanted} "
        f"WHERE attachments.{given} = ? ORDER BY attachments.attached, attachments.{wanted}",
        (document_id,),
    )
    return [RelatedDocument(*row) for row in rows.fetchall()]


def _infos(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[DocumentInfo]:
    owners: dict[str, list[str]] = {}
    labels: dict[str, dict[str, str]] = {}
    sources: dict[str, dict[str, LabelSource]] = {}
    for begin in range(0, len(rows), _QUERY_BATCH_SIZE):
        asked = [row[0] for row in rows[begin : begin + _QUERY_BATCH_SIZE]]
        these = f"WHERE document_id IN ({', '.join('?' * len(asked))})"
        for document_id, owner in connection.execute(
            f"SELECT document_id, owner FROM ownership {these} ORDER BY since, owner", asked
        ):
            owners.setdefault(document_id, []).append(owner)
        for document_id, key, value in connection.execute(
            f"SELECT document_id, key, value FROM labels {these} ORDER BY key", asked
        ):
            labels.setdefault(document_id, {})[key] = value
        sources |= sources_of_labels(connection, asked)
    return [
        _info(row, owners.get(row[0], []), labels.get(row[0], {}), sources.get(row[0], {}))
        for row in rows
    ]


def _info(
    row: Sequence[Any],
    owners: Sequence[str],
    labels: Mapping[str, str],
    sources: Mapping[str, LabelSource],
) -> DocumentInfo:
    attributes = orjson.loads(row[10])
    return DocumentInfo(
        document_id=row[0],
        name=row[1],
        status=row[2],
        stage=row[3],
        reason=row[4],
        owner=owners[0] if owners else None,
        owners=tuple(owners),
        labels={key: value for key, value in labels.items() if value},
        pages=attributes.get("pages"),
        arrivals=row[5],
        media_type=attributes.get("media_type", row[6]),
        bytes=row[7],
        registered=row[8],
        updated=row[9],
        attributes=attributes,
        tags=tuple(key for key, value in labels.items() if not value),
        label_sources=sources,
    )
