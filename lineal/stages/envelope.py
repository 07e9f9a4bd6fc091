"""``ctx.event``: the attributes of an event as a stage sees them."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from lineal_schemas.envelope import RawEvent

T = TypeVar("T", str, int, str | None)


class EnvelopeRead(NamedTuple):
    """An attribute that a step has read: an input of the step like its data."""

    place: int
    """Which of the handler's events, from 0."""
    name: str
    value: str | int | None


_RAW_NAMES = {"correlation_id": "correlationid", "causation_id": "causationid"}


def attribute_of(event: RawEvent, name: str) -> str | int | None:
    """The value of an attribute by the name it has in :class:`Envelope`."""
    value: str | int | None = getattr(event, _RAW_NAMES.get(name, name))
    return value


class Envelope:
    """The attributes of an event (CloudEvents 1.0 and our extensions), without its data. Each that
    is read is recorded as an input of the step and becomes part of its memo key.
    """

    __slots__ = ("_place", "_raw", "_read")

    def __init__(self, raw: RawEvent, read: list[EnvelopeRead], place: int = 0) -> None:
        self._raw = raw
        self._read = read
        self._place = place

    @property
    def id(self) -> str:
        return self._noted("id", self._raw.id)

    @property
    def source(self) -> str:
        return self._noted("source", self._raw.source)

    @property
    def type(self) -> str:
        return self._noted("type", self._raw.type)

    @property
    def subject(self) -> str | None:
        return self._noted("subject", self._raw.subject)

    @property
    def time(self) -> int:
        """Microseconds since the Unix epoch."""
        return self._noted("time", self._raw.time)

    @property
    def partitionkey(self) -> str:
        """Events of one key are handled in order."""
        return self._noted("partitionkey", self._raw.partitionkey)

    @property
    def traceparent(self) -> str | None:
        """Its place in a trace (W3C Trace Context): spans of one's own go on from here."""
        return self._noted("traceparent", self._raw.traceparent)

    @property
    def correlation_id(self) -> str:
        """What the event is part of the history of: an order, a machine."""
        return self._noted("correlation_id", self._raw.correlationid)

    @property
    def causation_id(self) -> str | None:
        """Id of the event that caused this one; None where a producer made it."""
        return self._noted("causation_id", self._raw.causationid)

    @property
    def supersedes(self) -> str | None:
        """Id of the event whose place this one takes, made by another version of its stage; what
        was counted of that one is to be undone."""
        return self._noted("supersedes", self._raw.supersedes)

    @property
    def dataschema(self) -> str | None:
        return self._noted("dataschema", self._raw.dataschema)

    def _noted(self, name: str, value: T) -> T:
        read = EnvelopeRead(self._place, name, value)
        if read not in self._read:
            self._read.append(read)
        return value
