"""Lists of documents in parts: filtered, newest first, and counted by what they have in common."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from lineal.store.connection import Connection
from lineal_catalog.documents.document_filter import DocumentFilter
from lineal_catalog.documents.queries import DocumentInfo, documents_by_id

FACETS = ("class", "language", "media_type")
"""Keys of the search index that documents are counted by, beside their status."""
_MAX_VALUES = 12
"""Of a facet: the most frequent ones."""


class Place(NamedTuple):
    """A place in a list: behind this document."""

    registered: int
    document_id: str

    def __str__(self) -> str:
        return f"{self.registered}~{self.document_id}"

    @classmethod
    def parse(cls, text: str) -> Place | None:
        """What :meth:`__str__` wrote; None for anything else."""
        time, tilde, document_id = text.partition("~")
        if not tilde or not time.isascii() or not time.isdigit() or len(time) > 18:
            return None
        return cls(int(time), document_id)


class DocumentList(NamedTuple):
    """A part of a list."""

    documents: list[DocumentInfo]
    next: Place | None
    """Behind which document the list goes on; None at its end."""


class FacetCount(NamedTuple):
    """How many documents have a value."""

    value: str
    documents: int


def list_part(
    connection: Connection,
    wanted: DocumentFilter,
    *,
    behind: Place | None = None,
    limit: int = 50,
    names: Collection[str] | None = None,
) -> DocumentList:
    """Documents, newest first.

    Args:
        behind: where the part before ended.
        names: those of who asks; None: an owner, who sees everything.
    """
    clauses, values = wanted.conditions(names)
    source = _from(connection, by_time=not clauses)
    if behind is not None:
        clauses.append(
            "(registry.registered < ? OR (registry.registered = ? AND registry.document_id > ?))"
        )
        values += [behind.registered, behind.registered, behind.document_id]
    # Ids alone first: what is shown of a document costs more than finding it.
    rows = connection.execute(
        f"SELECT registry.document_id {source} {_where(clauses)} "
        "ORDER BY registry.registered DESC, registry.document_id LIMIT ?",
        (*values, limit + 1),
    ).fetchall()
    found = documents_by_id(connection, [row[0] for row in rows[:limit]])
    last = found[-1] if len(rows) > limit else None
    return DocumentList(found, None if last is None else Place(last.registered, last.document_id))


def count_documents(
    connection: Connection, wanted: DocumentFilter, *, names: Collection[str] | None = None
) -> int:
    """How many documents are meant."""
    clauses, values = wanted.conditions(names)
    row = connection.execute(
        f"SELECT count(*) {_from(connection)} {_where(clauses)}", values
    ).fetchone()
    return int(row[0])


def count_statuses(
    connection: Connection, wanted: DocumentFilter, *, names: Collection[str] | None = None
) -> list[FacetCount]:
    """How many of the documents that are meant have which status, the most frequent first."""
    clauses, values = wanted.conditions(names)
    if not clauses:
        return _count_all_statuses(connection)
    rows = connection.execute(
        f"SELECT coalesce(operations.status, 'registered'), count(*) {_from(connection)} "
        f"{_where(clauses)} GROUP BY 1 ORDER BY 2 DESC, 1",
        values,
    )
    return [FacetCount(*row) for row in rows.fetchall()]


def _count_all_statuses(connection: Connection) -> list[FacetCount]:
    """Of all documents: by the index of statuses alone, without looking at any document."""
    counts: dict[str, int] = dict(
        connection.execute("SELECT status, count(*) FROM operations GROUP BY status").fetchall()
    )
    (documents,) = connection.execute("SELECT count(*) FROM registry").fetchone()
    begun = sum(counts.values())
    if documents > begun:
        counts["registered"] = counts.get("registered", 0) + documents - begun
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [FacetCount(*item) for item in ordered]


def count_facets(
    connection: Connection, wanted: DocumentFilter, *, names: Collection[str] | None = None
) -> dict[str, list[FacetCount]]:
    """How many of the documents that are meant have which status, class, language, media type
    and tag; the most frequent values first."""
    clauses, values = wanted.conditions(names)
    counted = {"status": count_statuses(connection, wanted, names=names)}
    among = (
        f"AND document_id IN (SELECT registry.document_id {_from(connection)} {_where(clauses)})"
    )
    for key in FACETS:
        rows = connection.execute(
            "SELECT value, count(*) FROM search_facets "
            f"WHERE key = ? {among if clauses else ''} "
            "GROUP BY value ORDER BY 2 DESC, 1 LIMIT ?",
            (key, *values, _MAX_VALUES),
        )
        counted[key] = [FacetCount(*row) for row in rows.fetchall()]
    counted["tag"] = count_tags(connection, wanted, names=names, limit=_MAX_VALUES)
    return counted


def count_tags(
    connection: Connection,
    wanted: DocumentFilter,
    *,
    names: Collection[str] | None = None,
    limit: int | None = None,
) -> list[FacetCount]:
    """How many of the documents that are meant have which tag, the most frequent first."""
    clauses, values = wanted.conditions(names)
    among = (
        f"AND document_id IN (SELECT registry.document_id {_from(connection)} {_where(clauses)})"
    )
    most = [] if limit is None else [limit]
    rows = connection.execute(
        f"SELECT key, count(*) FROM labels WHERE value = '' {among if clauses else ''} "
        f"GROUP BY key ORDER BY 2 DESC, 1 {'LIMIT ?' if most else ''}",
        (*values, *most),
    )
    return [FacetCount(*row) for row in rows.fetchall()]


def _from(connection: Connection, *, by_time: bool = False) -> str:
    """The documents, each with what was done with it.

    Args:
        by_time: whether few of them are wanted by the index of times. Where most have to be looked
            at it would take ten times as long: their operations are in the order of their ids.
            SQLite, which keeps no figures of what its tables hold, does not see that by itself.
    """
    hint = "" if by_time or connection.dialect.name != "sqlite" else " NOT INDEXED"
    return (
        f"FROM registry{hint} LEFT JOIN operations ON operations.document_id = registry.document_id"
    )


def _where(clauses: list[str]) -> str:
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""
