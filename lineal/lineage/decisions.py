"""The projection of decisions about dead letters: redriven or dropped."""

from __future__ import annotations

from collections.abc import Sequence

from lineal.lineage.projections import Projection
from lineal.lineage.record import RecordedStep
from lineal.store.connection import Connection
from lineal.store.derived_table import Table

_OUTCOMES = """
CREATE TABLE dead_letter_outcomes (
    event_id TEXT PRIMARY KEY,
    outcome TEXT NOT NULL,
    decided INTEGER NOT NULL
) WITHOUT ROWID;
"""


def _apply(connection: Connection, steps: Sequence[RecordedStep]) -> None:
    connection.executemany(
        "INSERT INTO dead_letter_outcomes VALUES (?, ?, ?) ON CONFLICT (event_id) "
        "DO UPDATE SET outcome = excluded.outcome, decided = excluded.decided",
        [(event_id, item.kind, item.started) for item in steps for event_id in item.events_in],
    )


DEAD_LETTERS = Projection(
    "dead_letters",
    (Table("dead_letter_outcomes", _OUTCOMES),),
    _apply,
    kinds=frozenset(("redrive", "drop")),
    erasure="ids of events and what was decided about them: no content",
)
