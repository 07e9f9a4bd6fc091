"""Sources on a schedule as a producer: one process compares them, others are on standby."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from lineal.errors import LinealError
from lineal.producers import Producer
from lineal_producers.exclusive_watches import ExclusiveWatch, ExclusiveWatches
from lineal_producers.process_lock import ProcessLock
from lineal_producers.sync.settings import SyncSettings, WrongSource

if TYPE_CHECKING:
    from lineal.runtime import Runtime
    from lineal_producers.sync.settings import SourceSettings

log = structlog.get_logger(__name__)


class SyncProducer(ExclusiveWatches):
    """Compares each source of the settings, again and again.

    Raises:
        WrongSource: the settings name no source.
    """

    def __init__(self, runtime: Runtime) -> None:
        sources = runtime.settings.section(SyncSettings).sources
        if not sources:
            raise WrongSource(
                "no source is set: name one under [[sync.sources]] in lineal.toml "
                "(docs/producers.md)"
            )
        lock = ProcessLock(runtime.settings.data / "sync.lock")
        super().__init__([ExclusiveWatch("sync", _Schedule(runtime, sources), lock)])


class _Schedule:
    """The comparisons of all sources, each at its times."""

    def __init__(self, runtime: Runtime, sources: Sequence[SourceSettings]) -> None:
        self._runtime = runtime
        self._sources = sources
        self._problems: dict[str, str] = {}

    @property
    def problem(self) -> str | None:
        return "; ".join(self._problems.values()) or None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(self._repeat(source))

    async def _repeat(self, source: SourceSettings) -> None:
        from lineal_producers.sync.schedule import synchronise_source

        while True:
            try:
                result = await synchronise_source(self._runtime, source)
                self._problems.pop(source.url, None)
                log.info("sync.done", ingested=result.ingested, deleted=result.deleted)
            except (LinealError, OSError) as error:
                self._problems[source.url] = f"{source.url} cannot be compared: {error}"
                log.warning("sync.failed", error=str(error))
            await asyncio.sleep(source.every)


SYNC = Producer(
    "sync",
    "the sources on a schedule",
    SyncProducer,
    lambda settings: bool(settings.section(SyncSettings).sources),
)
