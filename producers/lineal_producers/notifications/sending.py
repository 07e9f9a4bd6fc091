"""Sends a notification: by webhook, signed as Standard Webhooks has it, or by mail.

https://www.standardwebhooks.com: the signature is an HMAC-SHA-256 of ``ID.TIMESTAMP.BODY``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import smtplib
import socket
import ssl
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

import orjson

from lineal.errors import LinealError
from lineal_producers.notifications.page_url import is_local
from lineal_producers.notifications.settings import MailSettings, WebhookSettings
from lineal_schemas.envelope import format_time
from lineal_schemas.notifications import NotificationSent

_PREFIX = "whsec_"
_REJECTED = range(400, 500)
_POSTED = {"rule", "condition", "key", "state", "value", "limit", "text", "url"}


class NotDelivered(LinealError):
    """A notification was not taken."""

    def __init__(self, message: str, *, for_good: bool = False) -> None:
        super().__init__(message)
        self.for_good = for_good
        """Whether trying again at once makes no sense."""


def post(
    settings: WebhookSettings, identifier: str, notification: NotificationSent, timeout: float
) -> None:
    """Post a notification; the receiver knows it by the id however often it comes.

    Raises:
        NotDelivered: the receiver did not answer 2xx.
    """
    body = orjson.dumps(
        {
            "type": "notification",
            "timestamp": format_time(notification.sent_us),
            "data": notification.model_dump(mode="json", include=_POSTED),
        }
    )
    post_signed(
        settings, identifier, body, timeout, sent_us=notification.sent_us,
        media_type="application/json",
    )  # fmt: skip


def post_signed(
    settings: WebhookSettings,
    identifier: str,
    body: bytes,
    timeout: float,
    *,
    sent_us: int,
    media_type: str,
) -> None:
    """Post bytes, signed where there is a secret; redirects are not followed.

    Args:
        identifier: the same however often it is sent.
        timeout: of the attempt, in seconds.
        sent_us: in microseconds since the Unix epoch.

    Raises:
        NotDelivered: the receiver did not answer 2xx.
    """
    timestamp = str(sent_us // 1_000_000)
    headers = {
        "content-type": media_type,
        "user-agent": "lineal",
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
    }
    if settings.secret is not None:
        secret = settings.secret.get_secret_value()
        headers["webhook-signature"] = sign(secret, identifier, timestamp, body)
    request = urllib.request.Request(settings.url, body, headers, method="POST")  # noqa: S310 - http or https, by the settings
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=timeout) as answer:
            answer.read(1024)
    except HTTPError as error:
        for_good = error.code in _REJECTED and error.code not in (408, 425, 429)
        raise NotDelivered(f"the webhook answered {error.code}", for_good=for_good) from error
    except (OSError, HTTPException) as error:
        raise NotDelivered(f"the webhook cannot be reached: {error}"[:300]) from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def sign(secret: str, identifier: str, timestamp: str, body: bytes) -> str:
    """The header ``webhook-signature``."""
    key = secret.encode()
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            key = secret.encode()
    signed = b".".join((identifier.encode(), timestamp.encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def mail(
    settings: MailSettings, identifier: str, notification: NotificationSent, timeout: float
) -> None:
    """Send a notification by mail.

    Raises:
        NotDelivered: the server did not take it.
    """
    message = EmailMessage()
    over, verb = ("", "is") if notification.state == "firing" else (" (over)", "was")
    message["Subject"] = f"lineal: {notification.rule}{over}"
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.to)
    message["Date"] = formatdate(notification.sent_us / 1e6)
    message["Message-ID"] = make_msgid(identifier, domain="lineal.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"{notification.text}\n{_where(notification.url)}\nRule {notification.rule}: "
        f"{notification.condition} {verb} {notification.value:.6g}, the limit "
        f"{notification.limit:g}.\n"
    )
    try:
        with _connected(settings, timeout) as server:
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password.get_secret_value())
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise NotDelivered(
            f"the mail server answered {error.smtp_code}", for_good=error.smtp_code >= 500
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotDelivered(f"the mail server did not take it: {error}"[:300]) from error


def _where(url: str | None) -> str:
    """A paragraph that says where the console shows it."""
    if url is None:
        return ""
    return f"\n{f'On {socket.gethostname()}: ' if is_local(url) else ''}{url}\n"


def _connected(settings: MailSettings, timeout: float) -> smtplib.SMTP:
    if settings.tls == "implicit":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=timeout, context=context)
    server = smtplib.SMTP(settings.host, settings.port, timeout=timeout)
    if settings.tls == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server


Send = Callable[[str, NotificationSent, float], None]
"""Sends under an id, within so many seconds."""
