"""Full-text search: one entry a page. How text is matched and ranked is the store's own: FTS5 in
SQLite, ``tsvector`` in Postgres.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import ModuleType

from lineal.store.connection import Connection
from lineal_catalog.search import postgres, sqlite
from lineal_catalog.search.pages import MARK_BEGIN, MARK_END, Hit, SearchPage, spans

__all__ = [
    "FIELD", "MARK_BEGIN", "MARK_END", "Hit", "SearchPage", "differing_words", "indexed_spans",
    "replace_document", "replace_field_facets", "search", "spans_to_index",
]  # fmt: skip

FIELD = "field."
"""What the facets of fields begin with: ``field.number``."""


def replace_document(
    connection: Connection,
    document_id: str,
    pages: Sequence[SearchPage],
    facets: Mapping[str, str],
) -> None:
    """Make these the only entries of a document; without any, the values of its fields go too."""
    _store(connection).index_pages(connection, document_id, pages)
    if pages or facets:
        # Those of fields come from another event, before or after this one.
        connection.execute(
            "DELETE FROM search_facets WHERE document_id = ? AND key NOT LIKE ?",
            (document_id, f"{FIELD}%"),
        )
    else:
        connection.execute("DELETE FROM search_facets WHERE document_id = ?", (document_id,))
    connection.executemany(
        "INSERT INTO search_facets VALUES (?, ?, ?)",
        [(document_id, key, value) for key, value in facets.items()],
    )


def replace_field_facets(
    connection: Connection, document_id: str, values: Mapping[str, str]
) -> None:
    """Make these the only values of fields that a document is found by."""
    connection.execute(
        "DELETE FROM search_facets WHERE document_id = ? AND key LIKE ?",
        (document_id, f"{FIELD}%"),
    )
    connection.executemany(
        "INSERT INTO search_facets VALUES (?, ?, ?)",
        [(document_id, f"{FIELD}{name}", value) for name, value in values.items()],
    )


def spans_to_index(connection: Connection, pages: Sequence[SearchPage]) -> list[tuple[int, str]]:
    """The entries of pages as this store keeps them: number of the page, text."""
    return [
        (page.number, _store(connection).stored_text(span))
        for page in pages
        for span in spans(page.text)
    ]


def indexed_spans(connection: Connection, document_id: str) -> list[tuple[int, str]]:
    """The entries of a document, in their order: number of the page, text."""
    key = _store(connection).ENTRY_COLUMN
    rows = connection.execute(
        "SELECT entry.page, found.text FROM search_entries AS entry LEFT JOIN search_text AS found "
        f"ON found.{key} = entry.id WHERE entry.document_id = ? ORDER BY entry.id",
        (document_id,),
    )
    return [(page, text) for page, text in rows]


def differing_words(connection: Connection) -> Iterator[str]:
    """What is wrong with the words that texts are found by, compared with the texts."""
    found: Iterator[str] = _store(connection).differing_words(connection)
    return found


def search(
    connection: Connection,
    text: str,
    *,
    limit: int = 20,
    filters: Mapping[str, str] | None = None,
    names: Collection[str] | None = None,
) -> list[Hit]:
    """The best pages for a query, best first.

    Words must all occur; ``"..."`` is a phrase, ``word*`` a prefix, AND, OR, NOT and parentheses
    combine. ``filters`` are facets (language, class, ...), labels, ``owner`` or ``name``; all must
    hold. ``names`` are those of who asks: only what they may see is found; None is an owner, who
    sees everything.
    """
    hits: list[Hit] = _store(connection).search_pages(connection, text, limit, filters or {}, names)
    return hits


def _store(connection: Connection) -> ModuleType:
    return postgres if connection.dialect.name == "postgres" else sqlite
