"""The effects of noting which version of a file was ingested, and that it was deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class FileSynced(Effect):
    """A version of a file is on the bus, or that it was deleted. Never noted before its event is:
    what is noted is not announced again."""

    kind: ClassVar[str] = "sync.noted"
    read_by_others: ClassVar[bool] = False

    bucket: str
    """A bucket, or the URI of a folder."""
    name: str
    version: str
    document_id: str
    event_id: str
    """Of the arrival."""
    at: int
    """Microseconds since the Unix epoch."""


def _apply(connection: Connection, files: Sequence[FileSynced]) -> None:
    connection.executemany(
        "INSERT INTO taken_objects (bucket, name, version, taken) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (bucket, name) DO UPDATE SET version = excluded.version, "
        "taken = excluded.taken",
        [(item.bucket, item.name, item.version, item.at) for item in files],
    )
    connection.executemany(
        "INSERT INTO synced_documents (bucket, name, document_id, event_id) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (bucket, name) DO UPDATE SET document_id = excluded.document_id, "
        "event_id = excluded.event_id",
        [(item.bucket, item.name, item.document_id, item.event_id) for item in files],
    )


register(_apply, FileSynced)
