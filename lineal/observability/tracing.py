"""W3C trace context (https://www.w3.org/TR/trace-context/) carried from event to event."""

from __future__ import annotations

from hashlib import blake2b
from typing import TypeGuard

_CHARACTERS = 55
"""Of version 00: ``00-<trace, 32 hex digits>-<span, 16 hex digits>-<flags, 2 hex digits>``."""


def child_traceparent(parent: str | None, story: str, event_id: str) -> str:
    """The ``traceparent`` of an event made from another one.

    It keeps the trace; an event without one begins a trace named after its story, so that all of a
    document's events share it. The span is named after the event, so redelivery names it the same.
    """
    span = event_id.replace("-", "")[:16]
    if not _is_traceparent(parent):
        return f"00-{blake2b(story.encode(), digest_size=16).hexdigest()}-{span}-01"
    return f"{parent[:36]}{span}{parent[52:]}"


def first_traceparent(story: str, event_id: str) -> str:
    """The ``traceparent`` of an event nothing on the bus caused."""
    return child_traceparent(None, story, event_id)


def trace_id(traceparent: str | None) -> str | None:
    """The trace a ``traceparent`` names; None where it names none."""
    return traceparent[3:35] if _is_traceparent(traceparent) else None


def _is_traceparent(text: str | None) -> TypeGuard[str]:
    """Whether a text has the form; where somebody else's does not, a trace begins anew (section
    3.2.1 of the specification). Its digits are not looked at: this is done for every event."""
    return text is not None and len(text) >= _CHARACTERS and text[2] == text[35] == text[52] == "-"
