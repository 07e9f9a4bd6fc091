"""Keeps the pages of documents that are being looked at: most go from one page to the next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from lineal_catalog.pages.view import StoredPages

_MAX_BYTES = 64_000_000


class PageCache:
    """The pages of the documents that were looked at last, by the digest of what was read."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, StoredPages] = OrderedDict()

    async def pages(self, digest: str, result: bytes) -> StoredPages:
        """The pages of a document.

        Args:
            digest: of the object; who asks has read it, so what was erased is not asked for.
            result: the gzipped TextResult.
        """
        found = self._kept.get(digest)
        if found is None:
            found = self._kept[digest] = await asyncio.to_thread(StoredPages, result)
            while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > self._max_bytes:
                self._kept.popitem(last=False)
        self._kept.move_to_end(digest)
        return found


def _size(pages: StoredPages) -> int:
    return pages.size
