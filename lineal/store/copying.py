"""Copies tables from one store to another, SQLite or Postgres.

Every copy can be repeated: what the other store has already is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from lineal.store.connection import Connection, Store
from lineal.store.rows import insert_rows

_BATCH_SIZE = 500

Key = tuple[Any, ...]
Progress = Callable[[int], None]
"""Called with how many more rows are done, portion by portion."""


class Table(NamedTuple):
    """A table, and its name for people."""

    name: str
    label: str
    key: tuple[str, ...]
    """The columns that identify a row."""
    rest: tuple[str, ...]

    @property
    def columns(self) -> str:
        """All of them, as SQL names them."""
        return ", ".join((*self.key, *self.rest))


LASTING = (
    Table("objects", "objects", ("sha256",), ("data",)),
    Table("memo", "memo", ("step",), ("outputs",)),
    Table("claims", "claims", ("stage", "name"), ("event_id",)),
    Table("handled", "handled events", ("group_name", "publication"), ("at",)),
    Table("seen_events", "known events", ("group_name", "event"), ("position", "at")),
    Table(
        "dead_letters",
        "dead letters",
        ("topic", "event_id"),
        ("key_number", "published", "event"),
    ),
)
"""Rows that stay as they were written."""

CHANGING = (
    Table(
        "fan_in_groups",
        "parts of fan-in groups",
        ("stage", "group_id", "part"),
        ("event", "done_by", "done_at"),
    ),
    Table(
        "state",
        "state of stages",
        ("stage", "name"),
        ("event_id", "before", "after", "removed", "found"),
    ),
    Table("timers", "timers", ("stage", "name"), ("due", "event", "claimed_by", "claimed_until")),
    Table(
        "waiting_events",
        "events of keys that wait",
        ("stage", "key", "source", "event_id"),
        ("seq", "position", "released", "released_at"),
    ),
    Table(
        "delayed_retries",
        "delayed retries",
        ("stage", "source", "event_id"),
        ("first_position", "position", "attempts", "delays", "delayed", "due", "ending", "ended"),
    ),
    Table(
        "outbox",
        "outputs to publish",
        ("batch", "published"),
        ("group_name", "at", "topic", "key_number", "nonce", "event"),
    ),
    Table("taken_objects", "objects taken", ("bucket", "name"), ("version", "taken")),
    Table("store_secrets", "secrets", ("purpose",), ("secret", "created")),
    Table("mark_keys", "keys of marks", ("key_id",), ("secret", "created")),
    Table("users", "users", ("name",), ("role", "password", "created")),
    Table(
        "api_tokens",
        "API tokens",
        ("token_id",),
        ("digest", "name", "user_name", "acts", "types", "created", "expires", "revoked", "owner"),
    ),
)
"""Rows that come, change and go."""

BROUGHT = Table("ledger_positions", "positions of the ledger", ("source",), ("position",))
"""How far the ledger has come with what brokers bring; to be copied after the ledger."""

WATCHED = Table("watched_files", "files taken", ("path",), ("inode", "size", "modified_ns"))
"""Of the machine's own database."""


async def add_rows(source: Store, target: Store, table: Table, progress: Progress) -> None:
    """Add the rows that are missing."""
    last: Key | None = None
    while rows := await source.read(partial(_rows_after, table, last)):
        last = _key_of(table, rows[-1])
        head = f"INSERT INTO {table.name} ({table.columns})"
        write = partial(insert_rows, head=head, rows=rows, tail="ON CONFLICT DO NOTHING")
        progress(await target.write(write))


async def equal_rows(source: Store, target: Store, table: Table, progress: Progress) -> None:
    """Make a table the same; rows that are added, changed or removed are progress."""
    there: set[Key] = set()
    last: Key | None = None
    while rows := await source.read(partial(_rows_after, table, last)):
        last = _key_of(table, rows[-1])
        there.update(_key_of(table, row) for row in rows)
        known = await target.read(partial(_rows_of, table, [_key_of(table, row) for row in rows]))
        if other := [row for row in rows if row not in known]:
            await target.write(partial(_put, table, other))
            progress(len(other))
    gone = await target.read(partial(_keys_but, table, there))
    if gone:
        await target.write(partial(_remove, table, gone))
        progress(len(gone))


def _key_of(table: Table, row: Sequence[Any]) -> Key:
    return tuple(row[: len(table.key)])


def _marks(table: Table) -> str:
    return f"({', '.join('?' * len(table.key))})"


def _rows_after(table: Table, last: Key | None, connection: Connection) -> list[Key]:
    key = ", ".join(table.key)
    after = "" if last is None else f"WHERE ({key}) > {_marks(table)}"
    found = connection.execute(
        f"SELECT {table.columns} FROM {table.name} {after} ORDER BY {key} LIMIT {_BATCH_SIZE}",
        last or (),
    )
    return [tuple(row) for row in found]


def _rows_of(table: Table, keys: Sequence[Key], connection: Connection) -> set[Key]:
    key = ", ".join(table.key)
    found = connection.execute(
        f"SELECT {table.columns} FROM {table.name} "
        f"WHERE ({key}) IN (VALUES {', '.join([_marks(table)] * len(keys))})",
        [value for one in keys for value in one],
    )
    return {tuple(row) for row in found}


def _keys_but(table: Table, keys: set[Key], connection: Connection) -> list[Key]:
    found = connection.execute(f"SELECT {', '.join(table.key)} FROM {table.name}")
    return [key for row in found if (key := tuple(row)) not in keys]


def _put(table: Table, rows: Sequence[Key], connection: Connection) -> None:
    others = ", ".join(f"{column} = excluded.{column}" for column in table.rest)
    insert_rows(
        connection,
        f"INSERT INTO {table.name} ({table.columns})",
        rows,
        f"ON CONFLICT ({', '.join(table.key)}) DO "
        + (f"UPDATE SET {others}" if others else "NOTHING"),
    )


def _remove(table: Table, keys: Sequence[Key], connection: Connection) -> None:
    same = " AND ".join(f"{column} = ?" for column in table.key)
    connection.executemany(f"DELETE FROM {table.name} WHERE {same}", keys)
