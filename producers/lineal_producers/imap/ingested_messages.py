"""The table of messages that were ingested and may still be in their mailbox."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from lineal.lineage.projections import Projection
from lineal.runtime import Runtime
from lineal.store import copying
from lineal.store.connection import Connection, Store
from lineal.store.derived_table import Table
from lineal.store.objects import ObjectStore

_TABLE = """
CREATE TABLE taken_messages (
    mailbox TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox, uidvalidity, uid)
) WITHOUT ROWID;
"""


async def _copy(
    source: Store, target: Store, objects: ObjectStore, progress: Callable[[int], None]
) -> None:
    table = copying.Table("taken_messages", "messages taken", ("mailbox", "uidvalidity", "uid"), ())
    await copying.add_rows(source, target, table, progress)


MAILBOXES = Projection(
    "messages taken from mailboxes",
    (Table("taken_messages", _TABLE),),
    copy=_copy,
    erasure="numbers of messages in their mailboxes: no content",
)


async def ingested_messages(runtime: Runtime, mailbox: str, uidvalidity: int) -> set[int]:
    """The UIDs of messages that were taken and not forgotten since."""

    def ask(connection: Connection) -> set[int]:
        rows = connection.execute(
            "SELECT uid FROM taken_messages WHERE mailbox = ? AND uidvalidity = ?",
            (mailbox, uidvalidity),
        )
        return {uid for (uid,) in rows.fetchall()}

    await runtime.flush_ledger()
    return await runtime.store.read(ask)


async def forget_messages(
    runtime: Runtime, mailbox: str, uidvalidity: int, uids: Collection[int]
) -> None:
    """Forget messages that have left the mailbox: no UID is given twice (RFC 9051, 2.3.1.1)."""
    rows = [(mailbox, uidvalidity, uid) for uid in uids]
    if rows:
        await runtime.store.write(partial(_delete, rows=rows))


def _delete(connection: Connection, rows: list[tuple[str, int, int]]) -> None:
    connection.executemany(
        "DELETE FROM taken_messages WHERE mailbox = ? AND uidvalidity = ? AND uid = ?", rows
    )
