"""Parses ``aws://REGION?...``: region, prefix, endpoint and how long messages are kept."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from lineal.errors import LinealError

_SCHEME = "aws"
DEFAULT_PREFIX = "lineal-"
_MAX_WAIT_SECONDS = 20
_MAX_ARCHIVE_DAYS = 365


class MalformedAddress(LinealError, ValueError):
    """The URL of the bus is malformed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What ``LINEAL_BUS`` says about AWS.

    Attributes:
        region: of all topics and queues.
        endpoint: another place than AWS itself (an emulator); None for AWS.
        prefix: how the names of all topics and queues begin, so that several installations can
            share an account.
        archive_days: how long new topics keep their past (SNS message archiving, 1 to 365 days,
            paid for by the gigabyte); None: not at all, and then nothing can be replayed.
        wait_seconds: how long one request for messages waits (SQS long polling, 1 to 20). Longer
            means fewer requests to pay for when there is nothing to do.
    """

    region: str
    endpoint: str | None = None
    prefix: str = DEFAULT_PREFIX
    archive_days: int | None = None
    wait_seconds: int = _MAX_WAIT_SECONDS


def parse_address(url: str) -> Address:
    """Read ``aws://REGION[?endpoint=URL&prefix=NAME&archive_days=N&wait_seconds=N]``.

    Raises:
        MalformedAddress
    """
    parts = urlsplit(url)
    if parts.scheme != _SCHEME or not parts.netloc or parts.path not in ("", "/"):
        raise MalformedAddress(f"{url!r} is not like aws://eu-central-1")
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    address = Address(
        region=parts.netloc,
        endpoint=given.pop("endpoint", None),
        prefix=given.pop("prefix", DEFAULT_PREFIX),
        archive_days=_number(given.pop("archive_days", None), "archive_days", _MAX_ARCHIVE_DAYS),
        wait_seconds=_number(given.pop("wait_seconds", None), "wait_seconds", _MAX_WAIT_SECONDS)
        or _MAX_WAIT_SECONDS,
    )
    if given:
        raise MalformedAddress(f"{url!r}: there is no setting {', '.join(sorted(given))}")
    if not address.prefix.replace("-", "").replace("_", "").isalnum():
        raise MalformedAddress(f"prefix {address.prefix!r}: letters, digits, - and _ only")
    return address


def _number(text: str | None, name: str, maximum: int) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= maximum:
        raise MalformedAddress(f"{name}={text!r}: a number from 1 to {maximum}")
    return int(text)
