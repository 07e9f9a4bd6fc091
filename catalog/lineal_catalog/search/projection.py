"""The projection of the search index, and how it is copied to another store.

Its entries are effects of steps: `lineal rebuild` leaves them, a replay of the stage writes them
again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lineal.lineage.projections import Projection
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore, reference
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.renditions import find_renditions
from lineal_catalog.search.entries import FIELD, replace_document, replace_field_facets
from lineal_catalog.search.page_split import pages_to_index


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    """Index each document's text again: every store has an index of its own kind."""
    indexed = await source.read(_facets)
    there = await target.read(_facets)
    for document_id, facets in indexed.items():
        if there.get(document_id) == facets:
            continue
        found = await source.read(partial(find_renditions, document_id=document_id))
        text = found.get("text")
        if text is None:
            continue
        ref = reference(text.sha256, text.bytes, text.media_type)
        pages = pages_to_index((await objects.get(ref)).decode())
        own = {key: value for key, value in facets.items() if not key.startswith(FIELD)}
        write = partial(replace_document, document_id=document_id, pages=pages, facets=own)
        await target.write(write)
        fields = {
            key.removeprefix(FIELD): value for key, value in facets.items() if key.startswith(FIELD)
        }
        await target.write(partial(replace_field_facets, document_id=document_id, values=fields))
        progress(1)


def _facets(connection: Connection) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for document_id, key, value in connection.execute(
        "SELECT document_id, key, value FROM search_facets"
    ):
        found.setdefault(document_id, {})[key] = value
    return found


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    if not subject.startswith(DOCUMENT):
        return 0
    document_id = subject.removeprefix(DOCUMENT)
    row = connection.execute(
        "SELECT count(*) FROM search_entries WHERE document_id = ?", (document_id,)
    ).fetchone()
    if not dry:
        replace_document(connection, document_id, (), {})
    return int(row[0])


def _purge(connection: Connection) -> None:
    """FTS5 notes what was deleted beside the words, until segments are merged; Postgres deletes."""
    if connection.dialect.name == "sqlite":
        connection.execute("INSERT INTO search_text (search_text) VALUES ('optimize')")


_ENTRIES = """
CREATE TABLE search_entries (
    id INTEGER PRIMARY KEY,
    document_id TEXT NOT NULL,
    page INTEGER NOT NULL
);
CREATE INDEX search_entries_by_document ON search_entries (document_id);
"""
_FACETS = """
CREATE TABLE search_facets (
    document_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (document_id, key)
) WITHOUT ROWID;
CREATE INDEX search_facets_by_value ON search_facets (key, value);
"""
_TEXT = """
CREATE VIRTUAL TABLE search_text USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2');
"""
_TEXT_IN_POSTGRES = """
CREATE TABLE search_text (
    entry INTEGER PRIMARY KEY REFERENCES search_entries (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    words TSVECTOR NOT NULL
);
CREATE INDEX search_text_by_words ON search_text USING gin (words);
"""

SEARCH = Projection(
    "documents in the search index",
    (
        Table("search_entries", _ENTRIES),
        Table("search_facets", _FACETS),
        Table("search_text", _TEXT, _TEXT_IN_POSTGRES),
    ),
    copy=_copy,
    erase=_erase,
    purge=_purge,
)
