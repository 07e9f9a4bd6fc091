"""Positions up to which the store has applied a source, moved in the transaction that applies."""

from __future__ import annotations

from lineal.errors import LinealError
from lineal.store.connection import Connection


class PositionConflict(LinealError):
    """Another process has applied the events after the expected position already."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the store has applied everything up to {position} already")
        self.position = position


def position_of(connection: Connection, source: str) -> int:
    """The position up to which a source has been applied."""
    row = connection.execute(
        "SELECT position FROM ledger_positions WHERE source = ?", (source,)
    ).fetchone()
    return 0 if row is None else row[0]


def advance(connection: Connection, source: str, position: int, reached: int) -> None:
    """Move the position of a source, in the transaction that applies what lies between.

    Raises:
        PositionConflict: the source is not at ``position``: another process applied events.
    """
    connection.execute(
        "INSERT INTO ledger_positions (source, position) VALUES (?, 0) ON CONFLICT DO NOTHING",
        (source,),
    )
    moved = connection.execute(
        "UPDATE ledger_positions SET position = ? WHERE source = ? AND position = ?",
        (reached, source, position),
    )
    if moved.rowcount != 1:
        raise PositionConflict(position_of(connection, source))
