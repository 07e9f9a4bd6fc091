"""Follows the ledger for documents that are finished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial

from lineal.lineage.canonical import parse_record
from lineal.lineage.ledger import records_after
from lineal.lineage.record import StepEntry
from lineal.runtime import Runtime
from lineal.store.connection import Connection
from lineal_catalog.documents.projection import DOCUMENT
from lineal_catalog.documents.queries import DocumentInfo, UnknownDocument, find_document

DONE = frozenset({"indexed", "rejected", "failed"})
_BATCH_SIZE = 500
_POLL_SECONDS = 0.25


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
        rows = await store.read(partial(_next_records, last))
        if not rows:
            await asyncio.sleep(_POLL_SECONDS)
            continue
        last = rows[-1][0]
        subjects = {
            entry.subject: None
            for _, _, canonical in rows
            for entry in parse_record(canonical).steps
            if _finished(entry)
        }
        found = []
        for subject in subjects:
            try:
                document_id = subject.removeprefix(DOCUMENT)
                found.append(await store.read(partial(find_document, wanted=document_id)))
            except UnknownDocument:
                continue  # a malformed event about a document nobody registered
        if found:
            yield found
        else:
            await asyncio.sleep(0)


def _next_records(last: int, connection: Connection) -> list[tuple[int, bytes, bytes]]:
    return records_after(connection, last, _BATCH_SIZE)


def _finished(entry: StepEntry) -> bool:
    done = entry.outcome in DONE or entry.attributes.get("status") in DONE
    return done and entry.subject.startswith(DOCUMENT)
