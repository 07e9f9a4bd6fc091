"""Whether every event that only stages make was made by a step in the ledger.

Looked at are the topics of the embedded bus. On a shared broker events carry marks
(:mod:`lineal.bus.marks`), which stages look at before they act.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from lineal.admission import types_of_stages
from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE
from lineal.bus.erased_event import ERASED
from lineal.erasure.erasures import erased_at
from lineal.lineage.graph import EVENT_ROLES
from lineal.lineage.record import Record
from lineal.proof.verification import VerificationContext
from lineal.store.connection import Connection

_OFFSET_BITS = 40
_MADE_BY_US = ("lineal:stage/%", "lineal:group/%")


class _Found(NamedTuple):
    position: int
    type: str
    data: str | None
    """Digest; None where the bus has a reference only."""


class EventReader:
    """See :class:`lineal.proof.record_pass.RecordReader`."""

    reads_records = "events"

    def __init__(self) -> None:
        self._connection: Connection
        self._open: dict[str, list[_Found]] = {}
        self._changed: set[str] = set()

    def begin(self, context: VerificationContext) -> None:
        self._connection = connection = context.connection
        self._open, self._changed = {}, set()
        if connection.dialect.name != "sqlite":
            return
        types = sorted(types_of_stages() - context.from_outside)
        rows = connection.execute(
            "SELECT position, id, type, datacontenttype, data FROM events WHERE "
            f"(source LIKE ? OR source LIKE ? OR type IN ({', '.join('?' * len(types))})) "
            "ORDER BY position",
            (*_MADE_BY_US, *types),
        )
        for position, id, kind, media_type, data in rows:
            digest = None
            if media_type != REFERENCE_MEDIA_TYPE:
                digest = sha256(data).hexdigest() if isinstance(data, bytes) else "no bytes"
            self._open.setdefault(id, []).append(_Found(position, kind, digest))

    def add(self, seq: int, build: int | None, record: Record) -> None:
        if not self._open:
            return
        for step in record.recorded():
            made = {item.sha256 for item in step.outputs if item.role in EVENT_ROLES}
            for id in step.events_out:
                found = self._open.get(id)
                if found is None:
                    continue
                left = [item for item in found if made and item.data and item.data not in made]
                if left:
                    self._open[id] = left
                    self._changed.add(id)
                else:
                    del self._open[id]

    def findings(self) -> Iterator[str]:
        yield from self._erased()
        topics = dict(
            self._connection.execute(
                "SELECT partitions.id, topics.name || '/' || number FROM partitions "
                "JOIN topics ON topics.id = topic"
            ).fetchall()
            if self._open
            else ()
        )
        left = [(item.position, id) for id, items in self._open.items() for item in items]
        for position, id in sorted(left):
            place = topics.get(position >> _OFFSET_BITS, "a topic that is not there")
            event = f"the event {id} at {place}/{position & (1 << _OFFSET_BITS) - 1}"
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
