"""Numbering the changes of the model in use: one number, one change, whoever makes it.

A person and a stage may change the model of a name at once. Each says which number its change has,
the next after what it read. The number is an effect of the change: whoever comes second is refused,
looks again, and has the next number, or finds that there is nothing to change any more.

On a bus that shares no transaction with the store the number is taken first. A number whose change
was never recorded (its process died in between) counts no longer after :data:`ABANDONED_US`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from lineal.effects.effect import Effect, register
from lineal.errors import StateConflict
from lineal.store.connection import Connection
from lineal.store.derived_table import Table
from lineal_schemas.models import ModelRef

ABANDONED_US = 10 * 60 * 1_000_000
"""After so long a change that is not in the ledger is taken for abandoned: ten minutes."""

MODEL_CHANGES = Table(
    "model_changes",
    """
CREATE TABLE model_changes (
    name TEXT NOT NULL,
    counter INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (name, counter)
) WITHOUT ROWID;
""",
    from_records=False,
)


@dataclass(frozen=True, slots=True)
class ModelChange(Effect):
    """An event changes the model in use of a name, as the change of this number.

    Applying it raises :class:`~lineal.errors.StateConflict` if another event has the number.
    """

    kind: ClassVar[str] = "model.change"
    read_by_others: ClassVar[bool] = True

    name: str
    counter: int
    event_id: str
    """Of the event that is handled, or of the one that a person publishes."""
    version: int
    sha256: str
    at: int
    """Microseconds since the Unix epoch."""


class LastChange(NamedTuple):
    """What a change follows."""

    counter: int
    """0 where there was none."""
    model: ModelRef | None


def change_before(connection: Connection, name: str, event_id: str, now: int) -> LastChange:
    """The change of a name that an event's own follows: the same each time the event is handled.

    Args:
        now: microseconds since the Unix epoch.
    """
    own = connection.execute(
        "SELECT counter FROM model_changes WHERE name = ? AND event_id = ?", (name, event_id)
    ).fetchone()
    below = (1 << 62) if own is None else own[0]
    recorded = _last(connection, "promotions", name, below)
    numbered = _last(connection, "model_changes", name, below, now - ABANDONED_US)
    last = max(recorded, numbered, key=lambda change: change.counter)
    if own is None:
        # An abandoned change has had its number.
        taken = _last(connection, "model_changes", name, below).counter
        return last._replace(counter=max(last.counter, taken))
    return last._replace(counter=own[0] - 1)


def _last(
    connection: Connection, table: str, name: str, below: int, since: int | None = None
) -> LastChange:
    recent = "" if since is None else "AND at >= ?"
    row = connection.execute(
        f"SELECT counter, version, sha256 FROM {table} WHERE name = ? AND counter < ? {recent} "
        "ORDER BY counter DESC LIMIT 1",
        (name, below) if since is None else (name, below, since),
    ).fetchone()
    if row is None:
        return LastChange(0, None)
    counter, version, sha256 = row
    return LastChange(counter, ModelRef(name=name, version=version, sha256=sha256))


def _apply(connection: Connection, changes: Sequence[ModelChange]) -> None:
    for change in changes:
        before = change_before(connection, change.name, change.event_id, change.at)
        if change.counter != before.counter + 1:
            raise StateConflict(f"the model in use of {change.name!r} was changed meanwhile")
        # Of two transactions at once that take one number the second finds it taken.
        connection.execute(
            "INSERT INTO model_changes (name, counter, event_id, version, sha256, at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name, counter) DO NOTHING",
            (change.name, change.counter, change.event_id, change.version, change.sha256,
             change.at),
        )  # fmt: skip
        holder = connection.execute(
            "SELECT event_id FROM model_changes WHERE name = ? AND counter = ?",
            (change.name, change.counter),
        ).fetchone()
        if holder[0] != change.event_id:
            raise StateConflict(f"the model in use of {change.name!r} was changed meanwhile")


register(_apply, ModelChange)
