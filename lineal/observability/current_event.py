"""Adds the event that a task is handling to its log lines."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

from lineal_schemas.envelope import RawEvent

current_event: ContextVar[tuple[str, RawEvent] | None] = ContextVar("current_event", default=None)
"""Stage and event. Only set per event; the names are put into a log line when there is one, since
binding them costs more than many a stage."""


def add_current_event(
    logger: Any, method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor that adds ``stage``, ``event_id`` and ``correlation_id`` to a line."""
    current = current_event.get()
    if current is not None:
        stage, event = current
        line.setdefault("stage", stage)
        line.setdefault("event_id", event.id)
        line.setdefault("correlation_id", event.correlationid)
    return line
