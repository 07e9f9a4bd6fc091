"""The payloads of dead letters, and of what says to everybody that there is one."""

from __future__ import annotations

from typing import Any

from lineal_schemas.payload import Payload, upcaster


class DeadLetter(Payload, type="lineal.dead_letter", version=2):
    """An event that a group could not handle, complete, with the error."""

    group: str
    topic: str
    partition: int
    offset: int
    event: str
    """The original event, CloudEvents JSON format."""
    key: str
    correlation_id: str
    """The correlation id of the original event."""
    error_class: str
    message: str
    traceback: str | None = None
    attempts: int

    def partition_key(self) -> str:
        return self.key

    def correlation_key(self) -> str:
        return self.correlation_id


class EventFailed(Payload, type="lineal.event_failed", version=1):
    """A group has given an event up: it has become a dead letter. One topic says so for all groups,
    without the event and without text that may hold personal data."""

    group: str
    id: str
    """With its source what the event is known by."""
    source: str
    event_type: str
    produces: tuple[str, ...] = ()
    """The types of events that the group makes: none of them comes of this event for now."""
    error_class: str
    reason: str | None = None
    """Why, where that is known to hold no personal data: of what was rejected, for one."""
    dead_letter: str
    """Id of the dead letter: if it is redriven, outputs may come yet."""
    key: str
    correlation_id: str
    """The correlation id of the event."""

    def partition_key(self) -> str:
        return self.key

    def correlation_key(self) -> str:
        return self.correlation_id


@upcaster("lineal.dead_letter", from_version=1)
def _dead_letter_2(fields: dict[str, Any]) -> dict[str, Any]:
    return {("correlation_id" if key == "story_of" else key): fields[key] for key in fields}
