"""Crawls a site: pages by their links, then the images on them; announces what is new or gone.

What was seen is noted page by page. A crawl that was ended early is gone on with: pages it has
looked at already are not asked for again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from uuid import uuid4

import structlog

from lineal.admission import admit
from lineal.bus.claim_check import check_in
from lineal.runtime import Runtime
from lineal.store.objects import reference
from lineal_producers.admission_policies import CRAWL
from lineal_producers.arrival import store
from lineal_producers.crawl.entries import (
    CrawlNoted,
    ImageEntry,
    PageEntry,
    RunEntry,
    Validators,
    entries,
    prepare,
)
from lineal_producers.crawl.fetching import Disallowed, EndlessRedirects, Fetcher
from lineal_producers.crawl.html import read_page
from lineal_producers.crawl.requests import AddressRejected, Answer, RequestFailed
from lineal_producers.crawl.settings import SiteSettings
from lineal_producers.crawl.sitemap import sitemap_pages
from lineal_producers.crawl.urls import Traps, host_of, normalised
from lineal_schemas.diagrams import Appearance, ImageFound, ImageGone
from lineal_schemas.envelope import first_event, now_us
from lineal_schemas.ids import arrival_id

log = structlog.get_logger(__name__)

_SOURCE = "lineal:crawl"
_HTML = ("text/html", "application/xhtml+xml", "")
_MAX_APPEARANCES = 20
"""Pages that are kept of an image: a logo is on every one."""
_MAX_FAILURES = 100
"""Reasons that are kept for the report."""

Progress = Callable[[str], None]


@dataclass(slots=True)
class CrawlResult:
    """What a crawl has seen and announced."""

    pages: int = 0
    """Those that are there."""
    unchanged_pages: int = 0
    images: int = 0
    """Announced as new or changed."""
    unchanged_images: int = 0
    gone: int = 0
    traps: int = 0
    """Links that were not followed, as they lead on for ever."""
    disallowed: int = 0
    complete: bool = True
    """False: a limit ended it, or something could not be read; nothing is called gone for that."""
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Pages that were never read, in as many crawls as they may fail in."""


async def crawl_site(
    runtime: Runtime,
    site: SiteSettings,
    actor: str,
    *,
    progress: Progress = lambda _: None,
    fetcher: Fetcher | None = None,
) -> CrawlResult:
    """Crawl a site from its first pages.

    Args:
        actor: who has it crawled.
        progress: is told what is asked for.

    Raises:
        BusUnavailable, StoreUnavailable: what was seen cannot be written; the next crawl goes on.
    """
    await prepare(runtime)
    await runtime.flush_ledger()
    crawl = _Crawl(runtime, site, actor, progress, fetcher or Fetcher(site))
    await crawl.begin()
    await crawl.read_pages()
    await crawl.read_images()
    await crawl.end()
    return crawl.result


class _Crawl:
    def __init__(
        self, runtime: Runtime, site: SiteSettings, actor: str, progress: Progress, fetcher: Fetcher
    ) -> None:
        self._runtime, self._site, self._actor = runtime, site, actor
        self._progress, self._fetcher = progress, fetcher
        starts = [found for url in site.urls if (found := normalised(url))]
        self._starts = list(dict.fromkeys(starts))
        self._hosts = frozenset(map(host_of, starts))
        self._image_hosts = self._hosts | frozenset(host.lower() for host in site.image_hosts)
        self._deadline = time.monotonic() + site.seconds
        self._pages: dict[str, PageEntry] = {}
        self._images: dict[str, ImageEntry] = {}
        self._seen: dict[str, PageEntry] = {}
        """Of this crawl, by URL."""
        self._failing: set[str] = set()
        """Pages that were never read, and not now either."""
        self._run = ""
        self.result = CrawlResult()

    async def begin(self) -> None:
        name = self._site.name
        self._pages = await entries(self._runtime, name, "page", PageEntry)
        self._images = await entries(self._runtime, name, "image", ImageEntry)
        begun = await entries(self._runtime, name, "run", RunEntry)
        self._run = begun[""].run if "" in begun else uuid4().hex
        await self._note(CrawlNoted(name, "run", "", RunEntry(run=self._run).model_dump_json()))

    async def read_pages(self) -> None:
        """Breadth first, so that limits leave out what is farthest away."""
        site, result = self._site, self.result
        traps = Traps(site.max_segments, site.max_queries)
        waiting = deque((url, 0) for url in self._starts)
        known = set(self._starts)
        if site.max_depth:
            for start in self._starts:
                named = await sitemap_pages(self._fetcher, start, self._on_site, site.max_pages)
                self._add(named, 1, waiting, known, traps)
        contents: set[str] = set()
        while waiting:
            if len(self._seen) >= site.max_pages or time.monotonic() > self._deadline:
                result.complete = False
                self._failed("a limit ended the crawl: raise max_pages or seconds")
                break
            url, depth = waiting.popleft()
            entry = await self._page(url)
            # A page under many addresses is followed once: its links lead to more of these.
            if entry is None or (entry.digest in contents and depth):
                continue
            contents.add(entry.digest)
            if depth < site.max_depth:
                self._add(entry.links, depth + 1, waiting, known, traps)

    def _add(
        self,
        links: tuple[str, ...] | list[str],
        depth: int,
        waiting: deque[tuple[str, int]],
        known: set[str],
        traps: Traps,
    ) -> None:
        for link in links:
            if link in known or not self._on_site(link):
                continue
            known.add(link)
            if traps.holds(link):
                self.result.traps += 1
            else:
                waiting.append((link, depth))

    def _on_site(self, url: str) -> bool:
        return host_of(url) in self._hosts

    def _may_have_images(self, url: str) -> bool:
        return host_of(url) in self._image_hosts

    async def _page(self, url: str) -> PageEntry | None:
        """What a page has; None where there is none, or it was seen under another URL."""
        before, result = self._pages.get(url), self.result
        if before is not None and before.failed:
            if before.run == self._run:
                self._never_read(url, before.failed, f"{url} failed before this crawl went on")
                return None
        elif before is not None and before.run == self._run:
            self._see(url, before)
            return before
        self._progress(url)
        headers = before.validators.conditions() if before else {}
        try:
            fetched = await self._fetcher.get(
                url, headers, self._site.max_page_bytes, self._on_site
            )
        except Disallowed:
            result.disallowed += 1
            await self._forget_page(url)
            return None
        except RequestFailed as error:
            return await self._keep(url, before, error)
        answer = fetched.answer
        if answer.status == 304 and before is not None and not before.failed:
            result.unchanged_pages += 1
            entry = before.model_copy(update={"run": self._run})
        elif answer.status in (404, 410):
            await self._forget_page(url)
            return None
        elif answer.status != 200:
            return await self._keep(url, before, f"{url} answers {answer.status}")
        elif answer.media_type not in _HTML:
            await self._forget_page(url)
            return None
        else:
            if fetched.url != url and fetched.url in self._seen:
                await self._forget_page(url)
                return None
            entry = self._read(fetched.url, answer)
            if before is not None and before.digest == entry.digest:
                result.unchanged_pages += 1
        self._see(url, entry)
        await self._note(CrawlNoted(self._site.name, "page", url, entry.model_dump_json()))
        return entry

    def _read(self, url: str, answer: Answer) -> PageEntry:
        charset = answer.headers.get("content-type", "").partition("charset=")[2].strip(" \"';")
        page = read_page(url, answer.body, charset or None)
        return PageEntry(
            run=self._run,
            validators=_validators(answer),
            digest=sha256(answer.body).hexdigest(),
            links=page.links if page.follow else (),
            images=page.images,
        )

    def _see(self, url: str, entry: PageEntry) -> None:
        self._seen[url] = entry
        self.result.pages += 1

    async def _keep(
        self, url: str, before: PageEntry | None, error: RequestFailed | str
    ) -> PageEntry | None:
        """A page that cannot be read now is as it was; what is on it is not gone."""
        if before is not None and not before.failed:
            self._failed(str(error))
            if isinstance(error, AddressRejected):
                self.result.complete = False
                return None
            self._seen[url] = before
            return before
        if isinstance(error, EndlessRedirects):
            self._failed(str(error))
            return None  # no trouble that passes: else nothing of such a site were ever gone
        failed = (before.failed if before is not None else 0) + 1
        entry = PageEntry(run=self._run, failed=failed)
        await self._note(CrawlNoted(self._site.name, "page", url, entry.model_dump_json()))
        self._never_read(url, failed, error)
        return None

    def _never_read(self, url: str, failed: int, error: object) -> None:
        """A page that fails ever again is left out in the end: nothing of such a site were ever
        gone. Without the pages it begins with a crawl has seen nothing."""
        self._failing.add(url)
        if failed >= self._site.page_attempts and url not in self._starts:
            self.result.left_out.append(url)
            self._failed(f"{error}: left out, as it failed in {failed} crawls in a row")
            return
        self.result.complete = False
        self._failed(str(error))

    async def _forget_page(self, url: str) -> None:
        if url in self._pages:
            await self._note(CrawlNoted(self._site.name, "page", url, None))
            del self._pages[url]

    async def read_images(self) -> None:
        shown: dict[str, list[Appearance]] = {}
        for entry in self._seen.values():
            for url, appearance in entry.images:
                if self._may_have_images(url):
                    shown.setdefault(url, []).append(appearance)
        for number, (url, places) in enumerate(shown.items()):
            if number >= self._site.max_images or time.monotonic() > self._deadline:
                self.result.complete = False
                self._failed("a limit ended the crawl: raise max_images or seconds")
                break
            # The same page under several URLs is one.
            distinct = dict.fromkeys(sorted(places, key=lambda place: place.page))
            await self._image(url, tuple(distinct)[:_MAX_APPEARANCES])
        if self.result.complete:
            for url in self._images.keys() - shown.keys():
                await self._gone(url, "no page shows it")

    async def _image(self, url: str, appearances: tuple[Appearance, ...]) -> None:
        before, result = self._images.get(url), self.result
        if before is not None and before.run == self._run and before.appearances == appearances:
            result.unchanged_images += 1
            return
        self._progress(url)
        headers = before.validators.conditions() if before else {}
        try:
            fetched = await self._fetcher.get(
                url, headers, self._site.max_image_bytes, self._may_have_images
            )
        except Disallowed:
            result.disallowed += 1
            if before is not None:
                await self._gone(url, "not found")
            return
        except RequestFailed as error:
            self._failed(str(error))
            return
        answer = fetched.answer
        if answer.status in (404, 410):
            if before is not None:
                await self._gone(url, "not found")
            return
        if answer.status == 304 and before is not None:
            entry = before.model_copy(update={"run": self._run, "appearances": appearances})
        elif answer.status != 200 or not answer.whole:
            self._failed(
                f"{url} answers {answer.status}"
                if answer.whole
                else f"{url} has more than {self._site.max_image_bytes} bytes"
            )
            return
        elif not answer.media_type.startswith("image/") or "svg" in answer.media_type:
            return
        else:
            stored = await store(self._runtime, BytesIO(answer.body), answer.media_type)
            entry = ImageEntry(
                run=self._run,
                validators=_validators(answer),
                sha256=stored.sha256,
                bytes=stored.bytes,
                media_type=stored.media_type,
                appearances=appearances,
            )
        noted = CrawlNoted(self._site.name, "image", url, entry.model_dump_json())
        if before is not None and _same(before, entry):
            result.unchanged_images += 1
            await self._note(noted)
            return
        found = ImageFound(
            url=url,
            content=reference(entry.sha256, entry.bytes, entry.media_type),
            appearances=appearances,
            crawled_us=now_us(),
        )
        await self._announce(found, noted)
        result.images += 1

    async def _gone(self, url: str, reason: str) -> None:
        gone = ImageGone.model_validate({"url": url, "reason": reason, "crawled_us": now_us()})
        await self._announce(gone, CrawlNoted(self._site.name, "image", url, None))
        self.result.gone += 1

    async def _announce(self, payload: ImageFound | ImageGone, noted: CrawlNoted) -> None:
        # One event for what a crawl has seen: announced again after a crash, it has the same id.
        said = payload.model_dump_json(exclude={"crawled_us"})
        identifier = arrival_id(_SOURCE, "", f"{self._run}\n{payload.type}\n{said}")
        event = admit(
            first_event(payload, id=identifier, source=_SOURCE),
            CRAWL,
            payload=payload,
            actor=self._actor,
        )
        addressed = (payload.type, await check_in(event, self._runtime.objects))
        await self._runtime.committer.publish([addressed], [noted])

    async def end(self) -> None:
        """Forget pages that nothing links to; a crawl that was ended early is gone on with."""
        self.result.requests = self._fetcher.requests
        if not self.result.complete and time.monotonic() > self._deadline:
            return
        name = self._site.name
        forgotten = []
        if self.result.complete:
            unseen = self._pages.keys() - self._seen.keys() - self._failing
            forgotten = [CrawlNoted(name, "page", url, None) for url in unseen]
        await self._note(*forgotten, CrawlNoted(name, "run", "", None))

    async def _note(self, *noted: CrawlNoted) -> None:
        await self._runtime.committer.publish([], noted)

    def _failed(self, reason: str) -> None:
        log.info("crawl.not_read", reason=reason)
        if len(self.result.failures) < _MAX_FAILURES:
            self.result.failures.append(reason)


def _validators(answer: Answer) -> Validators:
    return Validators(etag=answer.headers.get("etag"), modified=answer.headers.get("last-modified"))


def _same(before: ImageEntry, after: ImageEntry) -> bool:
    return before.sha256 == after.sha256 and before.appearances == after.appearances
