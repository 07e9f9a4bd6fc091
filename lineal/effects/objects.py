"""The effect of writing a small object in the transaction of its step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection
from lineal.store.objects import put_small_objects


@dataclass(frozen=True, slots=True)
class ObjectPut(Effect):
    """The bytes of an object of at most :data:`lineal.store.objects.SMALL_BYTES`."""

    kind: ClassVar[str] = "object"
    read_by_others: ClassVar[bool] = True

    data: bytes


def _apply(connection: Connection, objects: Sequence[ObjectPut]) -> None:
    put_small_objects(connection, [item.data for item in objects])


register(_apply, ObjectPut)
