"""The effect of claiming a name, which only the first of several events gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class Claim(Effect):
    """The event claims the name; the first claim stays."""

    kind: ClassVar[str] = "claim"
    read_by_others: ClassVar[bool] = True

    stage: str
    name: str
    event_id: str
    """The key of the event, of which its id is a part; see :mod:`lineal.effects.event_key`."""


def _apply(connection: Connection, claims: Sequence[Claim]) -> None:
    connection.executemany(
        "INSERT INTO claims (stage, name, event_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(claim.stage, claim.name, claim.event_id) for claim in claims],
    )


register(_apply, Claim)
