"""The payload of dead letters."""

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


@upcaster("lineal.dead_letter", from_version=1)
def _dead_letter_2(fields: dict[str, Any]) -> dict[str, Any]:
    return {("correlation_id" if key == "story_of" else key): fields[key] for key in fields}
