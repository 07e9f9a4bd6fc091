"""Settings of webhooks: ``[webhooks.endpoints.NAME]``."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lineal_producers.notifications.settings import WebhookSettings

NEVER = ("lineal.*", "webhook.*", "*.dead")
"""Types that are of the bus itself, or follow from posting."""


class EndpointSettings(WebhookSettings):
    """An address, and the types of events that are posted to it."""

    types: Annotated[tuple[str, ...], Field(min_length=1)]
    """As ``document.indexed``, or with ``*``: ``document.*``."""
    attempts: Annotated[int, Field(ge=1)] = 20
    """Of an event, with pauses that grow up to ``max_pause_seconds``: about an hour."""
    max_pause_seconds: Annotated[float, Field(gt=0)] = 300.0
    timeout_seconds: Annotated[float, Field(gt=0)] = 15.0

    @field_validator("types")
    @classmethod
    def _are_no_types_of_posting(cls, types: tuple[str, ...]) -> tuple[str, ...]:
        for one in types:
            if any(fnmatchcase(one, never) for never in NEVER):
                raise ValueError(f"events of the type {one} are not posted")
        return types

    def takes(self, event_type: str) -> bool:
        """Whether events of a type are posted."""
        if any(fnmatchcase(event_type, never) for never in NEVER):
            return False
        return any(fnmatchcase(event_type, one) for one in self.types)

    def unknown_types(self, known: Iterable[str]) -> list[str]:
        """What is among none of the known types of events."""
        return [one for one in self.types if not any(fnmatchcase(name, one) for name in known)]


class WebhooksSettings(BaseModel):
    """Which events are posted where."""

    model_config = ConfigDict(extra="forbid")

    endpoints: dict[str, EndpointSettings] = {}
    """By name; what of a topic was posted is kept under it."""
