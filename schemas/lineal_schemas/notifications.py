"""Notifications: that somebody was told of something that needs them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lineal_schemas.payload import Payload

NotificationState = Literal["firing", "resolved"]
NotificationChannel = Literal["webhook", "mail"]


class NotificationSent(Payload, type="notification.sent", version=1):
    """A notification was sent, or could not be."""

    rule: str
    """Its name in the settings."""
    condition: str
    """What the rule looks at: ``reviews_waiting``, ``dead_letters``, ..."""
    key: str = ""
    """Of which of several: a rollout's id, a device's name."""
    state: NotificationState
    channel: NotificationChannel
    value: float
    limit: float
    text: str
    """What was said."""
    url: str | None = None
    """Where the console shows it; None: it is not known where people reach the console."""
    attempts: Annotated[int, Field(ge=1)]
    delivered: bool
    error: str | None = None
    sent_us: Annotated[int, Field(ge=0)]

    def partition_key(self) -> str:
        return self.rule

    def correlation_key(self) -> str:
        return f"notification:{self.rule}"
