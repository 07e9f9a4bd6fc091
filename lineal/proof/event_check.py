"""Whether every event that only steps make was made by a step in the ledger, and whether all events
of the embedded bus that no retention has deleted are there.

Looked at are the topics of the embedded bus, or what was read of those of a broker
(:mod:`lineal.proof.topic_reading`).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from lineal.admission import types_of_steps
from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.bus.erased_event import ERASED
from lineal.erasure.erasures import erased_at
from lineal.lineage.graph import EVENT_ROLES
from lineal.lineage.record import Record
from lineal.proof.topic_reading import EventOnTopic
from lineal.proof.verification import VerificationContext
from lineal.store.connection import Connection

_OFFSET_BITS = 40
_MADE_BY_US = ("lineal:stage/%", "lineal:group/%")


class EventReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "events"

    def __init__(self) -> None:
        self._connection: Connection
        self._open: dict[str, list[EventOnTopic]] = {}
        self._changed: set[str] = set()
        self._problem: str | None = None
        self._of_broker = False

    def begin(self, context: VerificationContext) -> None:
        self._connection = connection = context.connection
        self._open, self._changed = {}, set()
        self._problem = None if context.topics is None else context.topics.problem
        self._of_broker = context.topics is not None
        if (topics := context.topics) is not None:
            self._open = {id: list(found) for id, found in topics.events.items()}
            context.results["events_on_topics"] = sum(map(len, self._open.values()))
            return
        if connection.dialect.name != "sqlite":
            return
        types = sorted(types_of_steps() - context.from_outside)
        rows = connection.execute(
            "SELECT position, id, datacontenttype, data FROM events WHERE "
            f"(source LIKE ? OR source LIKE ? OR type IN ({', '.join('?' * len(types))})) "
            "ORDER BY position",
            (*_MADE_BY_US, *types),
        )
        places = _Places(connection)
        for position, id, media_type, data in rows:
            digest = None
            if media_type != REFERENCE_MEDIA_TYPE:
                digest = sha256(data).hexdigest() if isinstance(data, bytes) else "no bytes"
            self._open.setdefault(id, []).append(EventOnTopic(places.of(position), digest))

    def add(self, seq: int, build: int | None, record: Record) -> None:
        if not self._open:
            return
        for step in record.recorded():
            made = {item.sha256 for item in step.outputs if item.role in EVENT_ROLES}
            for id in step.events_out:
                found = self._open.get(id)
                if found is None:
                    continue
                left = [item for item in found if made and item.digest and item.digest not in made]
                if left:
                    self._open[id] = left
                    self._changed.add(id)
                else:
                    del self._open[id]

    def findings(self) -> Iterator[str]:
        yield from self._erased()
        yield from self._missing()
        if self._problem is not None:
            yield self._problem
        left = [(item.place, id) for id, items in self._open.items() for item in items]
        for place, id in left:
            event = f"the event {id} at {place}"
            if id in self._changed:
                yield f"{event} is not what the step made"
            else:
                yield f"no step in the ledger made {event}"

    def _erased(self) -> Iterator[str]:
        """Events whose data is gone though nothing was erased."""
        connection = self._connection
        if connection.dialect.name != "sqlite":
            return
        rows = connection.execute(
            "SELECT correlationid, min(id) FROM events WHERE type = ? GROUP BY correlationid",
            (ERASED,),
        ).fetchall()
        for subject, id in rows:
            if erased_at(connection, subject) is None:
                yield f"the event {id} is erased, and no record says so"

    def _missing(self) -> Iterator[str]:
        """The first event of each partition that is gone though its place was not given up."""
        connection = self._connection
        if connection.dialect.name != "sqlite" or self._of_broker:
            return
        rows = connection.execute(
            "SELECT id, first_offset, next_offset, (SELECT count(*) FROM events "
            f"WHERE position >= (p.id << {_OFFSET_BITS}) + first_offset "
            f"AND position < (p.id << {_OFFSET_BITS}) + next_offset) FROM partitions AS p"
        ).fetchall()
        places = _Places(connection)
        for partition, first, end, count in rows:
            if count >= end - first:
                continue
            base = partition << _OFFSET_BITS
            there = connection.execute(
                "SELECT position FROM events WHERE position >= ? AND position < ? "
                "ORDER BY position",
                (base + first, base + end),
            )
            expected = base + first
            for (position,) in there:
                if position != expected:
                    break
                expected += 1
            others = end - first - count - 1
            more = f", and {others} more of its partition" if others else ""
            yield f"the event at {places.of(expected)} is missing{more}"


class _Places:
    """Names the places of events of the embedded bus."""

    def __init__(self, connection: Connection) -> None:
        rows = connection.execute(
            "SELECT partitions.id, topics.name || '/' || number FROM partitions "
            "JOIN topics ON topics.id = topic"
        )
        self._partitions: dict[int, str] = dict(rows.fetchall())

    def of(self, position: int) -> str:
        """Topic, partition and offset."""
        where = self._partitions.get(position >> _OFFSET_BITS, "a topic that is not there")
        return f"{where}/{position & (1 << _OFFSET_BITS) - 1}"
