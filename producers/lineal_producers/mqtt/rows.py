"""What the bridge keeps under a name: rows of the ``state`` table, where stages keep theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lineal.store.connection import Connection
from lineal.store.rows import insert_rows

STAGE = "bridge"
_BATCH_SIZE = 400


def get_row(connection: Connection, name: str) -> bytes | None:
    """The value of a name; None where there is none."""
    return get_rows(connection, [name]).get(name)


def get_rows(connection: Connection, names: Sequence[str]) -> dict[str, bytes]:
    """The values of those of the names that have one."""
    found = {}
    for begin in range(0, len(names), _BATCH_SIZE):
        part = names[begin : begin + _BATCH_SIZE]
        rows = connection.execute(
            "SELECT name, after FROM state WHERE stage = ? AND after IS NOT NULL "
            f"AND name IN ({', '.join('?' * len(part))})",
            (STAGE, *part),
        )
        found.update({name: bytes(value) for name, value in rows})
    return found


def put_rows(connection: Connection, rows: Mapping[str, bytes]) -> None:
    """Keep values under their names."""
    insert_rows(
        connection,
        "INSERT INTO state (stage, name, event_id, before, after)",
        [(STAGE, name, "", None, value) for name, value in rows.items()],
        "ON CONFLICT (stage, name) DO UPDATE SET after = excluded.after",
    )
