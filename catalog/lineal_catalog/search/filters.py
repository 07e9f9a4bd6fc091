"""Filters of a search: facets, labels, owner, name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lineal.store.connection import Connection
from lineal_catalog.documents.visibility import not_hidden, visible_to


def filter_clauses(
    filters: Mapping[str, str], names: Collection[str] | None
) -> tuple[str, list[str]]:
    """Conditions on the table ``entry`` (each begins with AND), and their parameters.

    Args:
        names: those of who asks; None: an owner, who sees everything.
    """
    clauses, values = f"AND {not_hidden('entry.document_id')} ", list[str]()
    if names is not None:
        visible, values = visible_to("entry.document_id", names)
        clauses += f"AND {visible} "
    for key, value in filters.items():
        if key == "owner":
            clauses += (
                "AND EXISTS (SELECT 1 FROM ownership AS o "
                "WHERE o.document_id = entry.document_id AND o.owner = ?) "
            )
            values.append(value)
        elif key == "name":
            clauses += (
                "AND EXISTS (SELECT 1 FROM arrivals AS a "
                "WHERE a.document_id = entry.document_id AND a.name = ?) "
            )
            values.append(value)
        elif key == "tag":
            clauses += (
                "AND EXISTS (SELECT 1 FROM labels AS l "
                "WHERE l.document_id = entry.document_id AND l.key = ? AND l.value = '') "
            )
            values.append(value)
        else:
            clauses += (
                "AND (EXISTS (SELECT 1 FROM search_facets AS f WHERE "
                "f.document_id = entry.document_id AND f.key = ? AND f.value = ?) "
                "OR EXISTS (SELECT 1 FROM labels AS l WHERE "
                "l.document_id = entry.document_id AND l.key = ? AND l.value = ?)) "
            )
            values += [key, value, key, value]
    return clauses, values


def document_name(connection: Connection, document_id: str) -> str:
    """The name of a document; empty when it is not registered."""
    row = connection.execute(
        "SELECT name FROM registry WHERE document_id = ?", (document_id,)
    ).fetchone()
    return row[0] if row is not None else ""
