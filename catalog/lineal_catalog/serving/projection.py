"""The projection of serving: which version of a model answers, and which one is tried.

A record of kind ``serve`` has in its attributes what has become of a rollout (``phase``, ``share``,
``step``, ``paused``), and among its inputs the packages of the version that answers (role
``stable``) and of the one that is tried (``candidate``). One of kind ``test`` says how the tests of
a package came out. The newest in the ledger holds.
"""

from __future__ import annotations

from collections.abc import Sequence

from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table

SERVE, TEST = "serve", "test"


def _apply(connection: Connection, records: Sequence[RecordedStep]) -> None:
    for record in records:
        said = record.attributes
        if record.outcome != "done" or "model" not in said or "what" not in said:
            continue
        connection.execute(
            "INSERT INTO serving_steps (name, at, what, version, reason, actor) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (said["model"], record.started, said["what"], said.get("version", 0),
             str(said.get("reason", "")), record.actor),
        )  # fmt: skip
        if record.kind == SERVE:
            _serve(connection, record)


def _serve(connection: Connection, record: RecordedStep) -> None:
    said = record.attributes
    packages = {item.role: item for item in record.inputs}
    stable, candidate = packages.get("stable"), packages.get("candidate")
    connection.execute("DELETE FROM serving WHERE name = ?", (said["model"],))
    connection.execute(
        "INSERT INTO serving VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            said["model"], str(said["rollout"]), str(said["phase"]), float(said["share"]),
            said["step"], said["paused"],
            None if stable is None else stable.sha256,
            None if stable is None else stable.bytes,
            said["stable_version"],
            None if candidate is None else candidate.sha256,
            None if candidate is None else candidate.bytes,
            said["candidate_version"],
            record.started,
        ),
    )  # fmt: skip


_SERVING = """
CREATE TABLE serving (
    name TEXT NOT NULL PRIMARY KEY,
    rollout TEXT NOT NULL,
    phase TEXT NOT NULL,
    share REAL NOT NULL,
    step INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    stable TEXT,
    stable_bytes INTEGER,
    stable_version INTEGER NOT NULL,
    candidate TEXT,
    candidate_bytes INTEGER,
    candidate_version INTEGER NOT NULL,
    since INTEGER NOT NULL
) WITHOUT ROWID;
"""
_STEPS = """
CREATE TABLE serving_steps (
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    what TEXT NOT NULL,
    version INTEGER NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (name, at, what, version)
) WITHOUT ROWID;
"""

SERVING = Projection(
    "serving",
    (Table("serving", _SERVING), Table("serving_steps", _STEPS)),
    _apply,
    kinds=frozenset((SERVE, TEST)),
    erasure="names and versions of models, shares of requests: no content",
)
