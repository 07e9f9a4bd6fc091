"""Where people who are told of something find it: an address of the console."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from lineal.settings import Settings
from lineal_producers.notifications.settings import NotificationSettings


def page_url(settings: Settings, page: str) -> str | None:
    """The address of a page of the console; None where it is not known how the console is reached.

    Args:
        page: below the console's address, as ``/console/review``.
    """
    if not page:
        return None
    if (console := settings.section(NotificationSettings).console_url) is not None:
        return f"{console}{page}"
    if settings.port == 0:
        return None  # any free one was taken, which other processes do not know
    host = settings.listen
    if ":" in host:
        host = f"[{host}]"
    return f"http://{'127.0.0.1' if _is_any(settings.listen) else host}:{settings.port}{page}"


def is_local(url: str) -> bool:
    """Whether an address reaches something on one's own machine only."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(listen: str) -> bool:
    try:
        return ipaddress.ip_address(listen).is_unspecified
    except ValueError:
        return False
