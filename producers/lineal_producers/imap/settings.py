"""Settings of mailboxes: ``[[imap.mailboxes]]``."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_PORTS = {"implicit": 993, "starttls": 143, "none": 143}


class OauthSettings(BaseModel):
    """How an access token is had from an OAuth 2.0 server (RFC 6749, section 6)."""

    model_config = ConfigDict(extra="forbid")

    token_url: str
    client_id: str
    client_secret: SecretStr | None = None
    refresh_token_file: Path
    """Holds the refresh token; when the server sends another one, that is written in its place."""
    scope: str | None = None

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        url = urlsplit(self.token_url)
        if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.hostname)):
            raise ValueError("token_url is not https")
        return self


class MailboxSettings(BaseModel):
    """One folder of one user of a mail server."""

    model_config = ConfigDict(extra="forbid")

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: 993, or 143 where TLS does not begin at once."""
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    """``none`` is for a server on this machine only."""
    ca: Path | None = None
    """Authority that signed the server's certificate (PEM); none: those of the machine."""
    user: str
    password: SecretStr | None = None
    password_file: Path | None = None
    oauth: OauthSettings | None = None
    folder: str = "INBOX"
    move_to: str | None = None
    """Folder for messages that were taken, made if missing; none: they stay and get ``flag``."""
    flag: str = "$LinealTaken"
    """Keyword of messages that were taken and stay. One that nobody else sets: a message that has
    it is not taken."""
    message_mb: Annotated[int, Field(ge=1)] = 100
    """Largest message that is taken; of a larger one it arrives that it was rejected."""
    poll_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How often the folder is looked at; in between, where the server knows IDLE, it tells of new
    messages at once."""
    owner: Annotated[str, Field(min_length=1)] | None = None
    labels: dict[str, str] = {}

    @model_validator(mode="after")
    def _has_one_secret(self) -> Self:
        if [self.password, self.password_file, self.oauth].count(None) != 2:
            raise ValueError("set one of password, password_file and oauth")
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError("tls = none is for a server on this machine only")
        return self

    @property
    def connected_port(self) -> int:
        return self.port or _PORTS[self.tls]

    @property
    def url(self) -> str:
        """The mailbox as RFC 5092 writes it, with its port."""
        return (
            f"imap://{quote(self.user, safe='')}@{self.host}:{self.connected_port}/"
            f"{quote(self.folder)}"
        )

    def read_password(self) -> str:
        """The password, read again at each login.

        Raises:
            OSError: its file cannot be read.
        """
        if self.password_file is not None:
            return self.password_file.read_text().strip()
        assert self.password is not None
        return self.password.get_secret_value()


class ImapSettings(BaseModel):
    """All mailboxes."""

    model_config = ConfigDict(extra="forbid")

    mailboxes: tuple[MailboxSettings, ...] = ()

    @model_validator(mode="after")
    def _are_several(self) -> Self:
        urls = [mailbox.url for mailbox in self.mailboxes]
        if len(set(urls)) < len(urls):
            raise ValueError("a mailbox is named twice")
        return self


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
