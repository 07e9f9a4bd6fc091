"""What pages show live: looked up once for all that watch, and only while somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Any

import structlog

log = structlog.get_logger(__name__)

_HEARTBEAT_SECONDS = 15.0
"""A proxy closes a stream that is silent for long."""


class Feed:
    """Looks something up again and again, for everybody who watches it."""

    def __init__(self, look: Callable[[], Awaitable[Any]], seconds: float) -> None:
        self._look = look
        self._seconds = seconds
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._watchers = 0
        self._value: Any = None
        self._version = 0

    async def watch(self) -> AsyncIterator[Any]:
        """The present value, and then each that differs from the one before. None: nothing has
        changed for some time."""
        self._watchers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="console feed")
        seen = 0
        try:
            while True:
                async with self._changed:
                    try:
                        async with asyncio.timeout(_HEARTBEAT_SECONDS):
                            while self._version == seen:
                                await self._changed.wait()
                    except TimeoutError:
                        yield None
                        continue
                    seen, value = self._version, self._value
                yield value
        finally:
            self._watchers -= 1
            if self._watchers == 0 and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _run(self) -> None:
        while True:
            try:
                value = await self._look()
            except Exception as error:  # the next look may succeed; a page must not end by it
                log.warning("console.feed_failed", error=repr(error))
            else:
                if self._version == 0 or value != self._value:
                    self._value = value
                    self._version += 1
                    async with self._changed:
                        self._changed.notify_all()
            await asyncio.sleep(self._seconds)


class Feeds:
    """The feeds of a service, by what they look up."""

    def __init__(self) -> None:
        self._feeds: dict[Hashable, Feed] = {}

    def feed(self, key: Hashable, look: Callable[[], Awaitable[Any]], seconds: float) -> Feed:
        """The feed of a key: the one that is watched already, or a new one.

        Args:
            seconds: between two looks.
        """
        idle = [name for name, feed in self._feeds.items() if feed._watchers == 0]
        for name in idle:
            if name != key:
                del self._feeds[name]
        if key not in self._feeds:
            self._feeds[key] = Feed(look, seconds)
        return self._feeds[key]
