"""W3C trace context (https://www.w3.org/TR/trace-context/) carried from event to event."""

from __future__ import annotations

from hashlib import blake2b


def child_traceparent(parent: str | None, story: str, event_id: str) -> str:
    """The ``traceparent`` of an event made from another one.

    It keeps the trace; an event without one begins a trace named after its story, so that all of a
    document's events share it. The span is named after the event, so redelivery names it the same.
    """
    span = event_id.replace("-", "")[:16]
    if parent is None:
        return f"00-{blake2b(story.encode(), digest_size=16).hexdigest()}-{span}-01"
    return f"{parent[:36]}{span}{parent[52:]}"


def first_traceparent(story: str, event_id: str) -> str:
    """The ``traceparent`` of an event nothing on the bus caused."""
    return child_traceparent(None, story, event_id)


def trace_id(traceparent: str | None) -> str | None:
    """The trace a ``traceparent`` names."""
    return None if traceparent is None else traceparent[3:35]
