"""What is noted of the files of a source: version, document, the event of the arrival."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lineal.lineage.projections import Projection
from lineal.lineage.rebuild import make_missing
from lineal.runtime import Runtime
from lineal.store import copying
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore

_TABLE = """
CREATE TABLE synced_documents (
    bucket TEXT NOT NULL,
    name TEXT NOT NULL,
    document_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
"""
_DELETED = "deleted:"


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    rest = ("document_id", "event_id")
    table = copying.Table("synced_documents", "documents of sources", ("bucket", "name"), rest)
    await copying.equal_rows(source, target, table, progress)


SOURCES = Projection(
    "documents of sources",
    (Table("synced_documents", _TABLE),),
    copy=_copy,
    erasure="by lineal_producers.ingested_sources, unless the file is still there",
)


class SyncedFile(NamedTuple):
    """What is noted of a file."""

    version: str
    document_id: str | None
    """None: it was ingested before this was noted."""
    event_id: str | None

    @property
    def deleted(self) -> bool:
        return self.version.startswith(_DELETED)

    def deletion(self) -> str:
        """The version under which it is noted that the file was deleted."""
        return f"{_DELETED}{self.version}"


async def prepare(runtime: Runtime) -> None:
    """Make the table in a store that an earlier lineal has made."""
    await runtime.store.write(make_missing)


async def synced_files(
    runtime: Runtime, bucket: str, prefix: str = "", *, name: str | None = None
) -> dict[str, SyncedFile]:
    """What is noted, by name: below a prefix, or of one file."""
    first, last = (prefix, prefix + "\U0010ffff") if name is None else (name, name + "\x01")

    def ask(connection: Connection) -> dict[str, SyncedFile]:
        rows = connection.execute(
            "SELECT t.name, t.version, d.document_id, d.event_id FROM taken_objects AS t "
            "LEFT JOIN synced_documents AS d ON d.bucket = t.bucket AND d.name = t.name "
            "WHERE t.bucket = ? AND t.name >= ? AND t.name < ?",
            (bucket, first, last),
        ).fetchall()
        return {row[0]: SyncedFile(*row[1:]) for row in rows if name is None or row[0] == name}

    await runtime.flush_ledger()
    return await runtime.store.read(ask)
