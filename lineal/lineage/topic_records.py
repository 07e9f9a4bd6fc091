"""Records that the lineage topic has still: put back where the ledger has lost them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from lineal.bus.marks import Marks
from lineal.bus.protocol import Bus
from lineal.effects.codec import decode
from lineal.effects.records import LineageRecord
from lineal.lineage.topic import LINEAGE_TOPIC
from lineal_schemas.envelope import RawEvent


async def read_topic_messages(bus: Bus) -> list[RawEvent]:
    """All messages of the topic, in their order.

    Raises:
        BusUnavailable, UnknownTopic
    """
    return [delivery.event async for delivery in bus.read(LINEAGE_TOPIC)]


def records_of_messages(messages: Sequence[RawEvent], marks: Marks | None) -> list[bytes]:
    """The canonical bytes of all records in messages of the topic, in their order.

    Left out are those that cannot be read, and those that nobody of this installation has written
    there. Before the first mark nobody marked any.

    Args:
        marks: None: its keys are lost, and nobody can tell who has written what.
    """
    records = []
    marked = False
    for message in messages:
        is_marked = marks is not None and marks.valid(message)
        if marked and not is_marked:
            continue
        marked = marked or is_marked
        try:
            effects = decode(message.data)
        except ValueError:
            continue
        records += [effect.canonical for effect in effects if isinstance(effect, LineageRecord)]
    return records


def find_lost_records(
    lost: Iterable[int], known: Mapping[bytes, int], records: Sequence[bytes]
) -> dict[int, bytes]:
    """Which of the records of a topic are those that a ledger has lost.

    The topic has them in the order of the ledger: a lost one follows on the one before it. Whether
    they are the ones that were signed, only the log can say.

    Args:
        lost: their numbers.
        known: numbers of records by their digests: of those that are there, and of lost ones whose
            digest is known.
    """
    missing, found = set(lost), {}
    previous: int | None = None
    for canonical in records:
        number = known.get(sha256(canonical).digest())
        if number is None and previous is not None:
            number = previous + 1 if previous + 1 in missing else None
        if number in missing and number not in found:
            found[number] = canonical
        previous = number
    return found
