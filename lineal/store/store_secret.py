"""Secrets of an installation: made when they are first needed, and kept in its store.

All machines that share the store have the same.
"""

from __future__ import annotations

import secrets
from functools import partial

from lineal.store.connection import Connection, Store
from lineal_schemas.envelope import now_us

_BYTES = 32

ARRIVAL_IDS = "arrival ids"
"""What the ids of arrivals are derived with: who has not the secret cannot tell from an id which
path and which bytes it was made of."""


async def store_secret(store: Store, purpose: str) -> bytes:
    """The secret for a purpose.

    Raises:
        StoreUnavailable
    """
    found = await store.read(partial(_find, purpose=purpose))
    if found is None:
        found = await store.write(partial(_make, purpose=purpose))
    return found


def _find(connection: Connection, purpose: str) -> bytes | None:
    row = connection.execute(
        "SELECT secret FROM store_secrets WHERE purpose = ?", (purpose,)
    ).fetchone()
    return None if row is None else bytes(row[0])


def _make(connection: Connection, purpose: str) -> bytes:
    connection.execute(
        "INSERT INTO store_secrets VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (purpose, secrets.token_bytes(_BYTES), now_us()),
    )
    found = _find(connection, purpose)
    assert found is not None
    return found
