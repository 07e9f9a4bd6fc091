"""Checkpoints as events: the topic that they are published on."""

from __future__ import annotations

from hashlib import sha256

from lineal.store.connection import Connection
from lineal_schemas.envelope import RawEvent, now_us

CHECKPOINT_TOPIC = "lineal.checkpoint"
"""Topic and type of the events that carry checkpoints; their data is the signed note."""
MAX_CHECKPOINTS = 1_000
"""The newest of a topic that are looked at: the newest says how long the ledger was, and those
before it where it was changed."""
_MEDIA_TYPE = "text/plain; charset=utf-8"


def checkpoint_event(checkpoint: bytes) -> RawEvent:
    """The event that carries a checkpoint."""
    origin = checkpoint.partition(b"\n")[0].decode()
    id = sha256(checkpoint).hexdigest()[:32]
    return RawEvent(
        id=id, source="lineal:log", type=CHECKPOINT_TOPIC, subject=None, time=now_us(),
        datacontenttype=_MEDIA_TYPE, dataschema=None, partitionkey=origin, traceparent=None,
        causationid=None, correlationid=f"log:{origin}", data=checkpoint,
    )  # fmt: skip


def embedded_checkpoints(connection: Connection) -> list[bytes]:
    """The newest that are on the topic of an embedded bus, the newest first; none where the bus is
    elsewhere."""
    if connection.dialect.name != "sqlite":
        return []
    rows = connection.execute(
        "SELECT data FROM events WHERE type = ? ORDER BY position DESC LIMIT ?",
        (CHECKPOINT_TOPIC, MAX_CHECKPOINTS),
    )
    return [bytes(data) for (data,) in rows.fetchall() if isinstance(data, bytes)]
