"""The projection of labelling jobs: jobs, items, labels given, results.

A record of the kind ``label`` says in its attributes what it is: a ``job``, some of its ``items``,
a label that was given (``give``), that a job was closed (``close``), or what holds of an item then
(``result``). What is said stands in objects of the item's subject, and is erased with that; items
are in pieces that are small enough to be read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from lineal.erasure.erasures import KIND as KIND_OF_ERASURES
from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal.store.objects import small_object
from lineal_schemas.labels import LabelValue

KIND = "label"
JOB_ROLE = "label_job"
ITEMS_ROLE = "label_items"
VALUE_ROLE = "label"
RESULT_ROLE = "label_result"
"""Role of the label that holds among the inputs of a ``result``."""


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    for record in records:
        if record.kind == KIND_OF_ERASURES:
            for table in ("label_votes", "label_results", "label_items"):
                connection.execute(f"DELETE FROM {table} WHERE subject = ?", (record.subject,))
            continue
        act = record.attributes.get("act")
        if act == "job":
            _job(connection, record)
        elif act == "items":
            _items(connection, record)
        elif act == "give":
            _vote(connection, record)
        elif act == "result":
            _result(connection, record)
        elif act == "close":
            connection.execute(
                "UPDATE label_jobs SET closed = ? WHERE job_id = ?",
                (record.started, record.attributes["job"]),
            )


def _object(connection: Connection, record: RecordedStep, role: str) -> Any:
    """The object of a role that the step made, as JSON; None where it was erased."""
    found = next((item for item in record.outputs if item.role == role), None)
    data = None if found is None else small_object(connection, found.sha256)
    return None if data is None else orjson.loads(data)


def _job(connection: Connection, record: RecordedStep) -> None:
    made = _object(connection, record, JOB_ROLE) or {}
    facts = record.attributes
    connection.execute(
        "INSERT INTO label_jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING",
        (
            facts["job"], made.get("name", ""), facts["what"], made.get("source_job"),
            orjson.dumps(made.get("classes", [])).decode(), facts["answers"],
            int(facts.get("cost", 0)), made.get("model"), record.started, record.actor,
        ),
    )  # fmt: skip


def _items(connection: Connection, record: RecordedStep) -> None:
    begin = int(record.attributes["begin"])
    rows = [
        (
            record.attributes["job"], entry["item"]["item"], begin + number,
            entry["item"]["subject"], orjson.dumps(entry["item"]).decode(), entry.get("known"),
        )
        for number, entry in enumerate(_object(connection, record, ITEMS_ROLE) or ())
    ]  # fmt: skip
    connection.executemany(
        "INSERT INTO label_items VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows
    )


def _vote(connection: Connection, record: RecordedStep) -> None:
    facts = record.attributes
    value = next(item for item in record.outputs if item.role == VALUE_ROLE)
    data = small_object(connection, value.sha256)
    vote = "" if data is None else LabelValue.model_validate_json(data).key
    connection.execute(
        "INSERT INTO label_votes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (job_id, item_id, actor) DO UPDATE SET vote = excluded.vote, "
        "value_sha256 = excluded.value_sha256, given = excluded.given, "
        "milliseconds = label_votes.milliseconds + excluded.milliseconds",
        (
            facts["job"], facts["item"], facts.get("by", record.actor), record.subject, vote,
            value.sha256, record.worked // 1000, record.started + record.worked,
            int(facts.get("imported", 0)),
        ),
    )  # fmt: skip


def _result(connection: Connection, record: RecordedStep) -> None:
    facts = record.attributes
    value = next((item.sha256 for item in record.inputs if item.role == RESULT_ROLE), None)
    connection.execute(
        "INSERT INTO label_results VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (job_id, item_id) "
        "DO UPDATE SET value_sha256 = excluded.value_sha256, "
        "confidence = excluded.confidence, votes = excluded.votes",
        (facts["job"], facts["item"], record.subject, value, facts["confidence"], facts["votes"]),
    )


def _erase(connection: Connection, subject: str, dry: bool) -> int:
    where = "FROM label_leases WHERE item_id IN (SELECT item_id FROM label_items WHERE subject = ?)"
    count = connection.execute(f"SELECT count(*) {where}", (subject,)).fetchone()[0]
    if not dry:
        connection.execute(f"DELETE {where}", (subject,))
    return int(count)


_JOBS = """
CREATE TABLE label_jobs (
    job_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_job TEXT,
    classes TEXT NOT NULL,
    answers INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    model TEXT,
    created INTEGER NOT NULL,
    actor TEXT NOT NULL,
    closed INTEGER NOT NULL
) WITHOUT ROWID;
"""
_ITEMS = """
CREATE TABLE label_items (
    job_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    subject TEXT NOT NULL,
    item TEXT NOT NULL,
    known TEXT,
    PRIMARY KEY (job_id, item_id)
) WITHOUT ROWID;
CREATE INDEX label_items_by_position ON label_items (job_id, position);
CREATE INDEX label_items_by_subject ON label_items (subject);
"""
_VOTES = """
CREATE TABLE label_votes (
    job_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    vote TEXT NOT NULL,
    value_sha256 TEXT NOT NULL,
    milliseconds INTEGER NOT NULL,
    given INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    PRIMARY KEY (job_id, item_id, actor)
) WITHOUT ROWID;
CREATE INDEX label_votes_by_subject ON label_votes (subject);
"""
_RESULTS = """
CREATE TABLE label_results (
    job_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    value_sha256 TEXT,
    confidence INTEGER NOT NULL,
    votes INTEGER NOT NULL,
    PRIMARY KEY (job_id, item_id)
) WITHOUT ROWID;
CREATE INDEX label_results_by_subject ON label_results (subject);
"""
_LEASES = """
CREATE TABLE label_leases (
    job_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    began INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (job_id, item_id, actor)
) WITHOUT ROWID;
"""

LABELS = Projection(
    "labelling jobs",
    (
        Table("label_jobs", _JOBS),
        Table("label_items", _ITEMS),
        Table("label_votes", _VOTES),
        Table("label_results", _RESULTS),
        Table("label_leases", _LEASES, from_records=False),
    ),
    _apply,
    kinds=frozenset({KIND, KIND_OF_ERASURES}),
    erase=_erase,
)
