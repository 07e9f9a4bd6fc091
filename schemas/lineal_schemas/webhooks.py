"""Webhooks: what became of an event that was posted to an address."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lineal_schemas.payload import Payload


class WebhookSent(Payload, type="webhook.sent", version=1):
    """An event was posted to the address of a webhook, or could not be."""

    webhook: str
    """Its name in the settings."""
    event: str
    """Id of the event, which is the ``webhook-id`` as well."""
    event_type: str
    attempts: Annotated[int, Field(ge=1)]
    delivered: bool
    error: str | None = None
    sent_us: Annotated[int, Field(ge=0)]
    """When it was taken, or given up."""

    def partition_key(self) -> str:
        return self.webhook

    def correlation_key(self) -> str:
        return f"webhook:{self.webhook}"
