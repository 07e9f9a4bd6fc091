"""The log's tree in the store: tiles, size, the newest checkpoint, and who extends it.

The entry of a record is its digest, 32 bytes: the SHA-256 of its canonical JSON. A bundle has room
for 65,535 bytes an entry, which a record of many steps can exceed, and a log that is served says
nothing of what records hold to those who do not have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineal.proof.errors import LogInconsistent
from lineal.proof.merkle import HASH_BYTES, leaf_hash, root_of
from lineal.proof.tiles import TILE_BYTES, TILE_WIDTH, TileSource, split_hashes
from lineal.store.connection import Connection
from lineal.store.rows import insert_rows

_ROW = 1
_LEVEL_BITS = 40


class LogRow(NamedTuple):
    """The row of the store's log."""

    keys: str
    """Verifier keys, oldest first, a line each."""
    size: int
    """Records that are in the tree."""
    checkpoint: bytes | None
    """The newest."""
    witnessed: bytes | None
    """The newest that the witnesses of the policy have signed."""
    owner: str | None
    lease_until: int
    """Microseconds since the Unix epoch."""


def read_log(connection: Connection) -> LogRow | None:
    """The row of the store that describes its log; None before there is one."""
    row = connection.execute(
        "SELECT keys, size, checkpoint, witnessed, owner, lease_until FROM ledger_log WHERE id = ?",
        (_ROW,),
    ).fetchone()
    if row is None:
        return None
    keys, size, checkpoint, witnessed, owner, lease_until = row
    return LogRow(keys, size, _bytes(checkpoint), _bytes(witnessed), owner, lease_until)


def _bytes(note: str | None) -> bytes | None:
    return None if note is None else note.encode()


def start_log(connection: Connection, keys: str) -> None:
    """Make the row of a new log, unless there is one."""
    connection.execute(
        "INSERT INTO ledger_log (id, keys, size, lease_until) VALUES (?, ?, 0, 0) "
        "ON CONFLICT DO NOTHING",
        (_ROW, keys),
    )


def forget_log(connection: Connection) -> None:
    """Remove the log and its tree; the ledger stays."""
    connection.execute("DELETE FROM ledger_tiles")
    connection.execute("DELETE FROM ledger_log")


def set_keys(connection: Connection, keys: str) -> None:
    """Set the keys that sign the log from now on."""
    connection.execute("UPDATE ledger_log SET keys = ? WHERE id = ?", (keys, _ROW))


def take_lease(connection: Connection, owner: str, now: int, lease_us: int) -> bool:
    """Take the lease on extending the log; False if another process holds it."""
    taken = connection.execute(
        "UPDATE ledger_log SET owner = ?, lease_until = ? "
        "WHERE id = ? AND (owner IS NULL OR owner = ? OR lease_until < ?)",
        (owner, now + lease_us, _ROW, owner, now),
    )
    return taken.rowcount == 1


def drop_lease(connection: Connection, owner: str) -> None:
    """Release the lease on extending it."""
    connection.execute(
        "UPDATE ledger_log SET owner = NULL, lease_until = 0 WHERE id = ? AND owner = ?",
        (_ROW, owner),
    )


def set_checkpoint(connection: Connection, checkpoint: bytes) -> None:
    """Set the newest checkpoint."""
    connection.execute(
        "UPDATE ledger_log SET checkpoint = ? WHERE id = ?", (checkpoint.decode(), _ROW)
    )


def replace_checkpoint(connection: Connection, before: bytes, after: bytes) -> bool:
    """Put a checkpoint with more signatures in the place of the newest; False if there is a newer
    one by now."""
    replaced = connection.execute(
        "UPDATE ledger_log SET checkpoint = ? WHERE id = ? AND checkpoint = ?",
        (after.decode(), _ROW, before.decode()),
    )
    return replaced.rowcount == 1


def set_witnessed(connection: Connection, checkpoint: bytes) -> None:
    """Set the newest checkpoint that satisfies the policy."""
    connection.execute(
        "UPDATE ledger_log SET witnessed = ? WHERE id = ?", (checkpoint.decode(), _ROW)
    )


def tile_id(level: int, number: int) -> int:
    """The row of a tile."""
    return level << _LEVEL_BITS | number


def tile_source(connection: Connection) -> TileSource:
    """Reads tiles from the store."""

    def source(level: int, number: int) -> bytes:
        row = connection.execute(
            "SELECT hashes FROM ledger_tiles WHERE id = ?", (tile_id(level, number),)
        ).fetchone()
        return b"" if row is None else bytes(row[0])

    return source


def last_record(connection: Connection) -> int:
    """The number of the ledger's last record."""
    row = connection.execute("SELECT coalesce(max(seq), 0) FROM ledger").fetchone()
    return int(row[0])


def is_behind(connection: Connection) -> bool:
    """Whether the tree does not have what the ledger has."""
    row = read_log(connection)
    return last_record(connection) != (0 if row is None else row.size)


def record_leaf(digest: bytes) -> bytes:
    """The leaf's hash of a record with this digest: its entry is the digest."""
    return leaf_hash(digest)


def extend_tree(connection: Connection, size: int, limit: int) -> int:
    """Add the next records, at most ``limit``, to a tree that has ``size``; returns its new size.

    Which tiles there are afterwards depends on the records alone: whoever does it again, after a
    crash or as another owner, writes the same.

    Raises:
        LogInconsistent: a record is missing, or a tile is not what the size says.
    """
    rows = connection.execute(
        "SELECT seq, digest FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?", (size, limit)
    ).fetchall()
    for expected, (seq, _) in enumerate(rows, size + 1):
        if seq != expected:
            raise LogInconsistent(f"record {expected} is missing from the ledger")
    if rows:
        _add_hashes(connection, size, [record_leaf(bytes(digest)) for _, digest in rows])
        connection.execute("UPDATE ledger_log SET size = ? WHERE id = ?", (size + len(rows), _ROW))
    return size + len(rows)


def _add_hashes(connection: Connection, size: int, hashes: Sequence[bytes]) -> None:
    source = tile_source(connection)
    level = 0
    while hashes:
        number, width = divmod(size, TILE_WIDTH)
        begun = source(level, number)[: width * HASH_BYTES] if width else b""
        if len(begun) != width * HASH_BYTES:
            raise LogInconsistent(f"tile {level}/{number} of the log is cut off")
        added = begun + b"".join(hashes)
        parts = [added[at : at + TILE_BYTES] for at in range(0, len(added), TILE_BYTES)]
        insert_rows(
            connection,
            "INSERT INTO ledger_tiles (id, hashes)",
            [(tile_id(level, number + place), part) for place, part in enumerate(parts)],
            "ON CONFLICT (id) DO UPDATE SET hashes = excluded.hashes",
        )
        hashes = [root_of(split_hashes(part)) for part in parts if len(part) == TILE_BYTES]
        level, size = level + 1, size // TILE_WIDTH
