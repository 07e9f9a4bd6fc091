"""The projection of mentions: the truth that the triples follow.

They are effects of steps: `lineal rebuild` leaves them, a replay of the stage writes them again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lineal.lineage.projections import Projection
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.graph.effect import remove_mentions, replace_mentions, stored_mentions
from lineal_catalog.graph.triple_store import graph_folder, remove_triples


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    for document_id in await source.read(_documents):
        change = await source.read(partial(stored_mentions, document_id=document_id))
        if change is not None:
            await target.write(partial(replace_mentions, change=change))
        progress(1)


def _documents(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT document_id FROM graph_documents ORDER BY id").fetchall()
    return [document_id for (document_id,) in rows]


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    if not subject.startswith(DOCUMENT):
        return 0
    document_id = subject.removeprefix(DOCUMENT)
    row = connection.execute(
        "SELECT (SELECT count(*) FROM graph_documents WHERE document_id = ?) + "
        "(SELECT count(*) FROM graph_mentions WHERE document_id = ?)",
        (document_id, document_id),
    ).fetchone()
    if not dry:
        remove_mentions(connection, document_id)
    return int(row[0])


def _purge(connection: Connection) -> None:
    """Files of triples keep what was deleted until they are written anew: the next query does."""
    folder = graph_folder(connection)
    if folder is not None:
        remove_triples(folder)


_COLUMNS = """
    document_id TEXT NOT NULL UNIQUE,
    about TEXT NOT NULL,
    digest TEXT NOT NULL
);
"""
# A number is never given twice: from count and sum the triples know that nothing has changed.
_DOCUMENTS = f"""
CREATE TABLE graph_documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,{_COLUMNS}"""
_IN_POSTGRES = f"""
CREATE TABLE graph_documents (
    id INTEGER PRIMARY KEY,{_COLUMNS}"""
_MENTIONS = """
CREATE TABLE graph_mentions (
    document_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    concept TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    page INTEGER NOT NULL,
    first INTEGER NOT NULL,
    beyond INTEGER NOT NULL,
    boxes TEXT NOT NULL,
    score INTEGER NOT NULL,
    polarity TEXT NOT NULL,
    PRIMARY KEY (document_id, number)
);
CREATE INDEX graph_mentions_by_concept ON graph_mentions (concept, document_id);
"""

GRAPH = Projection(
    "mentions of concepts",
    (
        Table("graph_documents", _DOCUMENTS, _IN_POSTGRES),
        Table("graph_mentions", _MENTIONS),
    ),
    copy=_copy,
    erase=_erase,
    purge=_purge,
)
