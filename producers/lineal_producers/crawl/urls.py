"""Which URLs are the same, and which lead into traps: paths and queries without an end."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

_NO_CONTENT = re.compile(
    r"^(utm_\w+|gclid|fbclid|msclkid|sid|sessionid|session_id|jsessionid|phpsessid)$", re.IGNORECASE
)
"""Parameters that say who follows a link, and not what it leads to."""
_SESSION_IN_PATH = re.compile(r";jsessionid=[^/;?]*", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_LONGEST = 2_000
_REPEATED = 3


def normalised(url: str, base: str | None = None) -> str | None:
    """A URL in the one form of all that lead to the same page; None where it leads to none.

    Without fragment, session and tracking parameters; parameters in order; see RFC 3986, 6.2.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()) if base else url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        return None
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return None
    place = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    path = quote(_SESSION_IN_PATH.sub("", parts.path) or "/", safe="/%:@!$&'()*+,;=~-._")
    kept = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True)
        if not _NO_CONTENT.match(pair[0])
    ]  # fmt: skip
    made = urlunsplit((parts.scheme, place, path, urlencode(sorted(kept)), ""))
    return made if len(made) <= _LONGEST else None


def host_of(url: str) -> str:
    """Host and port of a normalised URL."""
    return urlsplit(url).netloc


class Traps:
    """Tells links that lead on for ever from others.

    Args:
        max_segments: of a path.
        max_queries: different ones of a path.
    """

    def __init__(self, max_segments: int, max_queries: int) -> None:
        self._max_segments = max_segments
        self._max_queries = max_queries
        self._queries: defaultdict[str, set[str]] = defaultdict(set)

    def holds(self, url: str) -> bool:
        """Whether a normalised URL is one; notes its query otherwise."""
        parts = urlsplit(url)
        segments = [segment for segment in parts.path.split("/") if segment]
        if len(segments) > self._max_segments:
            return True
        if any(count >= _REPEATED for count in Counter(segments).values()):
            return True
        if not parts.query:
            return False
        known = self._queries[f"{parts.scheme}://{parts.netloc}{parts.path}"]
        if parts.query in known:
            return False
        if len(known) >= self._max_queries:
            return True
        known.add(parts.query)
        return False
