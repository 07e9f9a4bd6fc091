"""Settings of notifications: ``[notifications]``."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from lineal_schemas.notifications import NotificationChannel

ConditionName = Literal[
    "reviews_waiting", "review_hours", "dead_letters", "lag", "failed_rollouts", "certificate_days"
]
"""What a rule can look at: items that wait for people; hours the oldest has waited; dead letters;
events that a group has still to handle; rollouts that were aborted in the last day; days until a
certificate expires."""

LESS_IS_WORSE = frozenset({"certificate_days"})


class NotificationRule(BaseModel):
    """When to tell whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: ConditionName
    limit: float
    """Told when the value is above it; of ``certificate_days``, when it is below."""
    channels: tuple[NotificationChannel, ...] = ("webhook", "mail")
    """Those that are set up are used."""
    repeat_hours: Annotated[float, Field(gt=0)] = 24
    """While it lasts, it is said again after so long."""


DEFAULT_RULES = {
    "reviews": NotificationRule(condition="reviews_waiting", limit=100),
    "old_reviews": NotificationRule(condition="review_hours", limit=24),
    "dead_letters": NotificationRule(condition="dead_letters", limit=0),
    "lag": NotificationRule(condition="lag", limit=10_000),
    "rollouts": NotificationRule(condition="failed_rollouts", limit=0),
    "certificates": NotificationRule(condition="certificate_days", limit=30),
}


class MailSettings(BaseModel):
    """Where mail is sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["implicit", "starttls", "none"] = "starttls"
    """``none`` is for a server on this machine only."""
    user: str | None = None
    password: SecretStr | None = None
    sender: str
    to: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        if self.tls == "none" and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("mail to another machine needs TLS: tls = starttls or implicit")
        return self


def _is_http(address: str) -> bool:
    url = urlsplit(address)
    return url.scheme in ("http", "https") and bool(url.hostname)


class WebhookSettings(BaseModel):
    """Where notifications are posted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    secret: SecretStr | None = None
    """By which the receiver knows who sent it: ``whsec_`` and base64, as Standard Webhooks has it,
    or any other text."""

    @model_validator(mode="after")
    def _is_http(self) -> Self:
        if not _is_http(self.url):
            raise ValueError("a webhook's url is http or https")
        return self


class NotificationSettings(BaseModel):
    """What people are told, and how. Without a webhook or mail nothing is sent; the page shows what
    the rules find all the same."""

    model_config = ConfigDict(extra="forbid")

    every_seconds: Annotated[float, Field(gt=0)] = 60
    """How often the rules are looked at."""
    webhook: WebhookSettings | None = None
    mail: MailSettings | None = None
    rules: dict[str, NotificationRule] | None = None
    """By name; None: :data:`DEFAULT_RULES`."""
    attempts: Annotated[int, Field(ge=1)] = 5
    """Of a sending, with growing pauses; after that it is tried again in ten minutes."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 15
    console_url: str | None = None
    """By which people reach the console, for what is sent to name its page; None: as this machine
    reaches it."""

    @field_validator("console_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if url is not None and not _is_http(url):
            raise ValueError("the console's address is http or https")
        return None if url is None else url.rstrip("/")

    @property
    def rules_in_force(self) -> dict[str, NotificationRule]:
        """Those that are set, or the default ones."""
        return DEFAULT_RULES if self.rules is None else self.rules
