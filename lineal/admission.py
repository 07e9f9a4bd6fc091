"""Checks events from outside against an admission policy, fills in defaults, publishes them.

Every ingress (HTTP, ``lineal emit``, folders, buckets, brokers) admits events by :func:`admit`,
each under an :class:`AdmissionPolicy` of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache

from lineal.bus.claim_check import REFERENCE_MEDIA_TYPE, check_in, is_reference
from lineal.bus.protocol import Bus, Position
from lineal.errors import PermanentFailure
from lineal.events import known_types, types_of_lineal
from lineal.observability.tracing import first_traceparent, is_traceparent
from lineal.stages.decoding import decode_event
from lineal.stages.discovery import installed_stages
from lineal.store.objects import ObjectStore
from lineal_schemas.envelope import RawEvent, format_time, now_us, schema_uri
from lineal_schemas.payload import Payload, payload_bytes

_MAX_CONCURRENT = 500
_MAX_CHARACTERS = 2048
"""Of an attribute, and of a text of lineal's own data, from outside."""
_MAX_PAIRS = 128
"""Of a mapping of lineal's own data, from outside."""
_MAX_AHEAD_US = 24 * 3600 * 1_000_000
"""Of an event's time, before this machine's: clocks and time zones differ by less."""
_BY = "by"
"""Field of lineal's own payloads that says who did something."""
_BOOKKEEPING = "lineal."
_OF_GROUPS = ("dead.", "redrive.")
"""Topics of dead letters, and of those that a group is given again."""
_SOURCES_OF_STAGES = ("lineal:stage/", "lineal:group/")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """Which events an ingress admits.

    Attributes:
        name: of the ingress, in logs.
        only: patterns; of the types that the ingress is for, these alone are admitted. None: all.
        types: event types of lineal itself that are admitted.
        own_types: whether types of a user's own are, unless an installed stage makes them.
        operator: the sender answers for what is sent: every type is admitted but for lineal's own
            bookkeeping.
        accepts_invalid: data that does not fit the schema of its type is admitted too, and ends
            as a dead letter of the stages that cannot read it.
        bounded: texts of lineal's own data have a largest size.
        reserved_sources: beginnings of sources that other ingresses give their events: an event is
            known by its source and id, and nobody may take another's.
        elsewhere: by the beginning of a type, the ingress that is meant for it.
    """

    name: str
    only: Sequence[str] | None = None
    types: frozenset[str] = frozenset()
    own_types: bool = True
    operator: bool = False
    accepts_invalid: bool = False
    bounded: bool = True
    reserved_sources: tuple[str, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)


def __getattr__(name: str) -> object:
    if name == "Door":
        warnings.warn(
            "lineal.admission.Door is called AdmissionPolicy", DeprecationWarning, stacklevel=2
        )
        return AdmissionPolicy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class NotAllowed(PermanentFailure):
    """The policy does not admit events of this type; the message names the ingress meant for it."""


def admit(
    event: RawEvent,
    policy: AdmissionPolicy,
    topic: str | None = None,
    payload: Payload | None = None,
    *,
    actor: str | None = None,
) -> RawEvent:
    """An event from outside, admitted and completed with what its sender left out.

    Args:
        actor: who sends it, by the credential that was shown; what the event says of that, and the
            ``by`` of lineal's own data, is overwritten.
        topic: where it is to go, if not on the topic that is named after its type.
        payload: its data, where the caller has decoded it already.

    Raises:
        NotAllowed: the policy does not admit it.
        PermanentFailure: its type is known here, and its data does not fit that; or its time is
            more than a day from now, and no operator answers for it.
    """
    check_allowed(event, policy, topic)
    _check_envelope(event, policy)
    if payload is None and event.type in known_types():
        try:
            payload = decode_event(event)
        except PermanentFailure:
            if not policy.accepts_invalid:
                raise
    if policy.bounded and payload is not None and payload.type in types_of_lineal():
        _check_texts(payload)
    if event.actor != actor or event.mark is not None:
        event = event._replace(actor=actor, mark=None)
    if not policy.operator and event.type in types_of_lineal():
        # What lineal's own events follow from, and replace, lineal knows itself.
        event = event._replace(causationid=None, supersedes=None)
    if actor is not None and payload is not None and _names_other(payload, actor):
        payload = payload.model_copy(update={_BY: actor})
        event = event._replace(
            data=payload_bytes(payload), dataschema=schema_uri(payload.type, payload.version)
        )
    return with_defaults(event, payload)


def admit_unmarked(event: RawEvent, policy: AdmissionPolicy, topic: str) -> RawEvent:
    """An event that somebody else has written to a shared broker, as a stage may handle it.

    Of lineal's own types it is what any ingress makes of it; others keep the envelope that they
    were sent with, but for who says to have sent them. Where they do not say what they are about,
    their data does, or nobody would find, or erase, them by it.

    Raises:
        As :func:`admit`.
    """
    if event.type in types_of_lineal():
        return admit(event, policy, topic)
    check_allowed(event, policy, topic)
    _check_envelope(event, policy)
    if event.correlationid == event.id and event.type in known_types():
        # Not the key: it stays in the partition that it was sent to.
        with suppress(PermanentFailure):
            about = with_defaults(event, decode_event(event))
            event = event._replace(subject=about.subject, correlationid=about.correlationid)
    return event._replace(actor=None, mark=None)


def _check_envelope(event: RawEvent, policy: AdmissionPolicy) -> None:
    """Check what is known of an event without its data.

    Raises:
        PermanentFailure: its time lies ahead, an attribute is too long, or its data is a reference.
    """
    if not policy.operator and event.time > now_us() + _MAX_AHEAD_US:
        raise PermanentFailure(
            f"its time, {format_time(event.time)}, is more than a day ahead of the clock here: "
            "set the sender's clock, or leave the time out"
        )
    if (name := _too_long(event)) is not None:
        raise PermanentFailure(f"{name} has more than {_MAX_CHARACTERS} characters")
    if is_reference(event):
        raise PermanentFailure(f"{REFERENCE_MEDIA_TYPE} is made by lineal itself: send the data")


def _too_long(event: RawEvent) -> str | None:
    """The attribute that is too long to be kept, listed and shown; None if none is."""
    for value in event:
        if isinstance(value, str) and len(value) > _MAX_CHARACTERS:
            return f"the attribute {RawEvent._fields[event.index(value)]}"
    return None


def _check_texts(payload: Payload) -> None:
    """Check that no name, owner or label is too long to be kept, listed and shown.

    Raises:
        PermanentFailure: one is; says which.
    """
    for name in type(payload).model_fields:
        value = getattr(payload, name)
        if isinstance(value, Mapping):
            if len(value) > _MAX_PAIRS:
                raise PermanentFailure(f"{name} has more than {_MAX_PAIRS} entries")
            texts = [text for pair in value.items() for text in pair]
        else:
            texts = [value]
        if any(isinstance(text, str) and len(text) > _MAX_CHARACTERS for text in texts):
            raise PermanentFailure(f"{name} has more than {_MAX_CHARACTERS} characters")


def _names_other(payload: Payload, actor: str) -> bool:
    """Whether lineal's own data says that somebody else than its sender did it."""
    return payload.type in types_of_lineal() and getattr(payload, _BY, actor) != actor


def check_allowed(event: RawEvent, policy: AdmissionPolicy, topic: str | None = None) -> None:
    """Raise when a policy does not admit an event.

    Raises:
        NotAllowed: with the reason, and the ingress that is meant.
    """
    reason = reserved_reason(event.type, policy)
    if reason is None and topic is not None and topic != event.type:
        reason = reserved_reason(topic, policy)
    if reason is None and not policy.operator and event.source.startswith(_SOURCES_OF_STAGES):
        reason = f"events of source {event.source} are made by lineal itself"
    if reason is None and event.source.strip().lower().startswith(policy.reserved_sources):
        reason = f"events of source {event.source} come in another way: give your own source"
    if reason is not None:
        raise NotAllowed(reason)


def reserved_reason(kind: str, policy: AdmissionPolicy) -> str | None:
    """Why a policy does not admit events of a type (or for the topic named after it); None if it
    does.

    What a stage makes comes from that stage only, and what lineal's own producers make from them:
    stages act upon such an event without asking who sent it.
    """
    if policy.only is not None and not any(fnmatchcase(kind, each) for each in policy.only):
        return f"this credential may not send events of type {kind}"
    if kind in policy.types:
        return None
    if kind.startswith(_BOOKKEEPING) or (kind.startswith(_OF_GROUPS) and not policy.operator):
        return f"events of type {kind} are made by lineal itself"
    if policy.operator:
        return None
    makers = _makers().get(kind, ())
    if policy.own_types and not makers and kind not in types_of_lineal():
        return None
    made = f" are made by stage {' or '.join(makers)}, and" if makers else ""
    meant = [way for prefix, way in policy.elsewhere.items() if kind.startswith(prefix)]
    use = f": use {meant[0]}" if meant else ""
    return f"events of type {kind}{made} do not come in here{use}"


def schema_error(topic: str, event: RawEvent) -> str | None:
    """Why no stage could decode an event on a topic; None if one could, or if the type is not known
    here."""
    if event.type != topic and topic in known_types():
        return f"a {event.type} does not belong on this topic"
    if event.type not in known_types():
        return None
    try:
        decode_event(event)
    except PermanentFailure as error:
        return str(error)
    return None


def with_defaults(event: RawEvent, payload: Payload | None = None) -> RawEvent:
    """The event with what its sender left out: the subject, key and correlation id that its
    payload gives to such data, and a trace.

    What the sender states stays, except for lineal's own types: subject and correlation id of these
    follow from the data, or an event could be attributed to something else. A ``traceparent``
    that is not valid is replaced.
    """
    subject, key, correlation_id = event.subject, event.partitionkey, event.correlationid
    if payload is not None:
        stated = payload.type not in types_of_lineal()
        of_payload = payload.correlation_key()
        subject = (stated and subject) or of_payload or subject
        if of_payload is not None and not (stated and correlation_id != event.id):
            correlation_id = of_payload
        of_key = payload.partition_key()
        if of_key is not None and not (stated and key != event.id):
            key = of_key
    trace = event.traceparent
    if trace is None or not is_traceparent(trace):
        trace = first_traceparent(correlation_id, event.id)
    return event._replace(
        subject=subject, partitionkey=key, correlationid=correlation_id, traceparent=trace
    )


def types_of_steps() -> set[str]:
    """The types of events that steps alone make: those of installed stages, and what says of steps
    that they failed or were withdrawn."""
    of_failures = {kind for kind in types_of_lineal() if kind.startswith(_BOOKKEEPING)}
    return of_failures.union(_makers())


@cache
def _makers() -> dict[str, list[str]]:
    """The installed stages that make events of a type, by type."""
    makers: dict[str, list[str]] = {}
    for name, stage in installed_stages().items():
        for payload in stage.produces:
            makers.setdefault(payload.type, []).append(name)
    return makers


async def publish(
    bus: Bus, objects: ObjectStore, events: Sequence[tuple[str, RawEvent]]
) -> list[Position]:
    """Put events on their topics, large data going to the object store; durable on return.

    They are published in batches. When one fails, the batches before it stay published; publishing
    all again is harmless because the ids are the same.
    """
    placed: list[Position] = []
    for first in range(0, len(events), _MAX_CONCURRENT):
        some = events[first : first + _MAX_CONCURRENT]
        placed += await bus.publish(
            [(topic, await check_in(event, objects)) for topic, event in some]
        )
    return placed
