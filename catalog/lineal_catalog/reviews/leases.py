"""Who works on an item, and what they have entered so far. Both end with their answer."""

from __future__ import annotations

from typing import Any

import orjson

from lineal.store.connection import Connection
from lineal_schemas.reviews import ReviewValue

LEASE_SECONDS = 15 * 60
"""How long somebody has an item without entering anything."""


def lease(connection: Connection, item_id: str, actor: str, now: int) -> bool:
    """Whether somebody has the item now; it is theirs for as long as a lease lasts. Whose own has
    run out begins anew: they were away meanwhile.

    Args:
        now: microseconds since the Unix epoch.
    """
    written = connection.execute(
        "INSERT INTO review_leases VALUES (?, ?, ?, ?) ON CONFLICT (item_id) DO UPDATE SET "
        "actor = excluded.actor, expires = excluded.expires, began = CASE "
        "WHEN review_leases.actor = excluded.actor "
        "AND review_leases.expires > excluded.began THEN review_leases.began "
        "ELSE excluded.began END "
        "WHERE review_leases.actor = excluded.actor OR review_leases.expires <= excluded.began",
        (item_id, actor, now, now + LEASE_SECONDS * 1_000_000),
    )
    return written.rowcount == 1


def end_lease(connection: Connection, item_id: str, actor: str) -> None:
    """Give an item back, if this person has it."""
    connection.execute(
        "DELETE FROM review_leases WHERE item_id = ? AND actor = ?", (item_id, actor)
    )


def keep_draft(
    connection: Connection, item_id: str, actor: str, value: ReviewValue, now: int
) -> None:
    """Keep what somebody has entered, in the place of what they had entered before."""
    connection.execute(
        "INSERT INTO review_drafts VALUES (?, ?, ?, ?) ON CONFLICT (item_id, actor) "
        "DO UPDATE SET saved = excluded.saved, value = excluded.value",
        (item_id, actor, now, value.model_dump_json()),
    )


def draft_of(connection: Connection, item_id: str, actor: str) -> dict[str, Any] | None:
    """What somebody has entered and not sent yet."""
    row = connection.execute(
        "SELECT saved, value FROM review_drafts WHERE item_id = ? AND actor = ?", (item_id, actor)
    ).fetchone()
    return None if row is None else {"saved_us": row[0], "value": orjson.loads(row[1])}
