"""Fills the ledger's index from its records."""

from __future__ import annotations

import time

import structlog

from lineal.lineage.canonical import parse_record
from lineal.lineage.ledger import record_keys, records_after
from lineal.store.connection import Connection
from lineal.store.key_index import add_entries, index_entries

log = structlog.get_logger(__name__)

_BATCH_SIZE = 100
_REPORT_SECONDS = 5.0


def rebuild_index(connection: Connection) -> int:
    """Empty the index and fill it from all records, in the caller's transaction; returns how many
    there were. The log says how far a long ledger is read."""
    connection.execute("DELETE FROM ledger_index")
    last, reported = 0, time.monotonic()
    while rows := records_after(connection, last, _BATCH_SIZE):
        entries = []
        for seq, _, canonical in rows:
            entries.append(index_entries(record_keys(parse_record(canonical)), seq))
        add_entries(connection, entries)
        last = rows[-1][0]
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            log.info("ledger.indexing", records=last)
    return last
