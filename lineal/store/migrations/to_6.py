"""The ledger's index: from a b-tree of links to rows of entries (:mod:`lineal.store.key_index`)."""

from __future__ import annotations

from lineal.store.connection import Connection
from lineal.store.key_index import KEY_BYTES, add_entries, index_entries

_LINKS_BATCH_SIZE = 50_000
_MADE = 2
_INVERTED = bytes(range(255, -1, -1))
_MIN_KEY = -(1 << 63)

_TABLES = """
CREATE TABLE ledger_index (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    size INTEGER NOT NULL,
    entries BLOB NOT NULL
);
CREATE INDEX ledger_index_by_node ON ledger_index (node, size, id);
"""


def migrate(connection: Connection) -> None:
    """Make the entries of the links. Records stay as they are."""
    connection.dialect.define(connection, _TABLES)
    last = (_MIN_KEY, -1, -1)
    while rows := connection.execute(
        "SELECT key, link, seq FROM ledger_links WHERE (key, link, seq) > (?, ?, ?) "
        f"ORDER BY key, link, seq LIMIT {_LINKS_BATCH_SIZE}",
        last,
    ).fetchall():
        add_entries(connection, [_entry(*row) for row in rows])
        last = tuple(rows[-1])
    connection.execute("DROP TABLE ledger_links")


def _entry(key: int, link: int, seq: int) -> bytes:
    short = key.to_bytes(8, "big", signed=True)[:KEY_BYTES]
    return index_entries([short.translate(_INVERTED) if link == _MADE else short], seq)
