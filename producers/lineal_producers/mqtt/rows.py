"""Named values of the bridge: rows of the ``state`` table, which stages use as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

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


def delete_rows(connection: Connection, prefix: str, which: Callable[[bytes], bool]) -> int:
    """Delete those whose names begin so and whose values are of a kind; returns how many."""
    rows = connection.execute(
        "SELECT name, after FROM state WHERE stage = ? AND after IS NOT NULL "
        "AND name >= ? AND name < ?",
        (STAGE, prefix, prefix + "\U0010ffff"),
    )
    names = [(STAGE, name) for name, value in rows if which(bytes(value))]
    if names:
        connection.executemany("DELETE FROM state WHERE stage = ? AND name = ?", names)
    return len(names)
