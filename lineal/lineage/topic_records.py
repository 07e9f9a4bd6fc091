"""Records that the lineage topic has still: put back where the ledger has lost them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from lineal.bus.protocol import Bus
from lineal.effects.codec import decode
from lineal.effects.records import LineageRecord
from lineal.lineage.topic import LINEAGE_TOPIC


async def read_topic_records(bus: Bus) -> list[bytes]:
    """The canonical bytes of all records on the topic, in their order; what cannot be read is left
    out.

    Raises:
        BusUnavailable, UnknownTopic
    """
    records = []
    async for delivery in bus.read(LINEAGE_TOPIC):
        try:
            effects = decode(delivery.event.data)
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
