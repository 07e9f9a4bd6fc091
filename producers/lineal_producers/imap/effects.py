"""The effect of noting which message of a mailbox was ingested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lineal.effects.effect import Effect, register
from lineal.store.connection import Connection


@dataclass(frozen=True, slots=True)
class MessageIngested(Effect):
    """A message is on the bus. Never noted before its event is: what is noted is not ingested
    again, and is moved or flagged."""

    kind: ClassVar[str] = "imap.ingested"
    read_by_others: ClassVar[bool] = False

    mailbox: str
    uidvalidity: int
    uid: int


def _apply(connection: Connection, messages: Sequence[MessageIngested]) -> None:
    connection.executemany(
        "INSERT INTO taken_messages (mailbox, uidvalidity, uid) VALUES (?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        [(item.mailbox, item.uidvalidity, item.uid) for item in messages],
    )


register(_apply, MessageIngested)
