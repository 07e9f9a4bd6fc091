"""Full-text search: one entry a page. How text is matched and ranked is the store's own: FTS5 in
SQLite, ``tsvector`` in Postgres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType

from lineal.store.connection import Connection
from lineal_catalog.search import postgres, sqlite
from lineal_catalog.search.pages import MARK_BEGIN, MARK_END, Hit, SearchPage

__all__ = ["MARK_BEGIN", "MARK_END", "Hit", "SearchPage", "replace_document", "search"]


def replace_document(
    connection: Connection,
    document_id: str,
    pages: Sequence[SearchPage],
    facets: Mapping[str, str],
) -> None:
    """Make these the only entries of a document."""
    _store(connection).index_pages(connection, document_id, pages)
    connection.execute("DELETE FROM search_facets WHERE document_id = ?", (document_id,))
    connection.executemany(
        "INSERT INTO search_facets VALUES (?, ?, ?)",
        [(document_id, key, value) for key, value in facets.items()],
    )


def search(
    connection: Connection,
    text: str,
    *,
    limit: int = 20,
    filters: Mapping[str, str] | None = None,
) -> list[Hit]:
    """The best pages for a query, best first.

    Words must all occur; ``"..."`` is a phrase, ``word*`` a prefix, AND, OR, NOT and parentheses
    combine. ``filters`` are facets (language, class, ...), labels, ``owner`` or ``name``; all must
    hold.
    """
    hits: list[Hit] = _store(connection).search_pages(connection, text, limit, filters or {})
    return hits


def _store(connection: Connection) -> ModuleType:
    return postgres if connection.dialect.name == "postgres" else sqlite
