"""Spans of publishing, handling and committing events, as data.

Names and attributes are those of OpenTelemetry's semantic conventions for messaging
(https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/) and for CloudEvents. Texts
that could hold personal data (data, error messages) are in none.

Ids of spans are derived, as those of events are: an event is published in the span that its
``traceparent`` names, a step has one named after stage and event. So a consumer of another language
that only reads ``traceparent`` continues the trace, and a redelivery names the same spans.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from lineal.observability.tracing import derived_span_id, is_traceparent, span_id
from lineal_schemas.envelope import SPEC_VERSION, RawEvent

SpanKind: TypeAlias = Literal["producer", "consumer", "client"]
AttributeValue: TypeAlias = str | int | bool

MAX_LINKS = 128
"""OpenTelemetry's own limit of links of a span."""


_SYSTEMS = {"sqlite": "lineal", "aws": "aws_sqs"}


def messaging_system(bus: str) -> str:
    """``messaging.system`` of the bus that a URL names."""
    scheme = bus.partition(":")[0]
    return _SYSTEMS.get(scheme, scheme)


class SpanContext(NamedTuple):
    """Which span: both ids in hexadecimal digits."""

    trace: str
    span: str
    sampled: bool = True


class Span(NamedTuple):
    """A span that has ended. Times are nanoseconds since the Unix epoch."""

    name: str
    kind: SpanKind
    context: SpanContext
    parent: SpanContext | None
    started_ns: int
    ended_ns: int
    attributes: Mapping[str, AttributeValue]
    links: Sequence[SpanContext] = ()
    error: str | None = None
    """The class of what went wrong."""


class SpanExporter(Protocol):
    """Takes spans that have ended. Returns at once; loses them rather than hold up events."""

    system: str
    """``messaging.system`` of the bus."""

    def export(self, span: Span) -> None: ...


def context_of(event: RawEvent) -> SpanContext | None:
    """The span that an event's ``traceparent`` names; None where it has no valid one."""
    traceparent = event.traceparent
    if traceparent is None or not is_traceparent(traceparent):
        return None
    sampled = bool(int(traceparent[53:55], 16) & 1)
    return SpanContext(traceparent[3:35], traceparent[36:52], sampled)


def step_context(stage: str, event: RawEvent, failed_attempt: int | None = None) -> SpanContext:
    """The span of a stage's work on an event.

    Args:
        failed_attempt: which attempt it was, of one that failed.
    """
    attempt = () if failed_attempt is None else (str(failed_attempt),)
    span = derived_span_id("step", stage, event.source, event.id, *attempt)
    parent = context_of(event)
    if parent is None:
        return SpanContext(derived_span_id("trace", event.id) * 2, span)
    return parent._replace(span=span)


def publish_span(
    system: str,
    topic: str,
    event: RawEvent,
    parent: SpanContext | None,
    started_ns: int,
) -> Span | None:
    """The span in which an event was published, which ends now; None for an event without a trace.

    Args:
        parent: what caused it; None: the event that it names as its cause.
    """
    context = context_of(event)
    if context is None:
        return None
    if context.span != span_id(event.id):
        # The sender's own span: publishing here is a part of it.
        parent, context = context, context._replace(span=derived_span_id("publish", event.id))
    elif parent is None and event.causationid is not None:
        parent = context._replace(span=span_id(event.causationid))
    return Span(
        f"publish {topic}",
        "producer",
        context,
        parent if parent is None or parent.trace == context.trace else None,
        started_ns,
        time.time_ns(),
        {
            "messaging.system": system,
            "messaging.operation.type": "send",
            "messaging.operation.name": "publish",
            "messaging.destination.name": topic,
            **event_attributes(event),
        },
        () if parent is None or parent.trace == context.trace else (parent,),
    )


def event_attributes(event: RawEvent) -> dict[str, AttributeValue]:
    """What the conventions say of a message that is a CloudEvent."""
    attributes: dict[str, AttributeValue] = {
        "messaging.message.id": event.id,
        "messaging.message.conversation_id": event.correlationid,
        "messaging.message.body.size": len(event.data),
        "cloudevents.event_id": event.id,
        "cloudevents.event_source": event.source,
        "cloudevents.event_spec_version": SPEC_VERSION,
        "cloudevents.event_type": event.type,
    }
    if event.subject is not None:
        attributes["cloudevents.event_subject"] = event.subject
    return attributes


def links_to(events: Sequence[RawEvent]) -> list[SpanContext]:
    """Links to the spans in which events were published, to the first of many."""
    found = (context_of(event) for event in events[:MAX_LINKS])
    return [context for context in found if context is not None]
