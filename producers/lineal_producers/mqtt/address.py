"""The broker's URL: ``mqtts://host:8883`` (TLS) or ``mqtt://host:1883``."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from lineal.errors import LinealError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class WrongAddress(LinealError, ValueError):
    """The URL names no MQTT broker."""


class Address(NamedTuple):
    """Where a broker is."""

    host: str
    port: int
    tls: bool

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_address(url: str) -> Address:
    """Read a URL. Passwords do not belong into it: they have a setting of their own.

    Raises:
        WrongAddress: it has another scheme, no host, or more than host and port.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WrongAddress(f"the MQTT URL is wrong: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise WrongAddress("the MQTT URL must be mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")
    if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise WrongAddress("the MQTT URL has room for host and port only")
    return Address(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts")
