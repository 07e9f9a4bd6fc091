"""Pages of documents that are being looked at are kept: once, within a size, and not for long."""

from __future__ import annotations

import asyncio

from lineal_catalog.pages.page_cache import PageCache
from lineal_catalog.pages.view import StoredPages
from tests.consumers.review.documents import reading


async def test_those_looked_at_last_are_kept_within_a_size() -> None:
    result = reading("one two\nthree").to_gzip()
    size = StoredPages(result).size
    cache = PageCache(max_bytes=2 * size)
    first = await cache.pages("a", result)
    second = await cache.pages("b", result)
    assert await cache.pages("a", result) is first
    await cache.pages("c", result)  # takes the place of the one that was looked at longest ago
    assert await cache.pages("a", result) is first
    assert await cache.pages("b", result) is not second
    small = PageCache(max_bytes=1)
    assert await small.pages("a", result) is await small.pages("a", result)  # the last one, always


async def test_who_asks_at_the_same_time_is_given_the_same() -> None:
    result = reading("one two\nthree").to_gzip()
    cache = PageCache()
    one, other = await asyncio.gather(cache.pages("a", result), cache.pages("a", result))
    assert one is other


async def test_what_nobody_looks_at_goes_also_when_it_was_erased_elsewhere() -> None:
    result = reading("one two\nthree").to_gzip()
    cache = PageCache(idle_seconds=0.01)
    await cache.pages("a", result)
    async with asyncio.timeout(60):
        while cache.size:
            await asyncio.sleep(0.01)
    kept = PageCache()
    await kept.pages("a", result)
    kept.drop("a")
    assert kept.size == 0
