"""How far the store has come with what a broker brings, moved with what is written."""

from __future__ import annotations

from lineal.errors import LinealError
from lineal.store.connection import Connection


class PositionConflict(LinealError):
    """Another one has written what was to be written."""

    def __init__(self, position: int) -> None:
        super().__init__(f"the store has come to {position} already")
        self.position = position


def position_of(connection: Connection, source: str) -> int:
    """Everything of a source below this is written."""
    row = connection.execute(
        "SELECT position FROM ledger_positions WHERE source = ?", (source,)
    ).fetchone()
    return 0 if row is None else row[0]


def advance(connection: Connection, source: str, position: int, reached: int) -> None:
    """Move the mark, in the transaction that writes what lies between.

    Raises:
        PositionConflict: the mark is not where it was thought to be.
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
