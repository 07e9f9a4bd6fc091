"""What somebody may do to a ledger and its log who can write the database."""

from __future__ import annotations

import zlib
from hashlib import sha256
from random import Random
from typing import Any

from lineal.lineage.ledger import stored_bytes
from lineal.proof.merkle import HASH_BYTES


def forged(connection: Any, seq: int) -> tuple[bytes, bytes]:
    """Another record in the place of one, whose digest is right: it took longer."""
    (record,) = connection.execute("SELECT record FROM ledger WHERE seq = ?", (seq,)).fetchone()
    canonical = stored_bytes(record).replace(b'"lasted":', b'"lasted":1', 1)
    return sha256(canonical).digest(), zlib.compress(canonical)


def mutate_log(random: Random, connection: Any) -> str:
    """One change of records, tiles or the row of the log, of a kind and at a place that chance
    names."""
    (last,) = connection.execute("SELECT max(seq) FROM ledger").fetchone()
    kind = random.choice(["edit", "delete", "cut off", "swap", "add", "insert", "tile", "row"])
    seq, other = random.sample(range(1, last + 1), 2)
    match kind:
        case "edit":
            digest, record = forged(connection, seq)
            connection.execute("UPDATE ledger SET digest = ?, record = ? WHERE seq = ?",
                               (digest, record, seq))  # fmt: skip
        case "delete":
            connection.execute("DELETE FROM ledger WHERE seq = ?", (seq,))
        case "cut off":
            connection.execute("DELETE FROM ledger WHERE seq >= ?", (seq,))
        case "swap":
            for old, new in ((seq, 0), (other, seq), (0, other)):
                connection.execute("UPDATE ledger SET seq = ? WHERE seq = ?", (new, old))
        case "add":
            place = random.choice([0, last + 1, 10_000, -seq])
            connection.execute("INSERT INTO ledger SELECT ?, build, digest, record FROM ledger "
                               "WHERE seq = ?", (place, other))  # fmt: skip
        case "insert":
            connection.execute("UPDATE ledger SET seq = -seq WHERE seq >= ?", (seq,))
            connection.execute("UPDATE ledger SET seq = 1 - seq WHERE seq < 0")
        case "tile":
            return f"tile: {_mutate_tile(random, connection)}"
        case "row":
            other_size = f"replace(checkpoint, '\n{last}\n', '\n{last - 1}\n')"
            column, value = random.choice(
                [("size", "size - 1"), ("size", "size + 1"), ("checkpoint", "NULL"),
                 ("checkpoint", other_size)]
            )  # fmt: skip
            connection.execute(f"UPDATE ledger_log SET {column} = {value}")
            return f"row: {column} = {value}"
    return f"{kind} at {seq}, {other}"


def _mutate_tile(random: Random, connection: Any) -> str:
    tiles = dict(connection.execute("SELECT id, hashes FROM ledger_tiles").fetchall())
    tile = random.choice(list(tiles))
    hashes = tiles[tile]
    kind = random.choice(["edit", "delete", "swap", "cut off", "add"])
    at = random.randrange(len(hashes))
    others = [id for id in tiles if tiles[id] != hashes]
    match kind:
        case "delete":
            connection.execute("DELETE FROM ledger_tiles WHERE id = ?", (tile,))
        case "add":
            connection.execute("INSERT INTO ledger_tiles VALUES (?, ?)", (max(tiles) + 1, hashes))
        case "swap" if others:
            other = random.choice(others)
            for id, changed in ((tile, tiles[other]), (other, hashes)):
                connection.execute("UPDATE ledger_tiles SET hashes = ? WHERE id = ?", (changed, id))
        case "cut off":
            cut = hashes[: at // HASH_BYTES * HASH_BYTES]
            connection.execute("UPDATE ledger_tiles SET hashes = ? WHERE id = ?", (cut, tile))
        case _:
            changed = hashes[:at] + bytes((hashes[at] ^ 1 << random.randrange(8),))
            connection.execute("UPDATE ledger_tiles SET hashes = ? WHERE id = ?",
                               (changed + hashes[at + 1 :], tile))  # fmt: skip
    return f"{kind} {tile} at {at}"
