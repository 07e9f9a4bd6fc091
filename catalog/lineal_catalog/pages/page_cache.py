"""Keeps the pages of documents that are being looked at: most go from one page to the next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import NamedTuple

from lineal_catalog.pages.view import StoredPages

_MAX_BYTES = 64_000_000
_IDLE_SECONDS = 300.0


class _Kept(NamedTuple):
    pages: StoredPages
    expiry: asyncio.TimerHandle


class PageCache:
    """The pages of the documents that were looked at last, by the digest of what was read.

    What nobody looks at goes after a while: also what another process has erased meanwhile.

    Args:
        max_bytes: of all that is kept; the one that was looked at last is kept always.
        idle_seconds: after which pages go that nobody has asked for again.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._decoding = asyncio.Lock()

    async def pages(self, digest: str, result: bytes) -> StoredPages:
        """The pages of a document, decoded once however many ask for them.

        Args:
            digest: of the object; who asks has read it, so what was erased is not asked for.
            result: the gzipped TextResult.
        """
        async with self._decoding:
            kept = self._kept.get(digest)
            pages = await asyncio.to_thread(StoredPages, result) if kept is None else kept.pages
            self.drop(digest)
            expiry = asyncio.get_running_loop().call_later(self._idle_seconds, self.drop, digest)
            self._kept[digest] = _Kept(pages, expiry)
        while len(self._kept) > 1 and self.size > self._max_bytes:
            self.drop(next(iter(self._kept)))
        return pages

    @property
    def size(self) -> int:
        """Bytes that are kept, about."""
        return sum(kept.pages.size for kept in self._kept.values())

    def drop(self, digest: str) -> None:
        """Keep the pages of a document no longer."""
        kept = self._kept.pop(digest, None)
        if kept is not None:
            kept.expiry.cancel()
