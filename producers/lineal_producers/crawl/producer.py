"""Sites on a schedule as a producer: one process crawls them, others are on standby."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from lineal.errors import LinealError
from lineal.lineage.actor import acting_user
from lineal.producers import Producer
from lineal_producers.crawl.settings import CrawlSettings, SiteSettings, WrongSite
from lineal_producers.exclusive_watches import ExclusiveWatch, ExclusiveWatches
from lineal_producers.process_lock import ProcessLock

if TYPE_CHECKING:
    from lineal.runtime import Runtime

log = structlog.get_logger(__name__)


class CrawlProducer(ExclusiveWatches):
    """Crawls each site of the settings, again and again.

    Raises:
        WrongSite: the settings name no site.
    """

    def __init__(self, runtime: Runtime) -> None:
        sites = runtime.settings.section(CrawlSettings).sites
        if not sites:
            raise WrongSite(
                "no site is set: name one under [[crawl.sites]] in lineal.toml (docs/diagrams.md)"
            )
        lock = ProcessLock(runtime.settings.data / "crawl.lock")
        super().__init__([ExclusiveWatch("crawl", _Schedule(runtime, sites), lock)])


class _Schedule:
    def __init__(self, runtime: Runtime, sites: Sequence[SiteSettings]) -> None:
        self._runtime = runtime
        self._sites = sites
        self._problems: dict[str, str] = {}

    @property
    def problem(self) -> str | None:
        return "; ".join(self._problems.values()) or None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for site in self._sites:
                group.create_task(self._repeat(site))

    async def _repeat(self, site: SiteSettings) -> None:
        from lineal_producers.crawl.crawling import crawl_site

        while True:
            try:
                result = await crawl_site(self._runtime, site, acting_user())
                self._problems.pop(site.name, None)
                if not result.pages and result.failures:
                    self._problems[site.name] = f"nothing was read: {result.failures[0]}"
                log.info(
                    "crawl.done", pages=result.pages, images=result.images, gone=result.gone,
                    complete=result.complete,
                )  # fmt: skip
            except (LinealError, OSError) as error:
                self._problems[site.name] = f"{site.urls[0]} cannot be crawled: {error}"
                log.warning("crawl.failed", error=str(error))
            await asyncio.sleep(site.every)


CRAWL = Producer(
    "crawl",
    "the crawl of sites",
    CrawlProducer,
    lambda settings: bool(settings.section(CrawlSettings).sites),
)
