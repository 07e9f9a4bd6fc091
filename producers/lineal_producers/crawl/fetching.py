"""Asks servers as a polite visitor does: robots.txt, pauses, and redirects that may be followed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from lineal_producers.crawl.requests import Answer, RequestFailed, request
from lineal_producers.crawl.settings import SiteSettings
from lineal_producers.crawl.urls import host_of, normalised

if TYPE_CHECKING:
    from protego import Protego

_MAX_REDIRECTS = 5
_MAX_ROBOTS_BYTES = 512_000
"""RFC 9309, 2.5, asks for 500 KiB at least."""
_LONGEST_DELAY = 60.0


class Disallowed(RequestFailed):
    """robots.txt, or the crawl's own hosts, forbid it."""


class EndlessRedirects(RequestFailed):
    """Redirects lead in a circle, or on and on."""


class Fetched(NamedTuple):
    """An answer, and the URL it came from after all redirects."""

    url: str
    answer: Answer


class Fetcher:
    """Fetches pages and images of a site, one after another for each host.

    Args:
        fetch: makes one request.
    """

    def __init__(self, site: SiteSettings, fetch: Callable[..., Answer] = request) -> None:
        self._site = site
        self._fetch = fetch
        self._rules: dict[str, Protego] = {}
        self._next: dict[str, float] = {}
        self.requests = 0

    async def get(
        self, url: str, headers: Mapping[str, str], max_bytes: int, allowed: Callable[[str], bool]
    ) -> Fetched:
        """Ask for a URL, following redirects.

        Args:
            allowed: whether a URL may be asked for; every redirect is one to ask about.

        Raises:
            Disallowed: it may not be asked for, or redirects to where that is so.
            EndlessRedirects
            RequestFailed: there is no answer.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            if not allowed(url):
                raise Disallowed(f"{url} is on a host that the crawl may not ask")
            rules = await self._robots(url)
            if not rules.can_fetch(url, self._site.agent):
                raise Disallowed(f"robots.txt disallows {url}")
            answer = await self._ask(url, headers, max_bytes)
            if answer.location is None:
                return Fetched(url, answer)
            following = normalised(answer.location, url)
            if following is None:
                raise RequestFailed(f"{url} redirects to {answer.location!r}, which is no page")
            url = following
        raise EndlessRedirects(f"{url}: redirects do not end")

    async def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that a site's robots.txt names, or the usual one.

        Raises:
            RequestFailed: its robots.txt cannot be read.
        """
        rules = await self._robots(url)
        named = [found for item in rules.sitemaps if (found := normalised(item, url))]
        usual = normalised("/sitemap.xml", url)
        return named or ([usual] if usual else [])

    async def _robots(self, url: str) -> Protego:
        """The rules of a host. A server in trouble may forbid everything (RFC 9309, 2.3.1.4)."""
        from protego import Protego

        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._rules:
            place = f"{host}/robots.txt"
            answer = await self._ask(place, {}, _MAX_ROBOTS_BYTES)
            for _ in range(_MAX_REDIRECTS):
                following = normalised(answer.location, place) if answer.location else None
                if following is None:
                    break
                place = following
                answer = await self._ask(place, {}, _MAX_ROBOTS_BYTES)
            if answer.status == 429 or answer.status >= 500:
                raise RequestFailed(f"{place} answers {answer.status}: nothing is asked for")
            text = answer.body.decode("utf-8", "replace") if answer.status == 200 else ""
            self._rules[host] = Protego.parse(text)
        return self._rules[host]

    async def _ask(self, url: str, headers: Mapping[str, str], max_bytes: int) -> Answer:
        site, host = self._site, host_of(url)
        await asyncio.sleep(max(0.0, self._next.get(host, 0.0) - time.monotonic()))
        self.requests += 1
        try:
            return await asyncio.to_thread(
                self._fetch,
                url,
                {"User-Agent": site.agent, "Accept": "*/*", **headers},
                max_bytes=max_bytes,
                seconds=site.request_seconds,
                private=site.private_addresses,
            )
        finally:
            self._next[host] = time.monotonic() + self._delay(url)

    def _delay(self, url: str) -> float:
        parts = urlsplit(url)
        rules = self._rules.get(f"{parts.scheme}://{parts.netloc}")
        asked = rules.crawl_delay(self._site.agent) if rules is not None else None
        return max(self._site.delay, min(float(asked or 0), _LONGEST_DELAY))
