"""Following the ledger for documents that are done with, one way or another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import orjson

from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import DocumentInfo, UnknownDocument, find_document

DONE = frozenset({"indexed", "rejected", "failed"})
_AT_ONCE = 500
_LOOK_SECONDS = 0.25


async def finished_documents(runtime: Runtime) -> AsyncIterator[list[DocumentInfo]]:
    """Documents as they are indexed, rejected or given up, from now on; those of one look together.

    Records are numbered in the order in which they are committed, by whatever process: none is
    missed, and none seen twice.
    """
    store = runtime.store
    (last,) = await store.read(
        lambda c: c.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
    )
    while True:
        rows = await store.read(partial(_records_after, last))
        if not rows:
            await asyncio.sleep(_LOOK_SECONDS)
            continue
        last = rows[-1][0]
        roots = {root: None for _, record in rows if (root := _root_if_done(record))}
        found = []
        for root in roots:
            try:
                document_id = root.removeprefix(DOCUMENT)
                found.append(await store.read(partial(find_document, wanted=document_id)))
            except UnknownDocument:
                continue  # a malformed event about a document nobody registered
        if found:
            yield found
        else:
            await asyncio.sleep(0)


def _records_after(last: int, connection: Connection) -> list[tuple[int, bytes]]:
    return connection.execute(
        "SELECT seq, record FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?", (last, _AT_ONCE)
    ).fetchall()


def _root_if_done(canonical: bytes) -> str | None:
    record = orjson.loads(canonical)
    root: str = record["root"]
    done = record["outcome"] in DONE or record.get("facts", {}).get("status") in DONE
    return root if done and root.startswith(DOCUMENT) else None
