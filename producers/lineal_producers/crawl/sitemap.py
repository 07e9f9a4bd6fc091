"""Sitemaps: pages that a site names itself (sitemaps.org/protocol.html)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from lineal_producers.crawl.fetching import Fetcher
from lineal_producers.crawl.requests import RequestFailed, unpacked
from lineal_producers.crawl.urls import normalised

_MAX_FILES = 50
_MAX_BYTES = 50 * 1024 * 1024
"""What the protocol allows a sitemap."""


async def sitemap_pages(
    fetcher: Fetcher, start: str, allowed: Callable[[str], bool], limit: int
) -> list[str]:
    """The pages that the sitemaps of a site name; at most so many.

    Sitemaps of sitemaps are read, each once; one that cannot be read names nothing.
    """
    try:
        waiting = deque(await fetcher.sitemaps(start))
    except RequestFailed:
        return []
    pages: dict[str, None] = {}
    read: set[str] = set()
    while waiting and len(read) < _MAX_FILES and len(pages) < limit:
        url = waiting.popleft()
        if url in read:
            continue
        read.add(url)
        try:
            fetched = await fetcher.get(url, {}, _MAX_BYTES, allowed)
            body, whole = fetched.answer.body, fetched.answer.whole
            if body.startswith(b"\x1f\x8b"):
                body, whole = unpacked(body, _MAX_BYTES)
        except RequestFailed:
            continue
        if fetched.answer.status != 200 or not whole:
            continue
        index, found = _locations(body)
        wanted = [item for place in found if (item := normalised(place, fetched.url))]
        if index:
            waiting.extend(wanted)
        else:
            pages.update(dict.fromkeys(wanted))
    return list(pages)[:limit]


def _locations(body: bytes) -> tuple[bool, list[str]]:
    """Whether it is a sitemap of sitemaps, and what it names."""
    from lxml import etree  # type: ignore[import-untyped]

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return False, []
    if root is None:
        return False, []
    found = [
        element.text.strip()
        for element in root.iter("{*}loc")
        if element.text and etree.QName(element.getparent()).localname in ("url", "sitemap")
    ]
    return etree.QName(root).localname == "sitemapindex", found
