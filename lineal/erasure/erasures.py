"""The projection of erasures: which subjects were erased, when, by whom and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table

KIND = "erase"
"""Kind of the record."""

_ERASURES = """
CREATE TABLE erasures (
    subject TEXT PRIMARY KEY,
    erased INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;
"""


class Erasure(NamedTuple):
    """That a subject was erased."""

    subject: str
    erased: int
    """Microseconds since the Unix epoch."""
    actor: str
    reason: str


def _apply(connection: Connection, steps: Sequence[RecordedStep]) -> None:
    note_erasures(
        connection,
        [Erasure(step.subject, step.started, step.actor, step.reason or "") for step in steps],
    )


def note_erasures(connection: Connection, erasures: Sequence[Erasure]) -> None:
    """Write down that subjects were erased, as their records say or are going to."""
    connection.executemany(
        "INSERT INTO erasures VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE SET "
        "erased = excluded.erased, actor = excluded.actor, reason = excluded.reason",
        erasures,
    )


def find_erasures(connection: Connection, beginning: str, limit: int = 2) -> list[Erasure]:
    """The erasures of the subjects that begin like this."""
    if not connection.dialect.has_table(connection, "erasures"):
        return []  # a store that only earlier versions have written
    rows = connection.execute(
        "SELECT subject, erased, actor, reason FROM erasures "
        "WHERE subject >= ? AND subject < ? ORDER BY subject LIMIT ?",
        (beginning, beginning + "\U0010ffff", limit),
    )
    return [Erasure(*row) for row in rows.fetchall()]


def erased_at(connection: Connection, subject: str) -> int | None:
    """When a subject was erased last, in microseconds since the Unix epoch; None: never."""
    found = find_erasures(connection, subject, 1)
    return found[0].erased if found and found[0].subject == subject else None


def erasure_times(connection: Connection, subjects: Collection[str]) -> dict[str, int]:
    """When those of some subjects that were erased were, in microseconds since the Unix epoch."""
    if not subjects or not connection.dialect.has_table(connection, "erasures"):
        return {}
    rows = connection.execute(
        f"SELECT subject, erased FROM erasures WHERE subject IN ({', '.join('?' * len(subjects))})",
        tuple(subjects),
    )
    return dict(rows.fetchall())


ERASURES = Projection("erasures", (Table("erasures", _ERASURES),), _apply, kinds=frozenset({KIND}))
