"""Pages of documents that are being looked at are kept, within a size."""

from __future__ import annotations

from lineal_catalog.pages.view import StoredPages
from lineal_console.page_cache import PageCache
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
