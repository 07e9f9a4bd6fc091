"""The lineage topic: effects and lineage records as events, and applying them to a store.

They are published in the transaction of the steps that they belong to. The topic has one partition:
a step reads an event only after the transaction with the event's record is committed, so the order
on the topic is causal.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from lineal.effects.codec import decode_known, encode
from lineal.effects.effect import Effect, apply
from lineal.effects.memo import MemoEntry
from lineal.effects.records import LineageRecord, lineage_records
from lineal.lineage.ledger import Ledger
from lineal.lineage.record import Record
from lineal.lineage.replayed import RecentRecords, has_record, rejection_record
from lineal.store.connection import Connection
from lineal.store.memo import put_memos
from lineal.store.positions import advance, position_of
from lineal_schemas.envelope import RawEvent, now_us

LINEAGE_TOPIC = "lineal.lineage"
"""Topic and type of the events."""
LEDGER_GROUP = "lineal.ledger"
"""The group that applies them to the store."""
EFFECTS_MEDIA_TYPE = "application/vnd.lineal.effects"
"""Data as :mod:`lineal.effects.codec` writes it."""
_SOURCE = "lineal:lineage"


class Message(NamedTuple):
    """An event of the topic, as far as its data goes."""

    offset: int
    data: bytes
    time: int = 0
    """When it was written, microseconds since the Unix epoch; 0: not known."""


class Applied(NamedTuple):
    """The result of applying messages."""

    position: int
    """The offset below which everything is in the store."""
    unreadable: Sequence[tuple[int, str]] = ()
    """Offsets of messages that were left out, and what is wrong with them."""
    changed: Sequence[bytes] = ()
    """Steps whose outputs are not those that the memo has."""
    replayed: Sequence[int] = ()
    """Offsets of messages that were left out: they had been applied before."""


def lineage_event(data: bytes) -> RawEvent:
    """The event that carries effects; without data, the marker that ``flush_ledger`` waits for."""
    id = sha256(data).hexdigest()[:32] if data else uuid.uuid4().hex
    return RawEvent(
        id=id, source=_SOURCE, type=LINEAGE_TOPIC, subject=None, time=now_us(),
        datacontenttype=EFFECTS_MEDIA_TYPE, dataschema=None, partitionkey=LINEAGE_TOPIC,
        traceparent=None, causationid=None, correlationid=id, data=data,
    )  # fmt: skip


def unmarked_record(offset: int, data: bytes) -> bytes:
    """What is applied in the place of a message that somebody else wrote: a record that it was
    refused, with the digest of its data."""
    return encode(
        lineage_records([_refused(offset, data, "UnmarkedMessage", "it has no valid mark")])
    )


def _refused(offset: int, data: bytes, error: str, reason: str) -> Record:
    return rejection_record(
        LINEAGE_TOPIC, LEDGER_GROUP, EFFECTS_MEDIA_TYPE, offset, data, error, reason
    )


def apply_messages(
    connection: Connection,
    source: str,
    messages: Sequence[Message],
    recent: RecentRecords | None = None,
) -> Applied:
    """Apply messages in the caller's transaction, each once.

    The store's position is moved in the same transaction, and messages below it are left out:
    any number of processes may read the topic, and read parts of it again.

    Args:
        source: the name under which the store keeps its position on the topic.
        messages: consecutive ones, in order; they begin at the store's position or below it.
        recent: what this process has applied; None: the ledger is asked of each message whether it
            has its records.

    Raises:
        PositionConflict: another process has applied some of them meanwhile; try again.
    """
    position = position_of(connection, source)
    ahead = [message for message in messages if message.offset >= position]
    if not ahead:
        return Applied(position)
    reached = ahead[-1].offset + 1
    advance(connection, source, position, reached)
    effects: list[Effect] = []
    unreadable: list[tuple[int, str]] = []
    replayed: list[int] = []
    added: set[bytes] = set()
    for offset, data, time in ahead:
        found: Sequence[Effect]
        try:
            found, problems = decode_known(data)
        except ValueError as error:
            unreadable.append((offset, str(error)))
            continue
        # What was committed with them is kept: records, and the state of others.
        unreadable += [(offset, problem) for problem in problems]
        first = next((e.canonical for e in found if isinstance(e, LineageRecord)), None)
        if first is not None:
            name = sha256(first).digest()
            asked = recent is None or recent.may_have(name, time)
            if name in added or (asked and has_record(connection, first)):
                replayed.append(offset)
                reason = "the ledger has its records already"
                found = lineage_records([_refused(offset, data, "ReplayedMessage", reason)])
            added.add(name)
            if recent is not None:
                recent.add(name, time)
        effects += found
    memos = [(e.step, e.outputs) for e in effects if isinstance(e, MemoEntry)]
    records = [e.canonical for e in effects if isinstance(e, LineageRecord)]
    apply(connection, [e for e in effects if not isinstance(e, (MemoEntry, LineageRecord))])
    changed = put_memos(connection, memos)
    # Last: projections read what the other effects wrote.
    Ledger().append_canonical(connection, records)
    return Applied(reached, unreadable, changed, replayed)
