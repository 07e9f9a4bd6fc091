"""The effect of noting which version of an object was ingested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class ObjectIngested(Effect):
    """A version of an object is on the bus. Never noted before its event is: what is noted is not
    taken again."""

    kind: ClassVar[str] = "s3.ingested"
    read_by_others: ClassVar[bool] = False

    bucket: str
    name: str
    version: str
    at: int
    """Microseconds since the Unix epoch."""


def _apply(connection: Connection, objects: Sequence[ObjectIngested]) -> None:
    connection.executemany(
        "INSERT INTO taken_objects (bucket, name, version, taken) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (bucket, name) DO UPDATE SET version = excluded.version, "
        "taken = excluded.taken",
        [(item.bucket, item.name, item.version, item.at) for item in objects],
    )


register(_apply, ObjectIngested)
