"""The metadata tables, derived from lineage records one by one.

``project`` is called for every record as it is appended, and again for all of them by ``lineal
rebuild``: what the tables say can never differ from what the ledger says.
"""

from __future__ import annotations

from typing import Literal

import orjson

from lineal.lineage.record import Record
from lineal.store.connection import Connection

DOCUMENT = "document:"

Status = Literal["registered", "processing", "indexed", "rejected", "failed"]

ARRIVAL_ROLE = "arrival"
"""Role of the object that holds what a person wrote about an arrival (name, owner, labels). The
record has only its digest, so erasing the object erases the person and keeps the record."""


def project(connection: Connection, record: Record) -> None:
    """Bring the metadata tables up to date with one record."""
    if record.kind in ("redrive", "drop"):
        _dead_letters_decided(connection, record)
    if not record.root.startswith(DOCUMENT):
        return
    document_id = record.root.removeprefix(DOCUMENT)
    for item in record.outputs:
        if item.role == ARRIVAL_ROLE:
            _arrived(connection, document_id, record, item.sha256)
    _operation(connection, document_id, record)


def _arrived(connection: Connection, document_id: str, record: Record, arrival_sha256: str) -> None:
    row = connection.execute(
        "SELECT data FROM objects WHERE sha256 = ?", (bytes.fromhex(arrival_sha256),)
    ).fetchone()
    arrival = {} if row is None else orjson.loads(row[0])
    content = arrival.get("content") or {}
    name = arrival.get("name", "(erased)")
    connection.execute(
        "INSERT INTO registry VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            document_id,
            arrival.get("tenant", "default"),
            name,
            content.get("sha256"),
            content.get("bytes"),
            content.get("media_type"),
            record.started,
        ),
    )
    connection.execute(
        "INSERT INTO arrivals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (document_id, record.events_in[0], name, arrival.get("source", "(erased)"), record.started),
    )
    if arrival.get("owner"):
        connection.execute(
            "INSERT INTO ownership VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (document_id, arrival["owner"], record.started),
        )
    connection.executemany(
        "INSERT INTO labels VALUES (?, ?, ?) "
        "ON CONFLICT (document_id, key) DO UPDATE SET value = excluded.value",
        [(document_id, key, value) for key, value in arrival.get("labels", {}).items()],
    )


def _operation(connection: Connection, document_id: str, record: Record) -> None:
    if record.kind in ("replay", "drop"):
        return
    if record.outcome == "duplicate":
        return
    stage = record.build.stage if record.build else record.kind
    status = _status(record)
    if status == "processing" and record.kind != "redrive":
        # Parts of one document are handled side by side, and an indexed document may be gone over
        # again by a replay: going on does not undo what another part or an earlier run reached.
        keep = (
            "CASE WHEN operations.status IN ('indexed', 'rejected', 'failed') "
            "THEN operations.{0} ELSE excluded.{0} END"
        )
        status_rule, reason_rule = keep.format("status"), keep.format("reason")
    else:
        status_rule, reason_rule = "excluded.status", "excluded.reason"
    finished = record.started + record.duration
    merged = connection.dialect.merged_json("operations.facts", "excluded.facts")
    connection.execute(
        "INSERT INTO operations (document_id, status, stage, reason, facts, started, updated) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (document_id) DO UPDATE SET "
        f"status = {status_rule}, reason = {reason_rule}, stage = excluded.stage, "
        f"facts = {merged}, updated = excluded.updated",
        (
            document_id,
            status,
            stage,
            record.reason or record.error,
            # Sorted, as they are in the canonical record from which a rebuild takes them.
            orjson.dumps(
                {k: v for k, v in record.facts.items() if k != "status"},
                option=orjson.OPT_SORT_KEYS,
            ).decode(),
            record.started,
            finished,
        ),
    )


def _status(record: Record) -> str:
    if record.outcome in ("rejected", "failed"):
        return record.outcome
    return str(record.facts.get("status", "processing"))


def _dead_letters_decided(connection: Connection, record: Record) -> None:
    connection.executemany(
        "INSERT INTO dead_letter_outcomes VALUES (?, ?, ?) ON CONFLICT (event_id) "
        "DO UPDATE SET outcome = excluded.outcome, decided = excluded.decided",
        [(event_id, record.kind, record.started) for event_id in record.events_in],
    )
