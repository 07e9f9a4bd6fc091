"""W3C trace context (https://www.w3.org/TR/trace-context/) carried from event to event."""

from __future__ import annotations

import re
import sys
from hashlib import blake2b
from uuid import uuid4

_TRACEPARENT = re.compile(
    "(?!ff)(?:00-{trace}-{span}-{flags}|(?!00){flags}-{trace}-{span}-{flags}(?:-.*)?)".format(
        trace="(?!0{32})[0-9a-f]{32}", span="(?!0{16})[0-9a-f]{16}", flags="[0-9a-f]{2}"
    ),
    re.DOTALL,
)
"""Section 3.2 of the specification: version 00, or one that is yet to come, which may go on after
what version 00 has; neither trace nor span is all zeros."""
_SPAN = re.compile("(?!0{16})[0-9a-f]{16}")


def child_traceparent(parent: str | None, correlation_id: str, event_id: str) -> str:
    """The ``traceparent`` of an event made from another one.

    It keeps the trace; an event without one begins a trace named after its correlation id, so that
    all events about one thing share it. The span is named after the event, so redelivery names it
    the same.
    A ``parent`` that is not valid counts as none (section 4.3 of the specification).
    """
    span = span_id(event_id)
    if parent is None or not is_traceparent(parent):
        return f"00-{_digest(correlation_id, 16)}-{span}-01"
    return f"00-{parent[3:36]}{span}-{parent[53:55]}"


def first_traceparent(correlation_id: str, event_id: str) -> str:
    """The ``traceparent`` of an event nothing on the bus caused."""
    return child_traceparent(None, correlation_id, event_id)


def span_id(event_id: str) -> str:
    """The span in which an event is published, derived from its id."""
    # Our own ids are UUIDs: their digits are as good as a digest, and cost nothing.
    span = event_id.replace("-", "")[:16]
    return span if _SPAN.fullmatch(span) is not None else _digest(event_id, 8)


def derived_span_id(*names: str) -> str:
    """A span named after several things, as a stage and an event: the same for the same ones."""
    return _digest(" ".join(names), 8)


def new_span_context() -> tuple[str, str]:
    """A trace and a span that are drawn: of what belongs to no event alone, as a commit of many."""
    digits = uuid4().hex
    return digits, digits[16:]


def ambient_traceparent() -> str | None:
    """The span of OpenTelemetry in which the program is now; None where it uses none.

    A program without OpenTelemetry does not pay for it: nothing is imported.
    """
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    context = api.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def trace_id(traceparent: str | None) -> str | None:
    """The trace a ``traceparent`` names; None where it names none."""
    if traceparent is None or not is_traceparent(traceparent):
        return None
    return traceparent[3:35]


def is_traceparent(text: str) -> bool:
    """Whether a text is a valid ``traceparent``."""
    return _TRACEPARENT.fullmatch(text) is not None


def _digest(text: str, digest_bytes: int) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=digest_bytes).hexdigest()
