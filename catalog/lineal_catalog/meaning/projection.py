"""The projection of paragraphs and their vectors.

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
from lineal_catalog.meaning.effect import ParagraphVectors, remove_paragraphs, replace_paragraphs
from lineal_catalog.meaning.paragraphs import Paragraph
from lineal_catalog.meaning.vector_file import remove_files, vector_folder


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    for document_id in await source.read(_documents):
        change = await source.read(partial(stored_paragraphs, document_id=document_id))
        await target.write(partial(replace_paragraphs, change=change))
        progress(1)


def _documents(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT DISTINCT document_id FROM meaning_paragraphs").fetchall()
    return [document_id for (document_id,) in rows]


def stored_paragraphs(connection: Connection, document_id: str) -> ParagraphVectors:
    """What the store has of a document."""
    rows = connection.execute(
        "SELECT model, page, first, beyond, heading, text, vector FROM meaning_paragraphs "
        "WHERE document_id = ? ORDER BY id",
        (document_id,),
    ).fetchall()
    return ParagraphVectors(
        document_id,
        rows[0][0] if rows else "",
        tuple(Paragraph(*row[1:6]) for row in rows),
        b"".join(bytes(row[6]) for row in rows),
    )


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    if not subject.startswith(DOCUMENT):
        return 0
    document_id = subject.removeprefix(DOCUMENT)
    row = connection.execute(
        "SELECT count(*) FROM meaning_paragraphs WHERE document_id = ?", (document_id,)
    ).fetchone()
    if not dry:
        remove_paragraphs(connection, document_id)
    return int(row[0])


def _purge(connection: Connection) -> None:
    """The file of vectors is made again, without what was deleted, by the next search."""
    folder = vector_folder(connection)
    if folder is not None:
        remove_files(folder)


_COLUMNS = """
    document_id TEXT NOT NULL,
    model TEXT NOT NULL,
    page INTEGER NOT NULL,
    first INTEGER NOT NULL,
    beyond INTEGER NOT NULL,
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    vector BLOB NOT NULL
);
CREATE INDEX meaning_paragraphs_by_document ON meaning_paragraphs (document_id, page);
CREATE INDEX meaning_paragraphs_by_model ON meaning_paragraphs (model, id);
"""
# A number is never given twice: the file of vectors knows paragraphs by it.
_PARAGRAPHS = f"""
CREATE TABLE meaning_paragraphs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,{_COLUMNS}"""
_IN_POSTGRES = f"""
CREATE TABLE meaning_paragraphs (
    id INTEGER PRIMARY KEY,{_COLUMNS}"""

MEANING = Projection(
    "paragraphs with vectors",
    (Table("meaning_paragraphs", _PARAGRAPHS, _IN_POSTGRES),),
    copy=_copy,
    erase=_erase,
    purge=_purge,
)
