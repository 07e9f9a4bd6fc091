"""The projection of documents: registry, arrivals, owners, labels and status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

from lineal.erasure.erasures import KIND as KIND_OF_ERASURES
from lineal.lineage.projections import Projection
from lineal.lineage.record import ACT, TIMER, RecordedStep, StepEntry
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal.store.rows import insert_rows
from lineal_catalog.documents.label_sources import (
    ARRIVAL,
    LABEL_SOURCES,
    PERSON,
    RECOGNIZED,
    correct_labels,
    recognize_labels,
)
from lineal_catalog.documents.visibility import (
    SOURCE_READERS,
    WITHDRAWN_ARRIVALS,
    restrict_source,
    withdraw_arrivals,
)

DOCUMENT = "document:"
"""Begins the subjects of documents; the rest is the document's id."""

Status = Literal["registered", "processing", "indexed", "rejected", "failed"]

_NOTHING_DONE = ("skipped", "duplicate", "delayed")
_FINAL = ("indexed", "rejected", "failed")

_ASKED_TOGETHER = 512
"""Documents that a statement asks for."""

_OF_EVENTS = frozenset({"replay", "drop", ACT, TIMER})
"""Kinds of records that say nothing of how far a document is."""

ARRIVAL_ROLE = "arrival"
"""Role of the object that holds what a person wrote about an arrival (name, owner, labels). The
record has only its digest, so erasing the object erases the person and keeps the record."""


DELETION_ROLE = "source_deleted"
"""Role of the object that says which source of a document was deleted."""

DESCRIPTION_ROLE = "description"
"""Role of the object that holds the tags and labels that a person gave to a document."""

RECOGNIZED_ROLE = "recognized"
"""Role of the object that holds what was recognised of a document: its correspondent, its date."""


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    operations = _Operations(connection)
    for record in records:
        entry = record.entry
        document_id = entry.subject.removeprefix(DOCUMENT)
        if entry.kind == KIND_OF_ERASURES:
            operations.write()
            _erase(connection, document_id)
            continue
        says_status = True
        for sha256, _, _, role in entry.outputs:
            if role == ARRIVAL_ROLE:
                _arrived(connection, document_id, record, sha256)
            elif role == DELETION_ROLE:
                withdraw_arrivals(connection, document_id, _stored_json(connection, sha256))
                says_status = False
            elif role == DESCRIPTION_ROLE:
                _described(connection, document_id, _stored_json(connection, sha256))
                says_status = False
            elif role == RECOGNIZED_ROLE:
                found = _stored_json(connection, sha256).get("labels", {})
                recognize_labels(connection, document_id, found)
        if not says_status:
            continue
        if entry.kind not in _OF_EVENTS and entry.outcome not in _NOTHING_DONE:
            operations.add(document_id, record)
    operations.write()


_MISSING = "(missing)"
"""In place of a name that the store does not hold. What was erased has a record that says so."""


def _arrived(
    connection: Connection, document_id: str, record: RecordedStep, arrival_sha256: str
) -> None:
    arrival = _stored_json(connection, arrival_sha256)
    content = arrival.get("content") or {}
    name = arrival.get("name", _MISSING)
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
        (document_id, record.events_in[0], name, arrival.get("source", _MISSING), record.started),
    )
    if arrival.get("parent"):
        connection.execute(
            "INSERT INTO attachments VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (arrival["parent"], document_id, record.started),
        )
        # Whose the document around it is, this one is too.
        for (owner,) in connection.execute(
            "SELECT owner FROM ownership WHERE document_id = ? ORDER BY owner",
            (arrival["parent"],),
        ).fetchall():
            _owned(connection, document_id, owner, record.started)
    if arrival.get("owner"):
        _owned(connection, document_id, arrival["owner"], record.started)
    restrict_source(
        connection, document_id, arrival.get("source", _MISSING), arrival.get("readers")
    )
    connection.executemany(
        "INSERT INTO labels VALUES (?, ?, ?) "
        "ON CONFLICT (document_id, key) DO UPDATE SET value = excluded.value",
        [(document_id, key, value) for key, value in arrival.get("labels", {}).items()],
    )
    given = [key for key in arrival.get("labels", {}) if key in RECOGNIZED]
    correct_labels(connection, document_id, given, ARRIVAL, None)


def _described(connection: Connection, document_id: str, said: Mapping[str, Any]) -> None:
    """Labels are given and taken away; a tag is a label without a value."""
    correct_labels(connection, document_id, said.get("labels", {}), PERSON, said.get("by"))
    for key, value in said.get("labels", {}).items():
        if value:
            connection.execute(
                "INSERT INTO labels VALUES (?, ?, ?) "
                "ON CONFLICT (document_id, key) DO UPDATE SET value = excluded.value",
                (document_id, key, value),
            )
        else:
            connection.execute(
                "DELETE FROM labels WHERE document_id = ? AND key = ?", (document_id, key)
            )
    for tag in said.get("removed", ()):
        connection.execute(
            "DELETE FROM labels WHERE document_id = ? AND key = ? AND value = ''",
            (document_id, tag),
        )
    connection.executemany(
        "INSERT INTO labels VALUES (?, ?, '') ON CONFLICT DO NOTHING",
        [(document_id, tag) for tag in said.get("added", ())],
    )


def _stored_json(connection: Connection, sha256: str) -> dict[str, Any]:
    row = connection.execute(
        "SELECT data FROM objects WHERE sha256 = ?", (bytes.fromhex(sha256),)
    ).fetchone()
    return {} if row is None else dict(orjson.loads(row[0]))


def _erase(connection: Connection, document_id: str) -> None:
    for table in (
        "registry",
        "arrivals",
        "ownership",
        "labels",
        "label_sources",
        "operations",
        "source_readers",
        "withdrawn_arrivals",
    ):
        connection.execute(f"DELETE FROM {table} WHERE document_id = ?", (document_id,))
    connection.execute(
        "DELETE FROM attachments WHERE document_id = ? OR parent_id = ?", (document_id,) * 2
    )


def _owned(connection: Connection, document_id: str, owner: str, since: int) -> None:
    """Give a document, and all that is attached to it, an owner."""
    reached, waiting = {document_id}, [document_id]
    while waiting:
        owned = waiting.pop()
        connection.execute(
            "INSERT INTO ownership VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (owned, owner, since)
        )
        for (attached,) in connection.execute(
            "SELECT document_id FROM attachments WHERE parent_id = ?", (owned,)
        ).fetchall():
            if attached not in reached:
                reached.add(attached)
                waiting.append(attached)


_Row: TypeAlias = tuple[str, str, str, str | None, str, int, int]


@dataclass(slots=True)
class _Operation:
    """What records of one document amount to."""

    status: str
    stage: str
    reason: str | None
    attributes: dict[str, int | str]
    started: int
    updated: int
    decides: bool
    """Whether the status replaces any earlier one. Parts of a document are handled concurrently,
    and an indexed document may be replayed: a step that only goes on does not undo a final
    status."""

    def go_on(self, later: _Operation) -> None:
        """Merge a later operation into this one."""
        if later.decides or self.status not in _FINAL:
            self.status, self.reason = later.status, later.reason
        self.decides |= later.decides
        self.stage, self.updated = later.stage, later.updated
        self.attributes |= later.attributes


class _Operations:
    """The rows of ``operations``, one for each document of a batch and a statement for many."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pending: dict[str, _Operation] = {}

    def add(self, document_id: str, record: RecordedStep) -> None:
        """Add a step; the steps of a document come in order."""
        entry = record.entry
        # Sorted, as they are in the canonical record from which a rebuild takes them.
        attributes = (
            {name: value for name, value in sorted(entry.attributes.items()) if name != "status"}
            if entry.attributes
            else {}
        )
        status = _status(entry)
        operation = _Operation(
            status,
            record.build.stage if record.build else entry.kind,
            entry.reason or entry.error,
            attributes,
            entry.started,
            entry.started + entry.worked,
            status != "processing" or entry.kind == "redrive",
        )
        if (earlier := self._pending.get(document_id)) is not None:
            earlier.go_on(operation)
        else:
            self._pending[document_id] = operation

    def write(self) -> None:
        """Write what is pending."""
        deciding: list[_Row] = []
        going_on: list[_Row] = []
        pending, self._pending = self._pending, {}
        attributes = self._attributes(list(pending))
        for document_id, operation in pending.items():
            together = attributes.get(document_id, {}) | operation.attributes
            row = (
                document_id,
                operation.status,
                operation.stage,
                operation.reason,
                orjson.dumps(together).decode(),
                operation.started,
                operation.updated,
            )
            (deciding if operation.decides else going_on).append(row)
        self._write(deciding, "FALSE")
        self._write(going_on, f"operations.status IN {_FINAL}")

    def _attributes(self, document_ids: Sequence[str]) -> dict[str, dict[str, int | str]]:
        """What rows hold of documents. It is put together here and not by the database, which
        writes JSON its own way: the text would tell how many steps were applied together."""
        found: dict[str, dict[str, int | str]] = {}
        for begin in range(0, len(document_ids), _ASKED_TOGETHER):
            some = document_ids[begin : begin + _ASKED_TOGETHER]
            rows = self._connection.execute(
                "SELECT document_id, facts FROM operations WHERE document_id IN "
                f"({', '.join('?' * len(some))})",
                tuple(some),
            )
            found |= {document_id: orjson.loads(facts) for document_id, facts in rows.fetchall()}
        return found

    def _write(self, rows: Sequence[_Row], keep: str) -> None:
        insert_rows(
            self._connection,
            "INSERT INTO operations (document_id, status, stage, reason, facts, started, updated)",
            rows,
            "ON CONFLICT (document_id) DO UPDATE SET "
            f"status = CASE WHEN {keep} THEN operations.status ELSE excluded.status END, "
            f"reason = CASE WHEN {keep} THEN operations.reason ELSE excluded.reason END, "
            "stage = excluded.stage, updated = excluded.updated, facts = excluded.facts",
        )


def _status(entry: StepEntry) -> str:
    if entry.outcome in ("rejected", "failed"):
        return entry.outcome
    return str(entry.attributes.get("status", "processing"))


_REGISTRY = """
CREATE TABLE registry (
    document_id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT,
    bytes INTEGER,
    media_type TEXT,
    registered INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX registry_by_time ON registry (registered DESC, document_id);
"""
_ARRIVALS = """
CREATE TABLE arrivals (
    document_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    arrived INTEGER NOT NULL,
    PRIMARY KEY (document_id, event_id)
) WITHOUT ROWID;
"""
_ATTACHMENTS = """
CREATE TABLE attachments (
    parent_id TEXT NOT NULL,
    document_id TEXT NOT NULL,
    attached INTEGER NOT NULL,
    PRIMARY KEY (parent_id, document_id)
) WITHOUT ROWID;
CREATE INDEX attachments_by_document ON attachments (document_id);
"""
_OWNERSHIP = """
CREATE TABLE ownership (
    document_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (document_id, owner)
) WITHOUT ROWID;
"""
_LABELS = """
CREATE TABLE labels (
    document_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (document_id, key)
) WITHOUT ROWID;
"""
_OPERATIONS = """
CREATE TABLE operations (
    document_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    stage TEXT NOT NULL,
    reason TEXT,
    facts TEXT NOT NULL DEFAULT '{}',
    started INTEGER NOT NULL,
    updated INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX operations_by_status ON operations (status);
"""

DOCUMENTS = Projection(
    "documents",
    (
        Table("registry", _REGISTRY),
        Table("arrivals", _ARRIVALS),
        Table("attachments", _ATTACHMENTS),
        Table("ownership", _OWNERSHIP),
        Table("labels", _LABELS),
        Table("label_sources", LABEL_SOURCES),
        Table("operations", _OPERATIONS),
        Table("source_readers", SOURCE_READERS),
        Table("withdrawn_arrivals", WITHDRAWN_ARRIVALS),
    ),
    _apply,
    subjects=(DOCUMENT,),
)
