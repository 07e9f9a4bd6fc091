"""The event that carries what could not be handled."""

from __future__ import annotations

from lineal_schemas.payload import Payload


class DeadLetter(Payload, type="lineal.dead_letter", version=1):
    """An event that a group gave up on, whole, with why."""

    group: str
    topic: str
    partition: int
    offset: int
    event: str
    """The original event, CloudEvents JSON format."""
    key: str
    story_of: str
    """The correlation id of the original event."""
    error_class: str
    message: str
    traceback: str | None = None
    attempts: int

    def partition_key(self) -> str:
        return self.key

    def correlation_key(self) -> str:
        return self.story_of
